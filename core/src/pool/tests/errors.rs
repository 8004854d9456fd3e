//! Law 7: one time limit for everything, and an error that says why.

use std::{error::Error, time::Duration};

use futures::FutureExt;

use super::{
    super::{Acquire, AcquireError, Config, Phase},
    MINUTE, SECOND, assert_sound, max, pool,
};
use crate::{
    testing::{self, for_each_seed},
    time::Deadline,
};

#[test]
fn time_counts_from_the_call_to_the_lease() {
    for_each_seed(0..20, |rt| async move {
        let (pool, _backend) = pool(&rt, Config { acquire_timeout: Some(SECOND * 5), ..max(1) });
        let _held = pool.get().await.unwrap();
        let start = rt.now();
        let get = pool.get();
        rt.sleep(SECOND * 2).await;
        let error = get.await.map(drop).unwrap_err();
        assert_eq!(rt.now() - start, SECOND * 5);
        let AcquireError::TimedOut(timed_out) = error else { panic!("{error}") };
        assert_eq!(timed_out.waited, SECOND * 5);
    });
}

#[test]
fn the_error_says_who_holds_what_and_who_waits() {
    testing::run(1, |rt| async move {
        let (pool, _backend) = pool(&rt, Config { acquire_timeout: Some(SECOND * 5), ..max(2) });
        let (_oldest, line) = (pool.get().await.unwrap(), line!());
        rt.sleep(SECOND * 3).await;
        let _other = pool.get().await.unwrap();
        let mut first = Box::pin(pool.get());
        assert!((&mut first).now_or_never().is_none());
        let second = pool.get();
        rt.sleep(SECOND).await;
        let mut third = Box::pin(pool.get());
        assert!((&mut third).now_or_never().is_none());
        let error = second.await.map(drop).unwrap_err();
        assert!(error.is_timed_out());
        let text = error.to_string();
        let AcquireError::TimedOut(timed_out) = error else { panic!("{error}") };
        assert_eq!(timed_out.phase, Phase::Queue);
        // The time of the first is over too.
        assert_eq!((timed_out.waited, timed_out.waiting), (SECOND * 5, 1));
        assert_eq!((timed_out.in_use, timed_out.max), (2, 2));
        let oldest = timed_out.oldest.expect("two are out");
        assert_eq!((oldest.location.line(), oldest.age), (line, SECOND * 8));
        assert!(oldest.location.file().ends_with("errors.rs"));
        let start = "no connection within 5s, waiting for a connection that others hold; 2 of 2 in use, 1 others wait; \
                     the oldest lease is held for 8s by ";
        assert!(text.starts_with(start), "{text}");
        assert!(timed_out.source().is_none());
        assert_eq!(pool.stats().timed_out, 1);
    });
}

#[test]
fn the_phase_is_what_it_was_waiting_for() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, Config { acquire_timeout: Some(SECOND), ..max(1) });
        *backend.connect_takes.lock() = SECOND * 3;
        let phase = |error| match error {
            AcquireError::TimedOut(timed_out) => timed_out.phase,
            error => panic!("{error}"),
        };
        assert_eq!(phase(pool.get().await.map(drop).unwrap_err()), Phase::Connect);
        rt.sleep(SECOND * 3).await;
        let held = pool.get().await.unwrap();
        assert_eq!(phase(pool.get().await.map(drop).unwrap_err()), Phase::Queue);
        held.discard();
        *backend.connect_takes.lock() = Duration::ZERO;
        backend.is_down.store(true, std::sync::atomic::Ordering::Relaxed);
        let patient = rt.spawn("patient", {
            let (deadline, pool) = (Deadline::after(&rt, "patient", SECOND * 60), pool.clone());
            async move { pool.get_with(Acquire { deadline: Some(deadline), priority: 0 }).await.map(drop) }
        });
        rt.sleep(SECOND * 10).await;
        assert_eq!(phase(pool.get().await.map(drop).unwrap_err()), Phase::Backoff);
        drop(patient);
    });
}

