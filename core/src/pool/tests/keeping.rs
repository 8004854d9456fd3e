//! What happens to connections while nobody needs them: keepalive, `retain`, and checks before each lease.

use std::{panic::AssertUnwindSafe, sync::atomic::Ordering::Relaxed, time::Duration};

use super::{
    super::{Check, Config, TryGetError},
    MINUTE, SECOND, assert_sound, calm, max, pool,
};
use crate::testing::{self, for_each_seed};

#[test]
fn every_lease_is_checked_first_if_asked_for() {
    for_each_seed(0..20, |rt| async move {
        let (pool, backend) = pool(&rt, Config { check: Check::Always, ..max(1) });
        drop(pool.get().await.unwrap());
        assert_eq!(backend.checks.load(Relaxed), 0, "it was just made");
        for checks in 1..4 {
            assert_eq!(pool.try_get().map(drop), Err(TryGetError::CheckDue));
            drop(pool.get().await.unwrap());
            assert_eq!(backend.checks.load(Relaxed), checks);
        }
        // Also what is handed from one to the next.
        let held = pool.get().await.unwrap();
        let next = rt.spawn("next", {
            let pool = pool.clone();
            async move { pool.get().await.map(|lease| lease.number) }
        });
        rt.sleep(SECOND).await;
        backend.checks_fail.store(true, Relaxed);
        drop(held);
        assert_eq!(next.await.unwrap().unwrap(), 1, "the first was no good");
        assert_eq!((backend.checks.load(Relaxed), pool.stats().retired.check_failed), (5, 1));
        assert_sound(&pool, &backend);
    });
}

#[test]
fn short_times_keep_nobody_busy() {
    for check in [Check::Always, Check::AfterIdle(Duration::from_nanos(1))] {
        testing::run(1, |rt| async move {
            let leak_warning_after = Some(Duration::from_nanos(1));
            let (pool, backend) = pool(&rt, Config { check, leak_warning_after, ..max(1) });
            drop(pool.get().await.unwrap());
            for _ in 0..100 {
                rt.sleep(SECOND / 10).await;
                drop(pool.get().await.unwrap());
            }
            assert_eq!(backend.checks.load(Relaxed), 100);
            let looks = pool.inner_for_tests().tick();
            assert!(looks <= 110, "ten a second: {looks}");
        });
    }
}

#[test]
fn a_short_idle_time_is_told_exactly() {
    testing::run(1, |rt| async move {
        let short = Check::AfterIdle(SECOND / 50);
        let (pool, backend) = pool(&rt, Config { check: short, ..max(1) });
        for (idle, checks) in [(19, 0), (20, 1), (19, 1), (21, 2)] {
            let held = pool.get().await.unwrap();
            rt.sleep(SECOND).await;
            drop(held);
            rt.sleep(Duration::from_millis(idle)).await;
            drop(pool.get().await.unwrap());
            assert_eq!(backend.checks.load(Relaxed), checks, "after {idle} ms");
        }
    });
}

#[test]
fn idle_connections_are_checked_in_the_background_one_at_a_time() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, Config { keepalive: Some(MINUTE), ..calm() });
        pool.warm(3).await.unwrap();
        *backend.check_takes.lock() = SECOND;
        rt.sleep(MINUTE + SECOND / 2).await;
        let stats = pool.stats();
        assert_eq!((stats.checking, stats.idle, backend.checks.load(Relaxed)), (1, 2, 1), "one at a time");
        rt.sleep(SECOND * 3).await;
        let stats = pool.stats();
        assert_eq!((stats.checking, stats.idle, stats.checks), (0, 3, 3));
        drop(pool.get().await.unwrap());
        backend.checks_fail.store(true, Relaxed);
        rt.sleep(MINUTE - SECOND * 4).await;
        assert_eq!(pool.stats().retired.check_failed, 0, "a minute after the last check");
        rt.sleep(SECOND * 30).await;
        assert_eq!(
            (pool.stats().retired.check_failed, backend.alive()),
            (3, 0),
            "found before anybody asked"
        );
        assert_sound(&pool, &backend);
    });
}

#[test]
fn a_keepalive_comes_at_its_time_also_after_a_lease() {
    testing::run(1, |rt| async move {
        // Nothing else has the pool looked after.
        let (pool, backend) = pool(&rt, Config { keepalive: Some(MINUTE), ..calm() });
        drop(pool.get().await.unwrap());
        rt.sleep(SECOND * 20).await;
        let taken = rt.now();
        drop(pool.get().await.unwrap());
        while backend.checks.load(Relaxed) == 0 {
            rt.sleep(SECOND / 10).await;
        }
        let after = rt.now() - taken;
        assert!((MINUTE..=MINUTE + SECOND / 10).contains(&after), "{after:?}");
    });
}

#[test]
fn a_keepalive_that_takes_long_holds_up_no_more_than_one_connection() {
    testing::run(1, |rt| async move {
        let config = Config { keepalive: Some(MINUTE), check_timeout: None, ..calm() };
        let (pool, backend) = pool(&rt, config);
        pool.warm(3).await.unwrap();
        *backend.check_takes.lock() = MINUTE;
        // The pool is looked after every quarter of a minute.
        rt.sleep(MINUTE + SECOND * 50).await;
        assert_eq!((pool.stats().checking, pool.stats().idle), (1, 2));
        assert_sound(&pool, &backend);
    });
}

