//! The laws of generators, each with a test that goes red when it is broken.

use std::{
    future::poll_fn,
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures::{
    FutureExt, Stream, StreamExt,
    channel::oneshot,
    future::{self, Either},
    stream::{FusedStream, FuturesUnordered},
};
use parking_lot::Mutex;

use super::{Generate, Out, Sent, generate, try_generate};
use crate::{
    stream::{Event, merge},
    testing::{self, for_each_drop_point, for_each_seed},
};

const MS: Duration = Duration::from_millis(1);

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn bell() -> (Arc<Bell>, Waker) {
    let bell = Arc::new(Bell::default());
    (bell.clone(), Waker::from(bell))
}

impl Bell {
    fn rung(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

fn poll<S: Stream + Unpin>(stream: &mut S, waker: &Waker) -> Poll<Option<S::Item>> {
    stream.poll_next_unpin(&mut Context::from_waker(waker))
}

/// A generator that waits for ever and has given its `Out` away.
fn given_away<T: Send + 'static>() -> (Generate<'static, T>, Out<T>) {
    let (sender, receiver) = oneshot::channel();
    let mut stream = generate(|out| async move {
        drop(sender.send(out));
        future::pending::<()>().await;
    });
    let (_, waker) = bell();
    assert!(poll(&mut stream, &waker).is_pending());
    let out = receiver.now_or_never().expect("it was sent").expect("it was sent");
    (stream, out)
}

#[test]
fn one_item_is_in_flight_and_none_is_made_ahead() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let mut numbers = generate(|mut out| async move {
        for number in 0..5 {
            count.fetch_add(1, Ordering::Relaxed);
            assert_eq!(out.send(number).await, Sent::Taken);
        }
    });
    assert_eq!(made.load(Ordering::Relaxed), 0, "it starts with the first poll");
    let (bell, waker) = bell();
    for number in 0..5 {
        assert_eq!(poll(&mut numbers, &waker), Poll::Ready(Some(number)));
        assert_eq!(made.load(Ordering::Relaxed), number + 1);
    }
    assert!(!numbers.is_terminated());
    for _ in 0..3 {
        assert_eq!(poll(&mut numbers, &waker), Poll::Ready(None));
        assert!(numbers.is_terminated());
    }
    assert_eq!(bell.rung(), 0, "within one task nobody has to be woken");
}

#[test]
fn an_error_is_the_last_item() {
    testing::run(1, |_rt| async move {
        let mut results = try_generate(|mut out| async move {
            out.send(1).await;
            Err("broken")
        });
        assert_eq!(results.next().await, Some(Ok(1)));
        assert!(!results.is_terminated());
        assert_eq!(results.next().await, Some(Err("broken")));
        assert!(results.is_terminated());
        assert_eq!(results.next().await, None);
        let sound = try_generate(|mut out| async move {
            out.send(2).await;
            Ok::<_, &str>(())
        });
        assert_eq!(sound.collect::<Vec<_>>().await, [Ok(2)]);
    });
}

#[test]
fn a_panic_comes_through_and_ends_the_stream() {
    let (sender, receiver) = oneshot::channel();
    let mut stream = generate(|mut out| async move {
        out.send(1).await;
        drop(sender.send(out));
        panic!("as planned");
    });
    let (_, waker) = bell();
    assert_eq!(poll(&mut stream, &waker), Poll::Ready(Some(1)));
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut stream, &waker))).is_err());
    assert!(stream.is_terminated());
    assert_eq!(poll(&mut stream, &waker), Poll::Ready(None));
    let mut out: Out<i32> = receiver.now_or_never().unwrap().unwrap();
    assert_eq!(out.send(2).now_or_never(), Some(Sent::Refused(2)));
}

#[test]
fn a_dropped_next_loses_nothing() {
    let points = for_each_drop_point(
        0..10,
        |rt| async move {
            let numbers = generate(|mut out| async move {
                for number in 0..4 {
                    rt.sleep(MS).await;
                    out.send(number).await;
                }
            });
            Arc::new(Mutex::new((numbers, Vec::new())))
        },
        |_rt, state| async move { while poll_fn(|cx| note_next(&state, cx)).await {} },
        |_rt, state| async move {
            while poll_fn(|cx| note_next(&state, cx)).await {}
            assert_eq!(state.lock().1, [0, 1, 2, 3]);
        },
    );
    assert_eq!(points, 10 * (1 + 2 * 4));
}

