//! What a holder left dirty is reset before it is lent again (sqlx #4393, #4385; asyncpg PR #1191).

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use super::{
    super::{Config, Pool, TryGetError},
    Backend, Dial, MINUTE, SECOND, assert_sound, max, pool,
};
use crate::testing::{self, for_each_drop_point, for_each_seed};

/// Takes a connection and is cancelled within a transaction, so to speak.
async fn leave_dirty(pool: &Pool<Dial>) {
    let mut lease = pool.get().await.unwrap();
    lease.dirty = true;
}

#[test]
fn a_dirty_connection_is_reset_before_it_is_lent_again() {
    for_each_seed(0..20, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        *backend.reset_takes.lock() = SECOND;
        leave_dirty(&pool).await;
        let stats = pool.stats();
        assert_eq!((stats.checking, stats.idle, stats.in_use, stats.resets), (1, 0, 0, 1));
        assert_eq!(pool.try_get().map(drop), Err(TryGetError::Busy));
        let start = rt.now();
        let lease = pool.get().await.unwrap();
        assert_eq!(rt.now() - start, SECOND);
        assert_eq!((lease.number, lease.dirty, backend.connects()), (0, false, 1), "the same, and clean");
        drop(lease);
        assert_eq!((backend.resets.load(Relaxed), pool.stats().idle), (1, 1), "a clean one is not reset");
        assert_sound(&pool, &backend);
    });
}

#[test]
fn a_reset_that_fails_or_hangs_costs_the_connection_and_its_place_serves_the_next() {
    for hangs in [false, true] {
        for_each_seed(0..20, |rt| async move {
            let (pool, backend) = pool(&rt, Config { check_timeout: Some(SECOND * 2), ..max(1) });
            backend.resets_fail.store(!hangs, Relaxed);
            if hangs {
                *backend.reset_takes.lock() = MINUTE;
            }
            leave_dirty(&pool).await;
            let start = rt.now();
            assert_eq!(pool.get().await.unwrap().number, 1);
            assert_eq!(rt.now() - start, if hangs { SECOND * 2 } else { Duration::ZERO });
            let stats = pool.stats();
            assert_eq!((stats.retired.reset_failed, stats.checking), (1, 0));
            assert_eq!(backend.closes.load(Relaxed), 0, "there was nobody to say goodbye to");
            assert_sound(&pool, &backend);
        });
    }
}

#[test]
fn what_retires_anyway_is_not_reset() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        let mut lease = pool.get().await.unwrap();
        lease.dirty = true;
        pool.expire_all();
        drop(lease);
        rt.sleep(SECOND).await;
        assert_eq!((backend.resets.load(Relaxed), pool.stats().retired.expired), (0, 1));
        assert_sound(&pool, &backend);
    });
}

#[test]
fn what_is_outdated_or_closed_during_its_reset_is_not_lent() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        *backend.reset_takes.lock() = SECOND;
        leave_dirty(&pool).await;
        pool.expire_all();
        assert_eq!(pool.get().await.unwrap().number, 1);
        leave_dirty(&pool).await;
        let report = pool.close(SECOND / 2).await;
        assert!(!report.is_complete(), "it is being reset");
        assert_eq!((report.closing, report.outstanding.len()), (1, 0), "and nobody holds it");
        assert!(pool.close(MINUTE).await.is_complete());
        assert_eq!((pool.stats().retired.closed, backend.alive()), (1, 0));
        assert_sound(&pool, &backend);
    });
}

#[test]
fn a_cancelled_holder_at_any_point_leaves_a_clean_pool() {
    let points = for_each_drop_point(
        0..20,
        |rt| async move {
            let (pool, backend) = pool(&rt, Config { acquire_timeout: None, ..max(1) });
            *backend.reset_takes.lock() = SECOND;
            (pool, backend)
        },
        |rt, (pool, _backend): (Pool<Dial>, Arc<Backend>)| async move {
            let mut lease = pool.get().await.unwrap();
            lease.dirty = true;
            rt.sleep(SECOND).await;
            lease.dirty = false;
        },
        |_rt, (pool, backend)| async move {
            assert!(!pool.get().await.unwrap().dirty, "nobody runs in a stranger's transaction");
            assert_sound(&pool, &backend);
        },
    );
    assert!(points >= 60);
}

#[test]
fn a_reset_cut_short_by_the_end_of_the_runtime_drops_its_connection() {
    let (pool, backend) = testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        *backend.reset_takes.lock() = MINUTE;
        leave_dirty(&pool).await;
        rt.sleep(SECOND).await;
        (pool, backend)
    });
    assert_eq!((backend.alive(), pool.stats().checking, pool.stats().retired.reset_failed), (0, 0, 1));
    assert!(pool.is_closed());
    assert_sound(&pool, &backend);
}
