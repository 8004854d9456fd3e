//! Laws 4 and 6: connects run by themselves, few at a time, and fewer in trouble.

use std::{
    pin::Pin,
    sync::atomic::Ordering::Relaxed,
    task::{Context, Waker},
    time::{Instant, SystemTime},
};

use futures::{FutureExt, future::BoxFuture};

use super::{
    super::{AcquireError, Config, ConnectError, Phase, WarmError},
    Backend, Dial, Down, MINUTE, Pool, SECOND, assert_sound, calm, max, pool,
};
use crate::{
    rt::{Net, Rt, Runtime, Task, Timer},
    testing::{self, for_each_seed},
    time::{Backoff, Jitter},
};

fn getters(rt: &Rt, pool: &Pool<Dial>, count: usize) -> Vec<Task<Result<u64, AcquireError<Down>>>> {
    let getter = |_| {
        let pool = pool.clone();
        rt.spawn("getter", async move { pool.get().await.map(|lease| lease.number) })
    };
    (0..count).map(getter).collect()
}

#[test]
fn a_connect_whose_caller_is_gone_becomes_idle_or_serves_the_next() {
    for_each_seed(0..30, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        *backend.connect_takes.lock() = SECOND;
        assert!(rt.timeout(SECOND / 10, pool.get()).await.is_err());
        assert_eq!(pool.stats().connecting, 1, "it goes on");
        rt.sleep(SECOND).await;
        assert_eq!(pool.stats().idle, 1);
        pool.expire_all();
        assert!(rt.timeout(SECOND / 10, pool.get()).await.is_err());
        let start = rt.now();
        assert_eq!(pool.get().await.unwrap().number, 1);
        assert!(rt.now() - start < SECOND, "the connect of the other served it");
        assert_sound(&pool, &backend);
    });
}

#[test]
fn a_connect_has_a_time_limit_of_its_own() {
    testing::run(1, |rt| async move {
        let config =
            Config { connect_timeout: Some(SECOND * 2), acquire_timeout: Some(SECOND * 5), ..max(1) };
        let (pool, backend) = pool(&rt, config);
        *backend.connect_takes.lock() = MINUTE;
        let error = pool.get().await.map(drop).unwrap_err();
        let Some(ConnectError::TimedOut { limit }) = error.last_connect_error() else { panic!("{error}") };
        assert_eq!(*limit, SECOND * 2);
        assert_eq!(backend.connecting.load(Relaxed), 1, "the first was dropped, the second is under way");
        rt.sleep(MINUTE).await;
        let stats = pool.stats();
        assert_eq!((stats.connecting, stats.idle), (0, 0), "nobody wants one any more: {stats:?}");
    });
}

#[test]
fn no_more_than_so_many_connects_are_under_way() {
    for_each_seed(0..20, |rt| async move {
        let (pool, backend) = pool(&rt, Config { connect_concurrency: 3, ..max(20) });
        *backend.connect_takes.lock() = SECOND;
        for getter in getters(&rt, &pool, 20) {
            getter.await.unwrap().unwrap();
        }
        assert_eq!(backend.connecting_most.load(Relaxed), 3);
        assert!(backend.connects() <= 20);
    });
}

#[test]
fn a_dead_backend_is_asked_rarely_and_whoever_waits_learns_why() {
    for_each_seed(0..20, |rt| async move {
        let config = Config { max: 10, acquire_timeout: Some(MINUTE), ..calm() };
        let (pool, backend) = pool(&rt, config);
        backend.is_down.store(true, Relaxed);
        let start = rt.now();
        for getter in getters(&rt, &pool, 50) {
            let error = getter.await.unwrap().unwrap_err();
            assert_eq!(rt.now() - start, MINUTE, "not before its time");
            assert!(matches!(error.last_connect_error(), Some(ConnectError::Failed(Down))));
            assert!(error.to_string().ends_with("the last connect failed: the backend is down"), "{error}");
        }
        // 4 at first, then one after the other: 0.1, 0.2, 0.4 .. 10, 10, 10 s apart at most, half of that on average.
        let attempts = backend.attempts.load(Relaxed);
        assert!((10..60).contains(&attempts), "{attempts}");
        assert_eq!(pool.stats().connect_failures, attempts);
        assert_eq!(pool.stats().timed_out, 50);
    });
}

#[test]
fn a_failed_connect_pauses_exactly_as_the_backoff_says() {
    testing::run(1, |rt| async move {
        let connect_backoff = Backoff { jitter: Jitter::None, ..Backoff::default() };
        let config = Config { connect_backoff, connect_concurrency: 1, ..max(5) };
        let (pool, backend) = pool(&rt, config);
        backend.is_down.store(true, Relaxed);
        let getters = getters(&rt, &pool, 5);
        let mut seen = Vec::new();
        rt.sleep(SECOND / 40).await;
        for _ in 0..16 {
            seen.push(backend.attempts.load(Relaxed));
            rt.sleep(SECOND / 20).await;
        }
        // At 0, 100, 300 and 700 ms, seen from 25 ms on every 50.
        assert_eq!(seen, [1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4]);
        drop(getters);
    });
}