fn note_next(state: &Mutex<(Generate<'_, u32>, Vec<u32>)>, cx: &mut Context<'_>) -> Poll<bool> {
    let (numbers, came) = &mut *state.lock();
    numbers.poll_next_unpin(cx).map(|number| {
        came.extend(number);
        number.is_some()
    })
}

#[test]
fn a_send_that_is_dropped_was_taken_or_was_not() {
    // The sender is in a task of its own; at every point its send is dropped, and then it sends something else.
    let points = for_each_drop_point(
        0..10,
        |rt| async move {
            let (stream, out) = given_away::<u32>();
            let reader = rt.spawn("reader", {
                let rt = rt.clone();
                async move {
                    rt.sleep(MS).await;
                    stream.take_while(|number| future::ready(*number != 99)).collect::<Vec<_>>().await
                }
            });
            Arc::new((Mutex::new(Some(reader)), Mutex::new(Some(out)), AtomicUsize::new(0)))
        },
        |_rt, state| async move {
            for number in 0..3 {
                let mut out = Returned(&state.1, state.1.lock().take());
                assert_eq!(out.1.as_mut().expect("there").send(number).await, Sent::Taken);
                state.2.fetch_add(1, Ordering::Relaxed);
            }
        },
        |_rt, state| async move {
            let reader = state.0.lock().take().expect("checked once");
            let mut out = state.1.lock().take().expect("it came back");
            let sent = state.2.load(Ordering::Relaxed);
            assert_eq!(out.send(99).await, Sent::Taken);
            let came = reader.await.expect("no panic");
            let all = [0, 1, 2];
            // What was taken as its sender was dropped is there as well, and nothing else.
            assert!(came == all[..sent] || came == all[..(sent + 1).min(3)], "{came:?} after {sent}");
        },
    );
    assert!(points >= 40, "{points}");
}

/// Gives an `Out` back wherever the future that holds it is dropped.
struct Returned<'a, T>(&'a Mutex<Option<Out<T>>>, Option<Out<T>>);

impl<T> Drop for Returned<'_, T> {
    fn drop(&mut self) {
        *self.0.lock() = self.1.take();
    }
}

#[test]
fn a_send_that_is_dropped_within_the_poll_withdraws_its_item() {
    testing::run(1, |_rt| async move {
        let item = Arc::new(());
        let withdrawn = item.clone();
        let stream = generate(|mut out| async move {
            match future::select(out.send(Some(withdrawn)), future::ready(())).await {
                Either::Left(_) => panic!("nobody has taken it yet"),
                Either::Right(((), send)) => drop(send),
            }
            out.send(None).await;
        });
        assert_eq!(stream.collect::<Vec<_>>().await, [None]);
        assert_eq!(Arc::strong_count(&item), 1);
    });
}

#[test]
fn another_task_may_send_and_is_woken_as_each_item_is_taken() {
    for_each_seed(0..100, |rt| async move {
        let (mut stream, mut out) = given_away();
        let mut rng = rt.rng("test");
        let sender = rt.spawn("sender", {
            let (rt, mut rng) = (rt.clone(), rt.rng("sender"));
            async move {
                for number in 0..20 {
                    if rng.chance(1, 2) {
                        rt.sleep(MS * rng.below(3) as u32).await;
                    }
                    assert_eq!(out.send(number).await, Sent::Taken);
                }
            }
        });
        for number in 0..20 {
            if rng.chance(1, 2) {
                rt.sleep(MS * rng.below(3) as u32).await;
            }
            assert_eq!(stream.next().await, Some(number));
        }
        sender.await.expect("no panic");
    });
}

#[test]
fn a_sender_elsewhere_in_the_same_task_is_woken() {
    for (reader_first, seed) in [(true, 1), (false, 2)] {
        testing::run(seed, |rt| async move {
            let (mut stream, mut out) = given_away();
            let reader = async {
                assert_eq!(stream.next().await, Some(0));
                // The wake of the second item has passed when it is taken.
                rt.sleep(MS).await;
                for number in 1..10 {
                    assert_eq!(stream.next().await, Some(number));
                }
            };
            let sender = async {
                for number in 0..10 {
                    assert_eq!(out.send(number).await, Sent::Taken);
                }
            };
            if reader_first {
                future::join(reader, sender).await;
            } else {
                future::join(sender, reader).await;
            }
        });
    }
}