#[test]
fn a_deadline_counts_if_it_is_earlier() {
    testing::run(1, |rt| async move {
        let (pool, _backend) = pool(&rt, Config { acquire_timeout: Some(SECOND * 5), ..max(1) });
        let get = |seconds: u32| {
            let deadline = Some(Deadline::after(&rt, "test", SECOND * seconds));
            pool.get_with(Acquire { deadline, ..Acquire::default() })
        };
        let held = get(0).await.map(drop).unwrap_err();
        assert!(held.is_timed_out(), "nothing was idle, and it was over");
        drop(pool.get().await.unwrap());
        let held = get(0).await.expect("something is idle, so it needs no time");
        let start = rt.now();
        assert!(get(2).await.map(drop).unwrap_err().is_timed_out());
        assert_eq!(rt.now() - start, SECOND * 2);
        assert!(get(200).await.map(drop).unwrap_err().is_timed_out());
        assert_eq!(rt.now() - start, SECOND * 7);
        drop(held);
    });
}

#[test]
fn each_waiter_fails_at_its_own_time() {
    for_each_seed(0..20, |rt| async move {
        let (pool, _backend) = pool(&rt, max(1));
        let _held = pool.get().await.unwrap();
        let start = rt.now();
        let waiters: Vec<_> = [3_u32, 1, 4, 1, 5, 9, 2, 6]
            .map(|seconds| {
                let (rt, pool) = (rt.clone(), pool.clone());
                rt.clone().spawn("waiter", async move {
                    let deadline = Some(Deadline::after(&rt, "test", SECOND * seconds));
                    let got = pool.get_with(Acquire { deadline, priority: seconds as i32 }).await;
                    assert!(got.map(drop).unwrap_err().is_timed_out());
                    assert_eq!(rt.now() - start, SECOND * seconds);
                })
            })
            .into();
        for waiter in waiters {
            waiter.await.unwrap();
        }
        assert_eq!((pool.stats().waiting, pool.stats().timed_out), (0, 8));
    });
}

#[test]
fn a_full_line_refuses_at_once() {
    testing::run(1, |rt| async move {
        let (pool, _backend) = pool(&rt, Config { waiters_max: 2, ..max(1) });
        let held = pool.get().await.unwrap();
        let mut waiting = [Box::pin(pool.get()), Box::pin(pool.get())];
        for waiter in &mut waiting {
            assert!(waiter.now_or_never().is_none());
        }
        let error = pool.get().now_or_never().expect("at once").map(drop).unwrap_err();
        assert!(matches!(error, AcquireError::QueueFull { waiting: 2 }));
        let [first, mut second] = waiting;
        drop(first);
        let mut third = Box::pin(pool.get());
        assert!((&mut third).now_or_never().is_none(), "there is room again");
        drop(held);
        drop((&mut second).now_or_never().expect("its turn").unwrap());
        drop((&mut third).now_or_never().expect("its turn").unwrap());
        assert_eq!((pool.stats().rejected, pool.stats().waited), (1, 4));
        rt.sleep(SECOND).await;
    });
}

#[test]
fn the_error_names_the_deadline_if_that_was_the_earlier_limit() {
    testing::run(1, |rt| async move {
        let (pool, _backend) = pool(&rt, Config { acquire_timeout: Some(SECOND * 5), ..max(1) });
        let _held = pool.get().await.unwrap();
        for (seconds, is_earlier) in [(2, true), (0, true), (9, false)] {
            let deadline = Deadline::after(&rt, "checkout", SECOND * seconds);
            let error = pool.get_with(Acquire { deadline: Some(deadline), priority: 0 }).await.map(drop);
            let AcquireError::TimedOut(timed_out) = error.unwrap_err() else { panic!("it is held") };
            let scope = timed_out.deadline.as_ref().map(|deadline| deadline.scope.as_ref());
            assert_eq!(scope, is_earlier.then_some("checkout"), "{timed_out}");
            assert_eq!(timed_out.to_string().contains("checkout"), is_earlier, "{timed_out}");
        }
    });
}

