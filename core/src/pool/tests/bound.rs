//! Law 1: never more than `max`, and one holder at a time.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use super::{
    super::{Check, Config},
    MINUTE, SECOND, assert_sound, calm, max, pool,
};
use crate::testing::{self, for_each_seed};

#[test]
fn there_are_never_more_than_max_and_each_has_one_holder() {
    for_each_seed(0..150, |rt| async move {
        let config = Config {
            max: 4,
            min_idle: 1,
            uses_max: 7,
            check: Check::AfterIdle(SECOND / 50),
            idle_timeout: Some(SECOND / 10),
            lifetime_max: Some(SECOND / 2),
            lifetime_jitter_percent: 25,
            acquire_timeout: Some(SECOND / 5),
            ..Config::default()
        };
        let (pool, backend) = pool(&rt, config);
        *backend.connect_takes.lock() = SECOND / 500;
        *backend.check_takes.lock() = SECOND / 500;
        *backend.close_takes.lock() = SECOND / 300;
        let users: Vec<_> = (0..12)
            .map(|_| {
                let (rt, pool) = (rt.clone(), pool.clone());
                let mut rng = rt.rng("user");
                rt.clone().spawn("user", async move {
                    for _ in 0..12 {
                        rt.sleep(SECOND * rng.below(40) as u32 / 1000).await;
                        let patience = SECOND * rng.below(60) as u32 / 1000;
                        let Ok(Ok(mut lease)) = rt.timeout(patience, pool.get()).await else { continue };
                        assert!(!std::mem::replace(&mut lease.held, true), "two hold one connection");
                        rt.sleep(SECOND * rng.below(30) as u32 / 1000).await;
                        match rng.below(12) {
                            0 => lease.discard(),
                            1 => drop(lease.detach()),
                            2 => lease.broken = true,
                            3 => pool.expire_all(),
                            _ => {}
                        }
                    }
                })
            })
            .collect();
        for user in users {
            user.await.unwrap();
            let stats = pool.stats();
            let all = stats.in_use + stats.idle + stats.connecting + stats.checking + stats.closing;
            assert!(all <= 4, "{stats:?}");
        }
        assert!(backend.alive_most.load(Relaxed) <= 4);
        rt.sleep(SECOND).await;
        let stats = pool.stats();
        assert_eq!((stats.in_use, stats.waiting, stats.checking), (0, 0, 0), "nothing is lost: {stats:?}");
        assert_eq!(stats.connected, (stats.idle + stats.closing) as u64 + stats.retired.total());
        let report = pool.close(MINUTE).await;
        assert!(report.is_complete(), "{report:?}");
        assert_eq!(backend.alive(), 0);
    });
}

#[test]
fn after_a_resize_down_the_total_only_falls() {
    for_each_seed(0..50, |rt| async move {
        let (pool, backend) = pool(&rt, max(6));
        *backend.close_takes.lock() = SECOND;
        pool.warm(6).await.unwrap();
        let mut leases = Vec::new();
        for _ in 0..4 {
            leases.push(pool.get().await.unwrap());
        }
        pool.resize(3).unwrap();
        assert_eq!((pool.stats().idle, pool.stats().closing), (0, 2), "idle ones go at once");
        let waiter = rt.spawn("waiter", {
            let pool = pool.clone();
            async move { drop(pool.get().await.unwrap()) }
        });
        rt.sleep(SECOND * 2).await;
        assert_eq!((pool.stats().in_use, pool.stats().waiting), (4, 1));
        let mut total = backend.alive();
        while let Some(lease) = leases.pop() {
            drop(lease);
            rt.sleep(SECOND * 2).await;
            assert!(backend.alive() <= total, "it only falls");
            total = backend.alive();
        }
        waiter.await.unwrap();
        assert_eq!((total, pool.stats().idle, pool.stats().retired.surplus), (3, 3, 3));
        assert_eq!(backend.connects(), 6, "none was made anew");
        assert_sound(&pool, &backend);
    });
}

