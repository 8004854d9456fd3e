//! Futures that are dropped or forgotten half-way.

use std::{
    future::poll_fn,
    mem::ManuallyDrop,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures::{
    FutureExt, StreamExt,
    future::{self, Either},
};
use parking_lot::Mutex;

use super::{Generate, MS, Out, Sent, generate, given_away};
use crate::{
    stream::script::{bell, poll},
    testing::{self, for_each_drop_point},
};

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
