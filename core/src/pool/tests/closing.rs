//! Laws 8 and 10: the end of a pool, of its leases and of its runtime.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use futures::FutureExt;

use super::{
    super::{AcquireError, Config, Lease, WarmError},
    Backend, Dial, MINUTE, SECOND, assert_sound, calm, max, pool, pool_of,
};
use crate::testing::{self, for_each_seed};

#[test]
fn closing_fails_whoever_waits_at_once_and_reports_who_holds_what() {
    for_each_seed(0..30, |rt| async move {
        let (pool, backend) = pool(&rt, max(3));
        pool.warm(3).await.unwrap();
        let (first, line) = (pool.get().await.unwrap(), line!());
        rt.sleep(SECOND).await;
        let second = pool.get().await.unwrap();
        let third = pool.get().await.unwrap();
        let waiter = rt.spawn("waiter", {
            let (rt, pool) = (rt.clone(), pool.clone());
            async move {
                let error = pool.get().await.map(drop).unwrap_err();
                assert!(matches!(error, AcquireError::Closed));
                rt.now()
            }
        });
        rt.sleep(SECOND).await;
        let start = rt.now();
        rt.spawn("late", {
            let rt = rt.clone();
            async move {
                rt.sleep(SECOND * 3).await;
                drop(third);
            }
        })
        .detach();
        let report = pool.close(SECOND * 5).await;
        assert_eq!(rt.now() - start, SECOND * 5, "the grace period was needed to the end");
        assert_eq!(waiter.await.unwrap(), start);
        assert_eq!((report.closed, report.closing), (1, 0), "one came back in time");
        let ages: Vec<_> = report.outstanding.iter().map(|holder| holder.age).collect();
        assert_eq!(ages, [SECOND * 7, SECOND * 6]);
        assert_eq!(report.outstanding[0].location.line(), line);
        assert!(!report.is_complete());
        drop((first, second));
        rt.sleep(SECOND).await;
        assert_eq!((backend.alive(), backend.closes.load(Relaxed)), (0, 3));
        assert_sound(&pool, &backend);
        let again = pool.close(SECOND).await;
        assert!(again.is_complete() && again.closed == 0);
    });
}

#[test]
fn closing_ends_as_soon_as_all_are_gone() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(3));
        pool.warm(3).await.unwrap();
        *backend.close_takes.lock() = SECOND;
        let start = rt.now();
        let report = pool.close(MINUTE).await;
        assert_eq!((rt.now() - start, report.closed), (SECOND, 3));
        assert!(matches!(pool.get().await, Err(AcquireError::Closed)));
        assert!(pool.is_closed());
    });
}

#[test]
fn a_goodbye_that_takes_too_long_is_cut() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, Config { close_timeout: Some(SECOND * 2), ..max(3) });
        pool.warm(3).await.unwrap();
        *backend.close_takes.lock() = MINUTE;
        let report = pool.close(SECOND).await;
        assert_eq!((report.closed, report.closing), (0, 3));
        let start = rt.now();
        assert!(pool.close(MINUTE).await.is_complete());
        assert_eq!(rt.now() - start, SECOND);
        assert_eq!((backend.alive(), backend.closes.load(Relaxed)), (0, 0), "dropped");
    });
}

#[test]
fn a_connect_that_is_under_way_ends_with_the_pool() {
    for_each_seed(0..30, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        *backend.connect_takes.lock() = SECOND * 9;
        assert!(rt.timeout(SECOND, pool.get()).await.is_err());
        let start = rt.now();
        assert!(pool.close(MINUTE).await.is_complete());
        assert_eq!((rt.now(), backend.connecting.load(Relaxed)), (start, 0));
    });
}

#[test]
fn what_was_handed_over_and_not_picked_up_closes_too() {
    for_each_seed(0..30, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        let held = pool.get().await.unwrap();
        let mut waiting = Box::pin(pool.get());
        assert!((&mut waiting).now_or_never().is_none());
        drop(held);
        assert!(pool.close(MINUTE).await.is_complete());
        assert!(matches!(waiting.await, Err(AcquireError::Closed)));
        assert_eq!(backend.alive(), 0);
    });
}

#[test]
fn what_comes_back_to_a_closed_pool_serves_nobody() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        let held = pool.get().await.unwrap();
        let mut first = Box::pin(pool.get());
        assert!((&mut first).now_or_never().is_none());
        let mut second = Box::pin(pool.get());
        assert!((&mut second).now_or_never().is_none());
        drop(held);
        // Who looks after what is handed over is awake.
        let held = first.await.unwrap();
        pool.inner_for_tests().close_now();
        drop(held);
        assert!(matches!(second.now_or_never(), Some(Err(AcquireError::Closed))));
        rt.sleep(SECOND).await;
        assert_eq!(backend.alive(), 0);
        assert_sound(&pool, &backend);
    });
}

#[test]
fn a_pool_without_handles_is_closed() {
    for_each_seed(0..30, |rt| async move {
        let (pool, backend) = pool(&rt, max(2));
        pool.warm(2).await.unwrap();
        let held = pool.get().await.unwrap();
        let twin = pool.clone();
        drop(pool);
        rt.sleep(SECOND).await;
        assert_eq!(twin.stats().idle, 1, "a clone keeps it open");
        let inner = Arc::downgrade(twin.inner_for_tests());
        drop(twin);
        rt.sleep(SECOND).await;
        assert_eq!((backend.alive(), backend.closes.load(Relaxed)), (1, 1), "idle ones were closed");
        drop(held);
        rt.sleep(SECOND).await;
        assert_eq!((backend.alive(), backend.closes.load(Relaxed)), (0, 2));
        assert!(inner.upgrade().is_none(), "nothing is left of it");
    });
}