#[test]
fn after_a_resize_up_those_who_wait_are_served() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        let held = pool.get().await.unwrap();
        let waiter = rt.spawn("waiter", {
            let pool = pool.clone();
            async move { pool.get().await.map(|lease| lease.number) }
        });
        rt.sleep(SECOND).await;
        assert_eq!(pool.stats().waiting, 1);
        pool.resize(2).unwrap();
        assert_eq!(waiter.await.unwrap().unwrap(), 1);
        drop(held);
        pool.resize(0).unwrap();
        rt.sleep(SECOND).await;
        assert_eq!(backend.alive(), 0);
        let paused = rt.timeout(SECOND, pool.get()).await;
        assert!(paused.is_err(), "0 pauses");
        assert_eq!(pool.resize(1_000_001).unwrap_err().field, "pool::Config::max");
        pool.resize(1).unwrap();
        assert_eq!(pool.get().await.unwrap().number, 2);
        assert_sound(&pool, &backend);
    });
}

#[test]
fn what_closes_counts_until_it_is_gone() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        *backend.close_takes.lock() = SECOND;
        pool.get().await.unwrap().discard();
        let start = rt.now();
        let lease = pool.get().await.unwrap();
        assert_eq!(rt.now() - start, SECOND, "the second had to wait for the end of the first");
        assert_eq!(backend.alive_most.load(Relaxed), 1);
        drop(lease);
        assert_sound(&pool, &backend);
    });
}

#[test]
fn a_detached_connection_frees_its_place() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        let connection = pool.get().await.unwrap().detach();
        let lease = pool.get().await.unwrap();
        assert_eq!((connection.number, lease.number, backend.alive()), (0, 1, 2));
        assert_sound(&pool, &backend);
        drop(connection);
    });
}

#[test]
fn nonsense_is_refused_by_field() {
    testing::run(1, |rt| async move {
        let refused = |config: Config| {
            let backend = std::sync::Arc::default();
            let dial = super::Dial { rt: rt.clone(), backend };
            super::Pool::new(&rt, dial, config).expect_err("nonsense").field
        };
        let backoff = crate::time::Backoff { factor: 0, ..Default::default() };
        let no_pause =
            crate::time::Backoff { initial: Duration::ZERO, max: Duration::ZERO, ..Default::default() };
        assert_eq!(refused(max(0)), "pool::Config::max");
        assert_eq!(refused(max(1_000_001)), "pool::Config::max");
        assert_eq!(refused(Config { min_idle: 11, ..calm() }), "pool::Config::min_idle");
        assert_eq!(refused(Config { connect_concurrency: 0, ..calm() }), "pool::Config::connect_concurrency");
        assert_eq!(refused(Config { waiters_max: 0, ..calm() }), "pool::Config::waiters_max");
        assert_eq!(refused(Config { connect_backoff: backoff, ..calm() }), "time::Backoff::factor");
        assert_eq!(refused(Config { connect_backoff: no_pause, ..calm() }), "pool::Config::connect_backoff");
        let jittery = Config { lifetime_jitter_percent: 51, ..calm() };
        assert_eq!(refused(jittery), "pool::Config::lifetime_jitter_percent");
        let at_once = Config { check: Check::AfterIdle(Duration::ZERO), ..calm() };
        assert_eq!(refused(at_once), "pool::Config::check");
        let hasty = |millis| Config { keepalive: Some(Duration::from_millis(millis)), ..calm() };
        assert_eq!(refused(hasty(999)), "pool::Config::keepalive");
        super::pool(&rt, hasty(1000));
        super::pool(&rt, hasty(0));
        // The default jitter fits any lifetime.
        super::pool(&rt, Config { lifetime_max: Some(SECOND), ..Config::default() });
        let endless = Config { lifetime_max: Some(Duration::ZERO), ..Config::default() };
        super::pool(&rt, endless);
    });
}