#[test]
fn a_sender_within_an_executor_of_the_generators_own_is_woken() {
    testing::run(1, |rt| async move {
        let mut stream = generate(|out| async move {
            let out = Arc::new(async_out::Shared::new(out));
            let mut senders: FuturesUnordered<_> =
                (0..5).map(|number| async_out::send(out.clone(), number)).collect();
            while senders.next().await.is_some() {}
        });
        let mut came = Vec::new();
        while let Some(number) = rt.timeout(MS, stream.next()).await.expect("no wake is lost") {
            came.push(number);
        }
        came.sort_unstable();
        assert_eq!(came, [0, 1, 2, 3, 4]);
    });
}

/// An `Out` that several futures take in turn.
mod async_out {
    use super::*;

    pub(super) struct Shared {
        out: Mutex<Option<Out<u32>>>,
        free: event_listener::Event,
    }

    impl Shared {
        pub(super) fn new(out: Out<u32>) -> Self {
            Self { out: Mutex::new(Some(out)), free: event_listener::Event::new() }
        }
    }

    pub(super) async fn send(shared: Arc<Shared>, number: u32) {
        let mut out = loop {
            let listener = shared.free.listen();
            if let Some(out) = shared.out.lock().take() {
                break out;
            }
            listener.await;
        };
        assert_eq!(out.send(number).await, Sent::Taken);
        *shared.out.lock() = Some(out);
        shared.free.notify(1);
    }
}

#[test]
fn what_is_sent_after_the_end_comes_back() {
    let (sender, receiver) = oneshot::channel();
    let mut stream = generate(|out| async move { drop(sender.send(out)) });
    let (_, waker) = bell();
    assert_eq!(poll(&mut stream, &waker), Poll::Ready(None));
    let mut out = receiver.now_or_never().unwrap().unwrap();
    assert_eq!(out.send(7).now_or_never(), Some(Sent::Refused(7)));
}

#[test]
fn an_item_from_elsewhere_is_handed_out_before_the_end() {
    let (go, gone) = oneshot::channel::<()>();
    let (sender, receiver) = oneshot::channel();
    let mut stream = generate(|out| async move {
        drop(sender.send(out));
        let _ = gone.await;
    });
    let (_, waker) = bell();
    assert_eq!(poll(&mut stream, &waker), Poll::Pending);
    let mut out: Out<u32> = receiver.now_or_never().unwrap().unwrap();
    let mut send = pin!(out.send(7));
    let (sender_bell, sender_waker) = bell();
    assert_eq!(send.as_mut().poll(&mut Context::from_waker(&sender_waker)), Poll::Pending);
    drop(go);
    assert_eq!(poll(&mut stream, &waker), Poll::Ready(Some(7)));
    assert_eq!(sender_bell.rung(), 1);
    assert_eq!(send.as_mut().poll(&mut Context::from_waker(&sender_waker)), Poll::Ready(Sent::Taken));
    assert_eq!(poll(&mut stream, &waker), Poll::Ready(None));
}

#[test]
fn an_item_that_nobody_takes_any_more_comes_back() {
    let (stream, mut out) = given_away();
    let mut send = pin!(out.send(7));
    let (sender_bell, sender_waker) = bell();
    let mut cx = Context::from_waker(&sender_waker);
    assert_eq!(send.as_mut().poll(&mut cx), Poll::Pending);
    drop(stream);
    assert_eq!(sender_bell.rung(), 1);
    assert_eq!(send.as_mut().poll(&mut cx), Poll::Ready(Sent::Refused(7)));
}

