//! Code of others: it panics, never ends, and comes back from where it is called.

use std::{sync::Arc, task::Wake};

use parking_lot::Mutex;

use super::{super::Acquiring, *};
use crate::testing::{run, try_run};

/// Comes back to the limiter whenever it is woken, and when it is dropped.
struct Nosy(RateLimiter);

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {
        self.0.stats();
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.0.stats();
        let _ = self.0.try_acquire(1);
        let _ = poll(&mut self.0.acquire(1));
    }
}

#[test]
fn wakers_may_come_back_to_the_limiter() {
    run(1, |rt| async move {
        let config = Config { quota: Quota::per_second(1), waiters_max: 3, ..Config::default() };
        let limiter = RateLimiter::with_config(&rt, config).expect("a good config");
        limiter.try_acquire(1).expect("the first");
        let nosy = || Waker::from(Arc::new(Nosy(limiter.clone())));
        let mut first = limiter.acquire(1);
        assert!(first.poll_unpin(&mut Context::from_waker(&nosy())).is_pending());
        assert!(first.poll_unpin(&mut Context::from_waker(&nosy())).is_pending(), "drops the first waker");
        let mut second = limiter.acquire_with(1, until(&rt, 9 * SECOND));
        assert!(second.poll_unpin(&mut Context::from_waker(&nosy())).is_pending());
        let mut third = limiter.acquire(1);
        assert!(third.poll_unpin(&mut Context::from_waker(&nosy())).is_pending());
        let mut refused = limiter.acquire(1);
        assert!(refused.poll_unpin(&mut Context::from_waker(&nosy())).is_ready(), "the line is full");
        rt.sleep(SECOND / 2).await;
        drop(first);
        limiter.set_quota(Quota::per_minute(1)).expect("a good quota");
        let told = second.poll_unpin(&mut Context::from_waker(&nosy()));
        assert!(matches!(told, Poll::Ready(Err(_))), "its slot is half a minute away");
        drop(third);
        assert_eq!(limiter.stats().waiting, 0);
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
        let limiter = limiter(&rt, Quota::per_second(1));
        limiter.try_acquire(1).expect("the first");
        let mut grumpy = limiter.acquire(1);
        let waker = Waker::from(Arc::new(Grumpy));
        assert!(grumpy.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
        limiter.acquire(1).await.expect("behind it");
        limiter.acquire(1).await.expect("and once more");
        assert_eq!(rt.unobserved_panics(), 1);
    });
    assert!(stop.expect_err("it is reported").to_string().contains("not now"));
}

/// What a waker holds: all that is left of a limiter.
struct Last(Mutex<Option<(Acquiring, RateLimiter)>>);

impl Wake for Last {
    fn wake(self: Arc<Self>) {
        let last = self.0.lock().take();
        drop(last);
    }
}

#[test]
fn the_last_of_a_limiter_may_go_while_it_paces() {
    run(1, |rt| async move {
        let limiter = limiter(&rt, Quota::per_second(1));
        limiter.try_acquire(1).expect("the first");
        let last = Arc::new(Last(Mutex::default()));
        let mut acquiring = limiter.acquire(1);
        assert!(acquiring.poll_unpin(&mut Context::from_waker(&last.clone().into())).is_pending());
        *last.0.lock() = Some((acquiring, limiter));
        rt.sleep(2 * SECOND).await;
        assert!(last.0.lock().is_none(), "it was woken");
        assert_eq!(Arc::strong_count(&last), 1, "nothing of it is left");
    });
}

#[test]
fn a_waiter_keeps_its_limiter() {
    run(1, |rt| async move {
        let limiter = limiter(&rt, Quota::per_second(1));
        limiter.try_acquire(1).expect("the first");
        let waiting = limiter.acquire(1);
        drop(limiter);
        waiting.await.expect("no deadline");
    });
}
