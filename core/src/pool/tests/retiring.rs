//! Law 5: what is broken, old, worn or idle for long is not lent.

use std::{collections::BTreeSet, sync::atomic::Ordering::Relaxed, time::Duration};

use super::{
    super::{Check, Config},
    MINUTE, SECOND, assert_sound, calm, max, pool,
};
use crate::testing::{self, for_each_seed};

#[test]
fn a_broken_connection_is_never_lent_again() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        let mut lease = pool.get().await.unwrap();
        lease.broken = true;
        drop(lease);
        assert_eq!((backend.alive(), pool.stats().retired.broken), (0, 1), "dropped at once");
        assert_eq!(backend.closes.load(Relaxed), 0, "without a goodbye");
        assert_eq!(pool.get().await.unwrap().number, 1);
        assert_sound(&pool, &backend);
    });
}

#[test]
fn the_place_of_a_broken_connection_serves_who_waits() {
    for_each_seed(0..20, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        let mut lease = pool.get().await.unwrap();
        let waiter = rt.spawn("waiter", {
            let pool = pool.clone();
            async move { pool.get().await.map(|lease| lease.number) }
        });
        rt.sleep(SECOND).await;
        lease.broken = true;
        drop(lease);
        assert_eq!(waiter.await.unwrap().unwrap(), 1);
        assert_sound(&pool, &backend);
    });
}

#[test]
fn a_discarded_connection_is_closed_and_not_lent_again() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        pool.get().await.unwrap().discard();
        assert_eq!(pool.get().await.unwrap().number, 1);
        assert_eq!((backend.closes.load(Relaxed), pool.stats().retired.discarded), (1, 1));
        assert_sound(&pool, &backend);
    });
}

#[test]
fn an_idle_connection_retires_at_its_time_and_a_timer_runs_only_until_then() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, Config { idle_timeout: Some(SECOND * 100), ..calm() });
        pool.warm(3).await.unwrap();
        let start = rt.now();
        rt.sleep(SECOND * 50).await;
        drop(pool.get().await.unwrap());
        rt.sleep_until(start + SECOND * 101).await;
        assert_eq!(pool.stats().idle, 1, "the one that was used stays");
        rt.sleep_until(start + SECOND * 151).await;
        let stats = pool.stats();
        assert_eq!((stats.idle, stats.retired.idle, backend.alive()), (0, 3, 0));
        assert_sound(&pool, &backend);
        let looked = pool.inner_for_tests().tick();
        rt.sleep(MINUTE * 20).await;
        assert!(pool.inner_for_tests().tick() <= looked + 1, "nothing can expire, nobody looks");
    });
}

#[test]
fn those_to_be_kept_idle_are_checked_and_not_closed() {
    testing::run(1, |rt| async move {
        let config = Config {
            min_idle: 1,
            idle_timeout: Some(SECOND * 20),
            check: Check::AfterIdle(SECOND * 10),
            ..calm()
        };
        let (pool, backend) = pool(&rt, config);
        pool.warm(3).await.unwrap();
        rt.sleep(MINUTE).await;
        assert_eq!((pool.stats().idle, pool.stats().retired.idle), (1, 2));
        let lease = pool.get().await.unwrap();
        assert_eq!((backend.checks.load(Relaxed), pool.stats().retired.idle), (1, 2));
        drop(lease);
        assert_sound(&pool, &backend);
    });
}

#[test]
fn a_short_idle_time_ends_although_nobody_asks() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, Config { idle_timeout: Some(SECOND / 5), ..calm() });
        for _ in 0..3 {
            let lease = pool.get().await.unwrap();
            // Nothing else has the pool looked after by now.
            rt.sleep(SECOND * 2).await;
            drop(lease);
            rt.sleep(SECOND / 5 - SECOND / 1000).await;
            assert_eq!(backend.alive(), 1);
            rt.sleep(SECOND / 500).await;
            assert_eq!(backend.alive(), 0);
        }
    });
}

#[test]
fn an_old_connection_retires_while_idle() {
    testing::run(1, |rt| async move {
        let config = Config { lifetime_max: Some(MINUTE), lifetime_jitter_percent: 0, ..calm() };
        let (pool, backend) = pool(&rt, config);
        pool.warm(1).await.unwrap();
        rt.sleep(MINUTE - SECOND).await;
        assert_eq!(pool.get().await.unwrap().number, 0);
        rt.sleep(SECOND * 2).await;
        assert_eq!((backend.alive(), pool.stats().retired.lifetime), (0, 1));
    });
}