#[test]
fn whoever_is_late_and_not_polled_is_out_of_the_line() {
    for_each_seed(0..20, |rt| async move {
        let (pool, backend) =
            pool(&rt, Config { acquire_timeout: Some(SECOND * 5), waiters_max: 2, ..max(1) });
        let held = pool.get().await.unwrap();
        let mut late = Box::pin(pool.get());
        assert!((&mut late).now_or_never().is_none());
        rt.sleep(SECOND * 3).await;
        let mut next = Box::pin(pool.get());
        assert!((&mut next).now_or_never().is_none());
        rt.sleep(SECOND * 2).await;
        // The look at the time comes before this, or after.
        drop(held);
        let lease = next.now_or_never().expect("it lies ready").unwrap();
        assert_eq!(pool.stats().waiting, 0);
        // It has its place until it hears that.
        let mut other = Box::pin(pool.get());
        assert!((&mut other).now_or_never().is_none());
        assert!(matches!(pool.get().now_or_never(), Some(Err(AcquireError::QueueFull { waiting: 2 }))));
        lease.discard();
        rt.sleep(SECOND).await;
        assert_eq!(backend.connects(), 2, "one for who waits, none for who is late");
        assert!(late.await.map(drop).unwrap_err().is_timed_out());
        drop(other.await.unwrap());
        assert_sound(&pool, &backend);
    });
}

#[test]
fn a_deadline_that_passed_after_the_time_of_the_call_is_not_blamed() {
    testing::run(1, |rt| async move {
        let (pool, _backend) = pool(&rt, Config { acquire_timeout: Some(SECOND * 5), ..max(1) });
        let _held = pool.get().await.unwrap();
        let deadline = Some(Deadline::after(&rt, "checkout", SECOND * 6));
        let mut late = Box::pin(pool.get_with(Acquire { deadline, ..Acquire::default() }));
        assert!((&mut late).now_or_never().is_none());
        rt.sleep(SECOND * 10).await;
        let Err(AcquireError::TimedOut(timed_out)) = late.await else { panic!("time is over") };
        assert!(timed_out.deadline.is_none(), "{timed_out}");
    });
}

#[test]
fn what_comes_back_at_the_deadline_of_the_first_serves_the_next() {
    // The look at the time comes before that, or after.
    for_each_seed(0..20, |rt| async move {
        let config = Config { acquire_timeout: Some(SECOND * 5), handover_max: Some(MINUTE), ..max(1) };
        let (pool, backend) = pool(&rt, config);
        let held = pool.get().await.unwrap();
        let mut first = Box::pin(pool.get());
        assert!((&mut first).now_or_never().is_none());
        let mut late = Box::pin(pool.get());
        assert!((&mut late).now_or_never().is_none());
        rt.sleep(SECOND).await;
        drop(held);
        let held = first.await.unwrap();
        let mut next = Box::pin(pool.get());
        assert!((&mut next).now_or_never().is_none());
        rt.sleep(SECOND * 4).await;
        drop(held);
        drop(next.now_or_never().expect("it lies ready").unwrap());
        assert!(late.now_or_never().expect("its time is over").is_err());
        assert_sound(&pool, &backend);
    });
}

#[test]
fn nothing_is_connected_for_who_is_late() {
    // The place is free just when time is over: before the look at that, or after.
    for_each_seed(0..20, |rt| async move {
        let (pool, backend) = pool(&rt, Config { acquire_timeout: Some(SECOND * 2), ..max(1) });
        *backend.close_takes.lock() = SECOND * 2;
        pool.get().await.unwrap().discard();
        let mut late = Box::pin(pool.get());
        assert!((&mut late).now_or_never().is_none());
        rt.sleep(SECOND * 5).await;
        assert_eq!((backend.connects(), pool.stats().idle), (1, 0));
        assert!(late.now_or_never().expect("its time is over").is_err());
    });
}
