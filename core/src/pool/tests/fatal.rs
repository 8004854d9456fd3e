//! A connect error that another try would not mend (sqlx #744, #3808; HikariCP #857, #2106).

use std::{error::Error, sync::atomic::Ordering::Relaxed};

use futures::{FutureExt, future::join_all};

use super::{
    super::{AcquireError, Config, ConnectError, WarmError},
    Down, MINUTE, SECOND, assert_sound, calm, max, pool,
};
use crate::{
    testing::{self, for_each_seed},
    time::{Backoff, Jitter},
};

#[test]
fn all_who_wait_fail_at_once_with_the_fatal_error() {
    for_each_seed(0..20, |rt| async move {
        let (pool, backend) = pool(&rt, Config { connect_concurrency: 1, ..max(2) });
        backend.is_down.store(true, Relaxed);
        backend.is_fatal.store(true, Relaxed);
        *backend.connect_takes.lock() = SECOND;
        let start = rt.now();
        for got in join_all((0..10).map(|_| pool.get())).await {
            let error = got.map(drop).unwrap_err();
            assert_eq!(rt.now() - start, SECOND);
            assert!(matches!(error.last_connect_error(), Some(ConnectError::Failed(Down))));
            let text = error.to_string();
            assert!(text.ends_with("another try would not help (after 1s): the backend is down"), "{text}");
            assert!(error.source().is_none());
            let AcquireError::ConnectFailed(failed) = error else { panic!("{error}") };
            assert_eq!(failed.waited, SECOND);
        }
        assert_eq!(backend.attempts.load(Relaxed), 1);
        let stats = pool.stats();
        assert_eq!((stats.failed_fast, stats.timed_out, stats.waiting), (10, 0, 0), "{stats:?}");
        rt.sleep(MINUTE).await;
        assert_eq!(backend.attempts.load(Relaxed), 1, "nobody asks for a connection");
    });
}

#[test]
fn whoever_comes_later_has_one_connect_tried_after_the_pause() {
    for_each_seed(0..20, |rt| async move {
        let connect_backoff = Backoff { jitter: Jitter::None, ..Backoff::default() };
        let (pool, backend) = pool(&rt, Config { connect_backoff, ..max(5) });
        backend.is_down.store(true, Relaxed);
        backend.is_fatal.store(true, Relaxed);
        let start = rt.now();
        for (attempts, pause) in [(1, 0), (2, 100), (3, 300)] {
            let error = pool.get().await.map(drop).unwrap_err();
            assert!(matches!(error, AcquireError::ConnectFailed(_)));
            assert_eq!(backend.attempts.load(Relaxed), attempts, "one, so that no account is locked");
            assert_eq!((rt.now() - start).as_millis(), pause);
        }
        backend.is_down.store(false, Relaxed);
        drop(pool.get().await.expect("no lock-out"));
        assert_sound(&pool, &backend);
    });
}

#[test]
fn nobody_refills_a_pool_that_is_refused() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, Config { min_idle: 2, ..calm() });
        backend.is_down.store(true, Relaxed);
        backend.is_fatal.store(true, Relaxed);
        rt.sleep(MINUTE * 10).await;
        let attempts = backend.attempts.load(Relaxed);
        assert_eq!(attempts, 2, "those of the start");
        backend.is_down.store(false, Relaxed);
        rt.sleep(MINUTE * 10).await;
        assert_eq!(backend.attempts.load(Relaxed), attempts, "nobody said that something has changed");
        pool.expire_all();
        rt.sleep(SECOND).await;
        assert_eq!(pool.stats().idle, 2);
        assert_sound(&pool, &backend);
    });
}

#[test]
fn warming_tries_again_what_was_fatal() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, Config { min_idle: 1, ..calm() });
        backend.is_down.store(true, Relaxed);
        backend.is_fatal.store(true, Relaxed);
        rt.sleep(MINUTE).await;
        assert!(matches!(pool.warm(1).await, Err(WarmError::Connect { open: 0, .. })));
        backend.is_down.store(false, Relaxed);
        pool.warm(1).await.unwrap();
        assert_eq!(pool.stats().idle, 1);
    });
}

#[test]
fn nothing_is_connected_for_who_was_told_and_is_not_polled() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        backend.is_down.store(true, Relaxed);
        backend.is_fatal.store(true, Relaxed);
        let mut lazy = Box::pin(pool.get());
        assert!((&mut lazy).now_or_never().is_none());
        rt.sleep(MINUTE).await;
        assert_eq!((backend.attempts.load(Relaxed), pool.stats().waiting), (1, 0));
        backend.is_down.store(false, Relaxed);
        drop(pool.get().await.unwrap());
        let told = lazy.now_or_never().expect("it was told").map(drop).unwrap_err();
        assert!(matches!(told, AcquireError::ConnectFailed(_)));
    });
}

#[test]
fn an_error_that_may_pass_fails_nobody() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        backend.is_down.store(true, Relaxed);
        let mut waits = Box::pin(pool.get());
        assert!((&mut waits).now_or_never().is_none());
        rt.sleep(SECOND).await;
        backend.is_down.store(false, Relaxed);
        drop(waits.await.unwrap());
    });
}

#[test]
fn what_was_fatal_before_all_was_declared_outdated_fails_nobody() {
    for_each_seed(0..20, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        backend.is_down.store(true, Relaxed);
        backend.is_fatal.store(true, Relaxed);
        *backend.connect_takes.lock() = SECOND;
        let get = || {
            let pool = pool.clone();
            rt.spawn("caller", async move { pool.get().await.map(drop) })
        };
        let before = get();
        rt.sleep(SECOND / 2).await;
        // The password was changed.
        pool.expire_all();
        let after = get();
        rt.sleep(SECOND / 2 + SECOND / 100).await;
        assert_eq!(pool.stats().connect_failures, 1);
        backend.is_down.store(false, Relaxed);
        after.await.unwrap().expect("it came after the change");
        before.await.unwrap().expect("it waits all the same");
        assert_sound(&pool, &backend);
    });
}