#[test]
fn an_old_connection_retires_when_it_comes_back() {
    testing::run(1, |rt| async move {
        let config = Config { lifetime_max: Some(MINUTE), lifetime_jitter_percent: 0, ..calm() };
        let (pool, backend) = pool(&rt, config);
        let held = pool.get().await.unwrap();
        rt.sleep(MINUTE + SECOND).await;
        assert_eq!(backend.alive(), 1, "it is not taken from its holder");
        drop(held);
        assert_eq!((pool.stats().idle, pool.stats().closing), (0, 1));
        rt.sleep(SECOND).await;
        assert_eq!((backend.alive(), backend.closes.load(Relaxed)), (0, 1));
    });
}

#[test]
fn a_worn_connection_retires_when_it_comes_back() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, Config { uses_max: 3, ..max(1) });
        let mut numbers = Vec::new();
        for _ in 0..7 {
            numbers.push(pool.get().await.unwrap().number);
        }
        assert_eq!(numbers, [0, 0, 0, 1, 1, 1, 2]);
        assert_eq!(pool.stats().retired.uses, 2);
        assert_sound(&pool, &backend);
    });
}

#[test]
fn a_worn_connection_is_not_handed_over_either() {
    for_each_seed(0..20, |rt| async move {
        let (pool, backend) = pool(&rt, Config { uses_max: 2, ..max(1) });
        let users: Vec<_> = (0..6)
            .map(|_| {
                let (rt, pool) = (rt.clone(), pool.clone());
                rt.clone().spawn("user", async move {
                    let lease = pool.get().await.unwrap();
                    rt.sleep(SECOND).await;
                    lease.number
                })
            })
            .collect();
        let mut numbers = Vec::new();
        for user in users {
            numbers.push(user.await.unwrap());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 0, 1, 1, 2, 2]);
        rt.sleep(SECOND).await;
        assert_sound(&pool, &backend);
    });
}

#[test]
fn jitter_is_drawn_once_for_each_connection() {
    let mut ages = BTreeSet::new();
    for seed in 0..40 {
        ages.insert(testing::run(seed, |rt| async move {
            let (pool, backend) =
                pool(&rt, Config { lifetime_max: Some(MINUTE), lifetime_jitter_percent: 50, ..max(1) });
            pool.warm(1).await.unwrap();
            let born = rt.now();
            // Asked again and again, which must not draw again and again.
            while backend.alive() > 0 {
                rt.sleep(SECOND / 10).await;
                if pool.stats().idle > 0 {
                    drop(pool.try_get());
                }
            }
            (rt.now() - born).as_secs()
        }));
    }
    assert!(ages.len() > 10, "they differ: {ages:?}");
    assert!(ages.iter().all(|age| (30..=60).contains(age)), "{ages:?}");
    assert!(ages.iter().any(|age| *age > 50) && ages.iter().any(|age| *age < 40), "all over: {ages:?}");
}

#[test]
fn what_is_outdated_goes_at_once_or_when_it_comes_back_or_when_it_is_made() {
    for_each_seed(0..20, |rt| async move {
        let (pool, backend) = pool(&rt, max(3));
        pool.warm(2).await.unwrap();
        let held = pool.get().await.unwrap();
        *backend.connect_takes.lock() = SECOND;
        let warming = rt.spawn("warming", {
            let pool = pool.clone();
            async move { pool.warm(3).await }
        });
        rt.sleep(SECOND / 2).await;
        assert_eq!(pool.stats().connecting, 1);
        pool.expire_all();
        assert_eq!((pool.stats().idle, pool.stats().closing), (0, 1));
        drop(held);
        assert_eq!(pool.stats().idle, 0);
        rt.sleep(SECOND).await;
        warming.await.unwrap().unwrap();
        assert_eq!(pool.stats().retired.expired, 3);
        assert!(pool.get().await.unwrap().number >= 3, "all that are left are new");
        assert_sound(&pool, &backend);
    });
}

#[test]
fn nothing_limits_a_connection_if_nothing_is_asked_for() {
    testing::run(1, |rt| async move {
        let zero = Some(Duration::ZERO);
        let config = Config {
            acquire_timeout: zero,
            connect_timeout: zero,
            check: Check::Never,
            check_timeout: zero,
            close_timeout: zero,
            handover_max: zero,
            lifetime_max: zero,
            idle_timeout: zero,
            leak_warning_after: zero,
            ..max(1)
        };
        let (pool, backend) = pool(&rt, config);
        *backend.connect_takes.lock() = MINUTE;
        drop(pool.get().await.unwrap());
        rt.sleep(MINUTE * 50).await;
        assert_eq!(pool.get().await.unwrap().number, 0);
        assert_eq!(backend.checks.load(Relaxed), 0);
        assert_eq!(pool.inner_for_tests().tick(), 0, "nobody ever had to look");
    });
}
