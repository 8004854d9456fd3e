//! Code of others: it panics, never ends, and comes back from where it is called.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::{Context, Wake, Waker},
};

use futures::FutureExt;

use super::{super::Bulkhead, bulkhead};
use crate::testing::{run, try_run};

/// Asks the bulkhead how it is whenever it is woken, and when it is dropped.
struct Nosy(Bulkhead);

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {
        self.0.stats();
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.0.stats();
        drop(self.0.try_acquire());
    }
}

#[test]
fn wakers_may_come_back_to_the_bulkhead() {
    run(1, |rt| async move {
        let bulkhead = bulkhead(&rt, 1, 9);
        let nosy = || Waker::from(Arc::new(Nosy(bulkhead.clone())));
        let held = bulkhead.try_acquire().expect("free");
        let mut waiting = bulkhead.acquire();
        assert!(waiting.poll_unpin(&mut Context::from_waker(&nosy())).is_pending());
        assert!(waiting.poll_unpin(&mut Context::from_waker(&nosy())).is_pending(), "drops the first waker");
        let mut second = bulkhead.acquire();
        assert!(second.poll_unpin(&mut Context::from_waker(&nosy())).is_pending());
        drop(waiting);
        drop(held);
        let permit = second.poll_unpin(&mut Context::from_waker(&nosy()));
        assert!(permit.is_ready());
    });
}

struct Grumpy;

impl Wake for Grumpy {
    fn wake(self: Arc<Self>) {
        panic!("not now");
    }
}

#[test]
fn a_waker_that_panics_is_reported_and_stops_nobody() {
    let stop = try_run(1, |rt| async move {
        let bulkhead = bulkhead(&rt, 1, 9);
        let held = bulkhead.try_acquire().expect("free");
        bulkhead.resize(0).expect("closed");
        let mut grumpy = bulkhead.acquire();
        let waker = Waker::from(Arc::new(Grumpy));
        assert!(grumpy.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
        let behind = bulkhead.acquire();
        let behind = rt.spawn("behind", async move { behind.await.map(drop) });
        crate::rt::yield_now().await;
        drop(held);
        bulkhead.resize(2).expect("in range");
        behind.await.expect("no panic").expect("a permit");
        assert_eq!(rt.unobserved_panics(), 1);
    });
    assert!(stop.expect_err("it is reported").to_string().contains("not now"));
}

#[test]
fn a_permit_is_given_back_by_a_task_that_panics() {
    run(1, |rt| async move {
        let bulkhead = bulkhead(&rt, 1, 9);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _permit = bulkhead.try_acquire().expect("free");
            panic!("in the middle");
        }));
        assert!(caught.is_err());
        assert!(bulkhead.try_acquire().is_ok());
    });
}