#[test]
fn a_send_that_was_forgotten_is_delivered_and_the_next_waits_for_it() {
    let (mut stream, mut out) = given_away();
    let (reader, waker) = bell();
    assert!(poll(&mut stream, &waker).is_pending());
    let (sender, sender_waker) = bell();
    let mut cx = Context::from_waker(&sender_waker);
    let mut forgotten = ManuallyDrop::new(out.send(1));
    assert_eq!(forgotten.poll_unpin(&mut cx), Poll::Pending);
    assert_eq!(reader.rung(), 1);
    let mut second = pin!(out.send(2));
    assert_eq!(second.as_mut().poll(&mut cx), Poll::Pending);
    assert_eq!(poll(&mut stream, &waker), Poll::Ready(Some(1)));
    assert_eq!(sender.rung(), 1);
    assert_eq!(second.as_mut().poll(&mut cx), Poll::Pending, "now it is in the slot");
    assert_eq!(reader.rung(), 1);
    assert_eq!(poll(&mut stream, &waker), Poll::Ready(Some(2)));
    assert_eq!(sender.rung(), 1);
    assert_eq!(second.as_mut().poll(&mut cx), Poll::Ready(Sent::Taken));
}

#[test]
fn a_generator_that_never_waits_lets_other_tasks_run() {
    let mut numbers = generate(|mut out| async move {
        loop {
            out.send(()).await;
        }
    });
    let (bell, waker) = bell();
    for _ in 0..5 {
        let given = (0..).take_while(|_| poll(&mut numbers, &waker).is_ready()).count();
        assert_eq!((given, bell.rung()), (128, 1));
    }
}

#[test]
fn the_generator_is_dropped_when_it_ends_and_with_its_stream() {
    for ends in [true, false] {
        let kept = Arc::new(());
        let inner = kept.clone();
        let mut stream = generate(|mut out| async move {
            let _inner = inner;
            out.send(1).await;
            if !ends {
                future::pending::<()>().await;
            }
        });
        let (bell, waker) = bell();
        assert_eq!(poll(&mut stream, &waker), Poll::Ready(Some(1)));
        assert_eq!(poll(&mut stream, &waker).is_ready(), ends);
        assert_eq!(Arc::strong_count(&kept), if ends { 1 } else { 2 });
        drop((stream, waker));
        assert_eq!((Arc::strong_count(&kept), Arc::strong_count(&bell)), (1, 1));
    }
}

#[test]
fn the_latest_reader_is_woken() {
    let (mut stream, mut out) = given_away();
    let ((first, first_waker), (second, second_waker)) = (bell(), bell());
    assert!(poll(&mut stream, &first_waker).is_pending());
    assert!(poll(&mut stream, &second_waker).is_pending());
    assert!(out.send(1).poll_unpin(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!((first.rung(), second.rung()), (0, 1));
}

/// A waker, and an item, that send something themselves when they are woken or dropped.
struct Reentrant(Arc<Mutex<Option<Out<Option<Reentrant>>>>>);

impl Reentrant {
    fn re_enter(&self) {
        if let Some(mut out) = self.0.try_lock()
            && let Some(out) = &mut *out
        {
            let _ = out.send(None).now_or_never();
        }
    }
}

impl Wake for Reentrant {
    fn wake(self: Arc<Self>) {
        self.re_enter();
    }
}

impl Drop for Reentrant {
    fn drop(&mut self) {
        self.re_enter();
    }
}

#[test]
fn wakers_and_items_may_come_back_as_they_are_dropped() {
    let (mut stream, out) = given_away();
    let out = Arc::new(Mutex::new(Some(out)));
    let mut other = given_away();
    for _ in 0..3 {
        let waker = Waker::from(Arc::new(Reentrant(out.clone())));
        let mut cx = Context::from_waker(&waker);
        assert!(stream.poll_next_unpin(&mut cx).is_pending());
        // Waits with that waker, and takes its item back.
        assert!(other.1.send(Some(Reentrant(out.clone()))).poll_unpin(&mut cx).is_pending());
        assert!(other.1.send(None).poll_unpin(&mut cx).is_pending());
    }
    drop(other);
    drop(stream);
}

#[test]
fn generators_are_merged_as_they_are() {
    testing::run(1, |rt| async move {
        let ticks = |every: u64| {
            let rt = rt.clone();
            generate(move |mut out| async move {
                for number in 1..=3 {
                    rt.sleep(Duration::from_secs(every)).await;
                    out.send(number * every).await;
                }
            })
        };
        let mut merged = merge([("quick", ticks(2)), ("slow", ticks(5))]);
        let mut times = Vec::new();
        while let Some(event) = merged.next().await {
            if let Event::Item(_, at) = event {
                times.push(at);
            }
        }
        assert_eq!(times, [2, 4, 5, 6, 10, 15]);
    });
}