#[test]
fn when_the_backend_is_back_there_is_no_stampede() {
    for_each_seed(0..20, |rt| async move {
        let config = Config { connect_concurrency: 3, acquire_timeout: None, ..max(50) };
        let (pool, backend) = pool(&rt, config);
        backend.is_down.store(true, Relaxed);
        *backend.connect_takes.lock() = SECOND / 10;
        let getters = getters(&rt, &pool, 100);
        rt.sleep(MINUTE).await;
        backend.connecting_most.store(0, Relaxed);
        rt.sleep(SECOND * 11).await;
        assert_eq!(backend.connecting_most.load(Relaxed), 1, "one goes ahead and finds out");
        backend.is_down.store(false, Relaxed);
        for getter in getters {
            getter.await.unwrap().unwrap();
        }
        assert_eq!(backend.connecting_most.load(Relaxed), 3);
        // The trouble is forgotten.
        assert!(pool.inner_for_tests().state.lock().last_error.is_none());
        assert_sound(&pool, &backend);
    });
}

#[test]
fn an_error_of_the_past_is_not_blamed() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        backend.is_down.store(true, Relaxed);
        let getting = getters(&rt, &pool, 1);
        rt.sleep(SECOND).await;
        backend.is_down.store(false, Relaxed);
        for getter in getting {
            getter.await.unwrap().unwrap();
        }
        let _held = pool.get().await.unwrap();
        let error = pool.get().await.map(drop).unwrap_err();
        assert!(error.last_connect_error().is_none(), "{error}");
        let AcquireError::TimedOut(timed_out) = error else { panic!("{error}") };
        assert_eq!(timed_out.phase, Phase::Queue);
    });
}

#[test]
fn as_many_as_asked_for_are_kept_idle() {
    for_each_seed(0..20, |rt| async move {
        let (pool, backend) = pool(&rt, Config { min_idle: 2, max: 5, ..calm() });
        rt.sleep(SECOND).await;
        assert_eq!(pool.stats().idle, 2, "from the start on");
        let first = pool.get().await.unwrap();
        rt.sleep(SECOND).await;
        assert_eq!(pool.stats().idle, 2, "another was made");
        let others = [pool.get().await.unwrap(), pool.get().await.unwrap(), pool.get().await.unwrap()];
        rt.sleep(SECOND).await;
        assert_eq!((pool.stats().idle, backend.alive()), (1, 5), "within the bound");
        drop((first, others));
        assert_eq!(pool.stats().idle, 5);
    });
}

#[test]
fn a_backend_that_is_down_at_the_start_is_tried_in_the_background() {
    testing::run(1, |rt| async move {
        let backend = std::sync::Arc::<Backend>::default();
        backend.is_down.store(true, Relaxed);
        let pool = super::pool_of(&rt, &backend, Config { min_idle: 1, ..calm() });
        rt.sleep(MINUTE).await;
        backend.is_down.store(false, Relaxed);
        rt.sleep(SECOND * 11).await;
        assert_eq!(pool.stats().idle, 1);
    });
}

#[test]
fn warming_opens_as_many_as_asked_for_or_says_why_not() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(5));
        pool.warm(3).await.unwrap();
        assert_eq!((pool.stats().idle, backend.connects()), (3, 3));
        pool.warm(2).await.unwrap();
        assert_eq!(backend.connects(), 3, "as many are open already");
        pool.warm(100).await.unwrap();
        assert_eq!(backend.connects(), 5, "within the bound");
        pool.expire_all();
        rt.sleep(SECOND).await;
        backend.is_down.store(true, Relaxed);
        let error = pool.warm(4).await.unwrap_err();
        let WarmError::Connect { open: 0, wanted: 4, ref source } = error else { panic!("{error}") };
        assert!(matches!(**source, ConnectError::Failed(Down)));
        rt.sleep(MINUTE).await;
        let attempts = backend.attempts.load(Relaxed);
        rt.sleep(MINUTE).await;
        assert_eq!(backend.attempts.load(Relaxed), attempts, "nobody asks for one any more");
        pool.close(SECOND).await;
        assert!(matches!(pool.warm(1).await, Err(WarmError::Closed)));
    });
}

/// A runtime that polls the tasks of connects as soon as they are spawned, as other threads may.
#[derive(Debug)]
struct Eager(Rt);

impl Runtime for Eager {
    fn spawn(&self, name: &'static str, mut future: BoxFuture<'static, ()>) {
        let is_polled = name == "pool.connect";
        if !is_polled || future.poll_unpin(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.0.runtime().spawn(name, future);
        }
    }

    fn spawn_blocking(&self, name: &'static str, job: Box<dyn FnOnce() + Send>) {
        self.0.runtime().spawn_blocking(name, job);
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn wall_clock(&self) -> SystemTime {
        self.0.wall_clock()
    }

    fn timer(&self, at: Instant) -> Pin<Box<dyn Timer>> {
        self.0.runtime().timer(at)
    }

    fn random_u64(&self) -> u64 {
        self.0.runtime().random_u64()
    }

    fn net(&self) -> &dyn Net {
        self.0.runtime().net()
    }
}

#[test]
fn a_connect_that_fails_as_soon_as_it_is_begun_is_told_to_who_warms() {
    testing::run(1, |rt| async move {
        let start = rt.now();
        let (pool, backend) = pool(&Rt::new(Eager(rt.clone())), max(1));
        backend.is_down.store(true, Relaxed);
        let told = pool.warm(1).await;
        assert!(matches!(told, Err(WarmError::Connect { open: 0, wanted: 1, .. })), "{told:?}");
        assert_eq!(rt.now(), start, "at once");
    });
}