#[test]
fn a_lease_may_outlive_its_pool_and_its_runtime() {
    let backend = Arc::<Backend>::default();
    let config = Config { min_idle: 2, ..max(4) };
    type Left = (Vec<Lease<Dial>>, super::Pool<Dial>);
    let (mut leases, pool): Left = testing::run(1, |rt| {
        let backend = Arc::clone(&backend);
        async move {
            let pool = pool_of(&rt, &backend, config);
            pool.warm(4).await.unwrap();
            let mut leases = Vec::new();
            for _ in 0..4 {
                leases.push(pool.get().await.unwrap());
            }
            drop(leases.pop());
            (leases, pool)
        }
    });
    assert_eq!(backend.alive(), 3, "those that were idle ended with the runtime");
    assert!(pool.is_closed());
    let mut broken = leases.pop().unwrap();
    broken.broken = true;
    drop(broken);
    leases.pop().unwrap().discard();
    drop(leases);
    assert_eq!(backend.alive(), 0);
    assert_sound(&pool, &backend);
    assert!(pool.try_get().is_err());
    let closed = futures::executor::block_on(pool.get());
    assert!(matches!(closed, Err(AcquireError::Closed)));
    pool.resize(7).unwrap();
    pool.expire_all();
}

#[test]
fn a_lease_dropped_on_another_thread_comes_back() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, calm());
        let lease = pool.get().await.unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| drop(lease));
        });
        assert_eq!(pool.stats().idle, 1);
        let retired = pool.get().await.unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| retired.discard());
        });
        assert_eq!(pool.get().await.unwrap().number, 1);
        assert_sound(&pool, &backend);
    });
}

#[test]
fn nothing_is_left_of_a_pool_that_goes_at_whatever_its_connections_are_at() {
    for_each_seed(0..30, |rt| async move {
        let (pool, backend) = pool(&rt, max(6));
        pool.warm(3).await.unwrap();
        let held = [pool.get().await.unwrap(), pool.get().await.unwrap()];
        *backend.connect_takes.lock() = SECOND * 3;
        assert_eq!((pool.stats().idle, pool.stats().in_use), (1, 2));
        let warming = rt.spawn("warming", {
            let pool = pool.clone();
            async move { pool.warm(6).await }
        });
        rt.sleep(SECOND).await;
        let inner = Arc::downgrade(pool.inner_for_tests());
        warming.cancel().await.unwrap_err();
        drop(pool);
        rt.sleep(MINUTE).await;
        assert_eq!(backend.alive(), 2);
        drop(held);
        rt.sleep(MINUTE).await;
        assert_eq!(backend.alive(), 0);
        assert!(inner.upgrade().is_none(), "no connection keeps it");
        assert_eq!(Arc::strong_count(&backend), 1, "its manager went with it");
    });
}

#[test]
fn leases_come_home_from_many_threads_while_the_pool_goes() {
    for round in 0..20 {
        testing::run(round, |rt| async move {
            let (pool, backend) = pool(&rt, max(3));
            pool.warm(3).await.unwrap();
            let inner = Arc::downgrade(pool.inner_for_tests());
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    let pool = pool.clone();
                    scope.spawn(move || {
                        let mut waits = pool.get();
                        let mut last = None;
                        for _ in 0..200 {
                            let served = (&mut waits).now_or_never();
                            if let Some(served) = served {
                                last = Some(served.unwrap());
                                waits = pool.get();
                            }
                        }
                        drop(waits);
                        // Some of the leases outlive all handles.
                        drop(pool);
                        drop(last);
                    });
                }
                drop(pool);
            });
            rt.sleep(SECOND).await;
            assert_eq!(backend.alive(), 0);
            assert!(inner.upgrade().is_none(), "no connection keeps it");
            assert_eq!(Arc::strong_count(&backend), 1, "its manager went with it");
        });
    }
}

#[test]
fn a_pool_made_on_a_runtime_that_has_ended_is_closed() {
    let ended = testing::run(1, |rt| async move { rt });
    let (pool, backend) = pool(&ended, Config { min_idle: 1, ..calm() });
    assert!(pool.is_closed());
    assert!(matches!(futures::executor::block_on(pool.get()), Err(AcquireError::Closed)));
    assert_eq!(backend.alive(), 0);
}

#[test]
fn whoever_waits_when_the_runtime_ends_is_told() {
    let backend = Arc::<Backend>::default();
    let mut pool = None;
    let held = testing::run(1, |rt| {
        let (backend, pool) = (Arc::clone(&backend), &mut pool);
        async move {
            let pool = pool.insert(pool_of(&rt, &backend, max(1)));
            pool.get().await.unwrap()
        }
    });
    let pool = pool.unwrap();
    let mut waiting = Box::pin(pool.get());
    let polled = (&mut waiting).now_or_never();
    assert!(matches!(polled, Some(Err(AcquireError::Closed))));
    drop(held);
    assert_eq!(backend.alive(), 0);
}

#[test]
fn a_close_is_told_to_those_who_warm_the_pool() {
    for_each_seed(0..20, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        *backend.close_takes.lock() = SECOND * 3;
        pool.get().await.unwrap().discard();
        let warming = rt.spawn("warming", {
            let pool = pool.clone();
            async move { pool.warm(1).await }
        });
        rt.sleep(SECOND).await;
        assert_eq!((pool.stats().closing, pool.stats().connecting), (1, 0), "there is no room yet");
        pool.inner_for_tests().close_now();
        let told = rt.timeout(SECOND, warming).await.expect("before anything else happens").unwrap();
        assert!(matches!(told, Err(WarmError::Closed)));
    });
}