#[test]
fn what_was_checked_in_the_background_is_not_checked_again_and_still_idle() {
    testing::run(1, |rt| async move {
        let config = Config {
            check: Check::AfterIdle(MINUTE * 2),
            keepalive: Some(MINUTE),
            idle_timeout: Some(MINUTE * 10),
            ..calm()
        };
        let (pool, backend) = pool(&rt, config);
        pool.warm(1).await.unwrap();
        rt.sleep(MINUTE * 5 + SECOND * 10).await;
        assert_eq!(backend.checks.load(Relaxed), 5);
        drop(pool.try_get().unwrap());
        rt.sleep(MINUTE * 12).await;
        assert_eq!((pool.stats().retired.idle, backend.alive()), (1, 0), "a keepalive is no use");
    });
}

#[test]
fn a_caller_waits_for_the_keepalive_of_the_last_connection() {
    for_each_seed(0..20, |rt| async move {
        let (pool, backend) = pool(&rt, Config { keepalive: Some(MINUTE), ..max(1) });
        pool.warm(1).await.unwrap();
        *backend.check_takes.lock() = SECOND;
        rt.sleep(MINUTE + SECOND / 2).await;
        assert_eq!(pool.get().await.unwrap().number, 0);
        assert_eq!(backend.connects(), 1);
        assert_sound(&pool, &backend);
    });
}

#[test]
fn retain_closes_what_it_is_told_to_without_the_lock() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(5));
        pool.warm(4).await.unwrap();
        let held = pool.get().await.unwrap();
        rt.sleep(SECOND).await;
        let mut seen = Vec::new();
        pool.retain(|connection, info| {
            assert_eq!((info.age, info.idle, info.uses, pool.stats().checking), (SECOND, SECOND, 0, 1));
            seen.push(connection.number);
            connection.number % 2 == 0
        });
        assert_eq!(seen.len(), 3, "not the one that is lent: {seen:?}");
        let stats = pool.stats();
        let odd = seen.iter().filter(|number| *number % 2 == 1).count();
        assert_eq!((stats.idle, stats.in_use, stats.checking), (3 - odd, 1, 0));
        rt.sleep(SECOND).await;
        assert_eq!(pool.stats().retired.discarded, odd as u64);
        assert_eq!(backend.closes.load(Relaxed), odd as u64, "with a goodbye");
        drop(held);
        assert_sound(&pool, &backend);
        let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| pool.retain(|_, _| panic!("mine"))));
        panicked.unwrap_err();
        assert_eq!((pool.stats().retired.panicked, pool.stats().checking), (1, 0));
        assert!(!pool.is_closed());
        assert_sound(&pool, &backend);
    });
}

#[test]
fn retain_keeps_the_order_and_the_idle_time() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, Config { idle_timeout: Some(MINUTE), ..max(3) });
        pool.warm(3).await.unwrap();
        rt.sleep(SECOND * 30).await;
        let last = pool.get().await.unwrap().number;
        pool.retain(|_, _| true);
        assert_eq!(pool.get().await.unwrap().number, last);
        rt.sleep(SECOND * 31).await;
        assert_eq!((pool.stats().idle, backend.alive()), (1, 1));
    });
}

#[test]
fn a_lease_tells_the_age_and_the_uses_of_its_connection() {
    testing::run(1, |rt| async move {
        let (pool, _backend) = pool(&rt, max(1));
        for uses in 1..4_u32 {
            let lease = pool.get().await.unwrap();
            let info = lease.info();
            assert_eq!((info.uses, info.age, info.idle), (uses.into(), SECOND * (uses - 1), Duration::ZERO));
            drop(lease);
            rt.sleep(SECOND).await;
        }
    });
}

#[test]
fn a_keepalive_does_not_keep_more_connections_than_are_used() {
    testing::run(1, |rt| async move {
        let config = Config { keepalive: Some(MINUTE), idle_timeout: Some(MINUTE * 5), ..calm() };
        let (pool, backend) = pool(&rt, config);
        pool.warm(3).await.unwrap();
        for _ in 0..40 {
            rt.sleep(SECOND * 20).await;
            drop(pool.get().await.unwrap());
        }
        assert_eq!((pool.stats().idle, backend.alive(), pool.stats().retired.idle), (1, 1, 2));
        assert_sound(&pool, &backend);
    });
}

#[test]
fn a_keepalive_among_those_always_idle_makes_no_other_connection() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, Config { min_idle: 2, keepalive: Some(MINUTE), ..calm() });
        *backend.check_takes.lock() = SECOND;
        rt.sleep(MINUTE * 10).await;
        assert!(backend.checks.load(Relaxed) > 10);
        assert_eq!((pool.stats().idle + pool.stats().checking, backend.connects()), (2, 2));
        // Unless it was found to be no good.
        backend.checks_fail.store(true, Relaxed);
        rt.sleep(MINUTE * 2).await;
        assert!(backend.connects() >= 4);
        assert_sound(&pool, &backend);
    });
}
