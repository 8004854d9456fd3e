//! Checks of connections that were idle for long.

use std::sync::atomic::Ordering::Relaxed;

use super::{
    super::{Acquire, AcquireError, Check, Config, Order, Phase, TryGetError},
    SECOND, assert_sound, max, pool,
};
use crate::{
    testing::{self, for_each_seed},
    time::Deadline,
};

fn checked(seconds: u32) -> Config {
    Config { check: Check::AfterIdle(SECOND * seconds), ..max(2) }
}

#[test]
fn a_connection_is_checked_only_if_it_was_idle_for_long() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, checked(40));
        drop(pool.get().await.unwrap());
        rt.sleep(SECOND * 20).await;
        drop(pool.get().await.unwrap());
        assert_eq!(backend.checks.load(Relaxed), 0);
        rt.sleep(SECOND * 40).await;
        drop(pool.get().await.unwrap());
        assert_eq!((backend.checks.load(Relaxed), pool.stats().checks), (1, 1));
        drop(pool.get().await.unwrap());
        assert_eq!(backend.checks.load(Relaxed), 1, "it was just checked");
    });
}

#[test]
fn who_holds_a_connection_for_long_does_not_make_it_idle() {
    testing::run(1, |rt| async move {
        let config = Config { idle_timeout: Some(SECOND * 100), ..checked(40) };
        let (pool, backend) = pool(&rt, config);
        let held = pool.get().await.unwrap();
        rt.sleep(SECOND * 500).await;
        drop(held);
        rt.sleep(SECOND * 39).await;
        assert_eq!(pool.get().await.unwrap().number, 0);
        assert_eq!(backend.checks.load(Relaxed), 0);
    });
}

#[test]
fn who_is_polled_long_after_the_call_gets_no_stale_connection() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, Config { acquire_timeout: None, ..checked(40) });
        drop(pool.get().await.unwrap());
        let late = pool.get();
        rt.sleep(SECOND * 100).await;
        drop(late.await.unwrap());
        assert_eq!(backend.checks.load(Relaxed), 1);
    });
}

#[test]
fn a_failed_check_costs_a_connection_and_not_the_call() {
    for_each_seed(0..20, |rt| async move {
        let (pool, backend) = pool(&rt, checked(10));
        pool.warm(2).await.unwrap();
        rt.sleep(SECOND * 10).await;
        backend.checks_fail.store(true, Relaxed);
        let lease = pool.get().await.unwrap();
        assert_eq!((lease.number, pool.stats().retired.check_failed), (2, 2), "both were no good");
        drop(lease);
        assert_eq!(backend.closes.load(Relaxed), 0, "there was nobody to say goodbye to");
        assert_sound(&pool, &backend);
    });
}

#[test]
fn a_check_that_hangs_is_given_up() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, Config { check_timeout: Some(SECOND * 3), ..checked(10) });
        drop(pool.get().await.unwrap());
        rt.sleep(SECOND * 10).await;
        *backend.check_takes.lock() = SECOND * 1000;
        let start = rt.now();
        assert_eq!(pool.get().await.unwrap().number, 1);
        assert_eq!(rt.now() - start, SECOND * 3);
        assert_sound(&pool, &backend);
    });
}

#[test]
fn time_that_ends_in_a_check_is_said_to_have_ended_there() {
    testing::run(1, |rt| async move {
        let config = Config { check_timeout: None, acquire_timeout: Some(SECOND * 4), ..checked(10) };
        let (pool, backend) = pool(&rt, config);
        drop(pool.get().await.unwrap());
        rt.sleep(SECOND * 10).await;
        *backend.check_takes.lock() = SECOND * 1000;
        let start = rt.now();
        let error = pool.get().await.map(drop).unwrap_err();
        assert_eq!(rt.now() - start, SECOND * 4);
        let AcquireError::TimedOut(timed_out) = error else { panic!("{error}") };
        assert_eq!(timed_out.phase, Phase::Check);
        assert_sound(&pool, &backend);
    });
}

#[test]
fn try_get_lends_nothing_unchecked() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, checked(10));
        drop(pool.get().await.unwrap());
        rt.sleep(SECOND * 10).await;
        assert_eq!(pool.try_get().map(drop), Err(TryGetError::CheckDue));
        drop(pool.get().await.unwrap());
        assert_eq!((pool.try_get().unwrap().number, backend.connects()), (0, 1));
    });
}

#[test]
fn a_connection_that_expires_or_loses_its_place_during_its_check_is_not_lent() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, checked(10));
        for change in [super::Pool::expire_all, |pool: &super::Pool<_>| pool.resize(0).unwrap()] {
            pool.resize(2).unwrap();
            drop(pool.get().await.unwrap());
            rt.sleep(SECOND * 10).await;
            *backend.check_takes.lock() = SECOND;
            let number = backend.connects();
            let getting = rt.spawn("getting", {
                let pool = pool.clone();
                async move { pool.get().await.map(|lease| lease.number) }
            });
            rt.sleep(SECOND / 2).await;
            assert_eq!(pool.stats().checking, 1);
            change(&pool);
            rt.sleep(SECOND * 2).await;
            pool.resize(2).unwrap();
            assert_eq!(getting.await.unwrap().unwrap(), number);
        }
        assert_sound(&pool, &backend);
    });
}

#[test]
fn a_check_that_ends_after_the_close_leases_nothing() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, checked(10));
        drop(pool.get().await.unwrap());
        rt.sleep(SECOND * 10).await;
        *backend.check_takes.lock() = SECOND;
        let getting = rt.spawn("getting", {
            let pool = pool.clone();
            async move { pool.get().await.map(drop) }
        });
        rt.sleep(SECOND / 2).await;
        let report = pool.close(SECOND * 5).await;
        assert!(matches!(getting.await.unwrap(), Err(AcquireError::Closed)));
        assert!(report.is_complete());
        assert_eq!(backend.alive(), 0);
    });
}

#[test]
fn who_has_no_time_left_costs_no_connection() {
    for order in [Order::Lifo, Order::Fifo] {
        for_each_seed(0..10, |rt| async move {
            let config = Config { max: 10, order, acquire_timeout: None, ..checked(10) };
            let (pool, backend) = pool(&rt, config);
            pool.warm(10).await.unwrap();
            rt.sleep(SECOND * 60).await;
            let over = Deadline::after(&rt, "over", SECOND);
            rt.sleep(SECOND).await;
            for _ in 0..3 {
                let acquire = Acquire { deadline: Some(over.clone()), priority: 0 };
                let error = pool.get_with(acquire).await.map(drop).unwrap_err();
                assert!(error.is_timed_out(), "{error}");
            }
            let stats = pool.stats();
            assert_eq!((stats.idle, stats.retired.total(), stats.timed_out, stats.checks), (10, 0, 3, 0));
            // Nor does one whose time is over in a check cost more than that one.
            *backend.check_takes.lock() = SECOND * 2;
            let acquire = Acquire { deadline: Some(Deadline::after(&rt, "short", SECOND)), priority: 0 };
            pool.get_with(acquire).await.map(drop).unwrap_err();
            assert_eq!((pool.stats().idle, pool.stats().retired.check_failed), (9, 1));
            assert_sound(&pool, &backend);
        });
    }
}
