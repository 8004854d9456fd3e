//! Calls: what counts as what, and where they may be dropped.

use std::{
    future::{pending, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::FutureExt;

use super::{
    super::{CallError, CircuitBreaker, Config, Outcome, State},
    SECOND, breaker, config, half_open, opened,
};
use crate::testing::{self, for_each_drop_point};

#[test]
fn an_error_is_a_failure_and_comes_back_as_it_was() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, config());
        assert_eq!(breaker.call(ready(Ok::<_, &str>(5))).await, Ok(5));
        let failed = breaker.call(ready(Err::<u8, _>("no"))).await.unwrap_err();
        assert_eq!((failed.to_string(), failed.failed()), ("no".to_owned(), Some("no")));
        let stats = breaker.stats();
        assert_eq!((stats.window_calls, stats.window_failures), (2, 1));
    });
}

#[test]
fn a_rejected_call_is_never_polled() {
    testing::run(1, |rt| async move {
        let breaker = opened(&rt, config());
        let rejected = breaker.call(async { panic!("polled") as Result<(), ()> }).await.unwrap_err();
        assert!(matches!(&rejected, CallError::Rejected(rejected) if rejected.state == State::Open));
        assert_eq!(rejected.failed(), None);
    });
}

#[test]
fn the_user_says_what_counts() {
    testing::run(1, |rt| async move {
        let breaker = half_open(&rt, Config { successes_to_close: 2, ..config() }).await;
        let classify = |result: &Result<u16, u16>| match result {
            Ok(503) => Outcome::Failure,
            Err(404) => Outcome::Ignored,
            _ => Outcome::Success,
        };
        assert_eq!(breaker.call_with(classify, ready(Err(404))).await, Err(CallError::Failed(404)));
        assert_eq!((breaker.state(), breaker.stats().ignored), (State::HalfOpen, 1));
        assert_eq!(breaker.call_with(classify, ready(Ok(503))).await, Ok(503));
        assert_eq!(breaker.state(), State::Open);
    });
}

/// Runs a call that panics to its end.
fn panics<T>(call: impl Future<Output = T>) {
    assert!(catch_unwind(AssertUnwindSafe(|| call.now_or_never())).is_err());
}

#[test]
fn a_panic_is_a_failure() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, config());
        panics(breaker.call(async { panic!("boom") as Result<(), ()> }));
        assert_eq!((breaker.stats().window_failures, breaker.stats().ignored), (1, 0));
        panics(breaker.call_with(|_| panic!("boom"), ready(Ok::<_, ()>(()))));
        assert_eq!((breaker.stats().window_failures, breaker.stats().ignored), (2, 0));
    });
}

#[test]
fn a_panic_of_a_probe_opens_it_again() {
    testing::run(1, |rt| async move {
        let breaker = half_open(&rt, config()).await;
        panics(breaker.call(async { panic!("boom") as Result<(), ()> }));
        assert_eq!((breaker.state(), breaker.stats().generation), (State::Open, 3));
    });
}

#[test]
fn a_call_that_is_dropped_while_another_panics_has_not_panicked() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, config());
        let waiting = breaker.clone();
        panics(async move {
            let mut call = Box::pin(waiting.call(pending::<Result<(), ()>>()));
            assert!(call.as_mut().now_or_never().is_none());
            panic!("boom");
        });
        assert_eq!((breaker.stats().window_failures, breaker.stats().ignored), (0, 1));
    });
}

#[test]
fn a_call_may_be_dropped_anywhere() {
    for start in ["closed", "half open"] {
        let points = for_each_drop_point(
            0..5,
            |rt| async move {
                let breaker =
                    if start == "closed" { breaker(&rt, config()) } else { half_open(&rt, config()).await };
                (breaker, Arc::new(AtomicUsize::new(0)))
            },
            |rt, (breaker, done)| async move {
                let work = async {
                    rt.sleep(SECOND).await;
                    rt.sleep(SECOND).await;
                    Ok::<_, ()>(())
                };
                breaker.call(work).await.unwrap();
                done.fetch_add(1, Ordering::Relaxed);
            },
            move |_rt, (breaker, done): (CircuitBreaker, Arc<AtomicUsize>)| async move {
                let is_done = done.load(Ordering::Relaxed) == 1;
                let stats = breaker.stats();
                assert_eq!(stats.probes_in_flight, 0);
                assert_eq!((stats.failures, stats.late), (if start == "closed" { 0 } else { 10 }, 0));
                match (start, is_done) {
                    ("closed", _) => assert_eq!(stats.window_calls, u32::from(is_done)),
                    (_, true) => assert_eq!(stats.state, State::Closed),
                    (_, false) => assert_eq!(stats.state, State::HalfOpen),
                }
                assert!(stats.ignored <= 1 && (!is_done || stats.ignored == 0));
                breaker.try_acquire().unwrap().success();
            },
        );
        assert_eq!(points, 25);
    }
}

/// Uses the breaker when it is dropped, and panics.
struct Reenters(CircuitBreaker);

impl Drop for Reenters {
    fn drop(&mut self) {
        let _admitted = self.0.try_acquire().map(super::super::Permit::failure);
        self.0.stats();
    }
}

#[test]
fn destructors_may_use_the_breaker() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, Config { slow_call_after: Some(SECOND), ..config() });
        for _ in 0..20 {
            let held = Reenters(breaker.clone());
            let _result = breaker
                .call(async move {
                    let _held = held;
                    Err::<(), _>(())
                })
                .await;
        }
        assert_eq!(breaker.state(), State::Open);
        // The future of a rejected call, and the error of one.
        let held = Reenters(breaker.clone());
        let _rejected = breaker
            .call(async move {
                drop(held);
                Ok::<(), ()>(())
            })
            .await;
        rt.sleep(5 * SECOND).await;
        let failed = breaker.call(ready(Err::<(), _>(Reenters(breaker.clone())))).await;
        assert!(failed.is_err());
    });
}

#[test]
fn a_call_drops_its_future_before_its_permit() {
    struct SeesProbe(CircuitBreaker, Arc<AtomicUsize>);
    impl Drop for SeesProbe {
        fn drop(&mut self) {
            self.1.store(self.0.stats().probes_in_flight as usize, Ordering::Relaxed);
        }
    }
    testing::run(1, |rt| async move {
        let breaker = half_open(&rt, config()).await;
        let seen = Arc::new(AtomicUsize::new(0));
        let held = SeesProbe(breaker.clone(), Arc::clone(&seen));
        let mut call = Box::pin(breaker.call(async move {
            let _held = held;
            pending::<Result<(), ()>>().await
        }));
        assert!(call.as_mut().now_or_never().is_none());
        drop(call);
        assert_eq!((seen.load(Ordering::Relaxed), breaker.stats().probes_in_flight), (1, 0));
    });
}

#[test]
fn a_permit_that_borrows_nothing_outlives_the_breaker() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, config());
        let mut events = breaker.events();
        let permit = breaker.try_acquire_owned().unwrap();
        drop(breaker);
        let next = futures::StreamExt::next(&mut events);
        assert_eq!(next.now_or_never(), None, "the permit holds it");
        permit.failure();
        assert_eq!(futures::StreamExt::next(&mut events).await, None);
    });
}
