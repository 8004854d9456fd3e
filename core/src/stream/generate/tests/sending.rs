//! Sends from outside the generator: each waits until its item is taken.

use std::{
    sync::Arc,
    task::{Context, Wake, Waker},
};

use futures::{FutureExt, StreamExt, future, stream::FuturesUnordered};
use parking_lot::Mutex;

use super::{MS, Out, Sent, generate, given_away};
use crate::testing::{self, for_each_seed};

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
