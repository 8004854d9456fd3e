//! Law 9: wakers are woken and dropped without the lock, and one that panics keeps no other from being woken.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Waker},
};

use futures::FutureExt;
use parking_lot::Mutex;

use super::{
    super::{AcquireError, Config, Get, Pool},
    Backend, Dial, MINUTE, SECOND, assert_sound, max, pool,
};
use crate::{
    rt::Rt,
    test_support::{grumpy, meddling},
    testing::{self, for_each_seed},
};

/// Looks at the pool when it is woken and when it is dropped, and counts that.
fn nosy(pool: &Pool<Dial>, calls: &Arc<AtomicUsize>) -> Waker {
    let (pool, calls) = (pool.clone(), Arc::clone(calls));
    meddling(move || {
        calls.fetch_add(1, Relaxed);
        pool.stats();
        drop(pool.try_get());
        drop(pool.get().poll_unpin(&mut Context::from_waker(Waker::noop())));
    })
}

#[test]
fn a_waker_may_use_the_pool_it_waits_for() {
    testing::run(1, |rt| async move {
        let (pool, _backend) = pool(&rt, max(1));
        let held = pool.get().await.unwrap();
        let nosy = || nosy(&pool, &Arc::default());
        let mut waiting = Box::pin(pool.get());
        for _ in 0..3 {
            // Each poll brings another waker, and the last one is dropped.
            assert!(waiting.as_mut().poll(&mut Context::from_waker(&nosy())).is_pending());
        }
        let mut leaves = Box::pin(pool.get());
        assert!(leaves.as_mut().poll(&mut Context::from_waker(&nosy())).is_pending());
        drop(leaves);
        drop(held);
        let served = waiting.as_mut().poll(&mut Context::from_waker(&nosy()));
        assert!(served.is_ready());
        drop(served);
        let held = pool.get().await.unwrap();
        let mut waiting = Box::pin(pool.get());
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&nosy())).is_pending());
        pool.close(SECOND).await;
        assert!(matches!(waiting.now_or_never(), Some(Err(AcquireError::Closed))));
        drop(held);
    });
}

#[test]
fn a_waker_of_one_who_watches_may_use_the_pool() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(2));
        let calls = Arc::<AtomicUsize>::default();
        let held = pool.get().await.unwrap();
        let nosy = || nosy(&pool, &calls);
        let mut closing = Box::pin(pool.close(MINUTE));
        for _ in 0..3 {
            assert!(closing.as_mut().poll(&mut Context::from_waker(&nosy())).is_pending());
        }
        let mut leaves = Box::pin(pool.close(MINUTE));
        assert!(leaves.as_mut().poll(&mut Context::from_waker(&nosy())).is_pending());
        let before = calls.load(Relaxed);
        drop(leaves);
        assert!(calls.load(Relaxed) > before, "its waker was dropped");
        assert!(closing.as_mut().poll(&mut Context::from_waker(&nosy())).is_pending());
        let before = calls.load(Relaxed);
        drop(held);
        assert!(calls.load(Relaxed) > before, "it was woken");
        assert!(closing.await.is_complete());
        assert_eq!(backend.alive(), 0);
    });
}

/// A call that a waker can get at.
type Shared = Arc<Mutex<Option<Get<'static, Dial>>>>;

/// A pool that lives for as long as the test.
fn lasting(rt: &Rt, config: Config) -> (&'static Pool<Dial>, Arc<Backend>) {
    let (pool, backend) = pool(rt, config);
    (Box::leak(Box::new(pool)), backend)
}

#[test]
fn a_waker_may_drop_or_poll_another_call_that_waits() {
    for polls in [false, true] {
        for_each_seed(0..10, |rt| async move {
            let (pool, backend) = lasting(&rt, max(1));
            let held = pool.get().await.unwrap();
            let other = Shared::default();
            let mut first = pool.get();
            let waker = meddling({
                let other = Arc::clone(&other);
                move || {
                    let taken = other.lock().take();
                    let Some(mut call) = taken else { return };
                    if polls {
                        assert!(call.poll_unpin(&mut Context::from_waker(Waker::noop())).is_pending());
                        *other.lock() = Some(call);
                    }
                }
            });
            assert!(first.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
            let mut second = pool.get();
            assert!(second.poll_unpin(&mut Context::from_waker(&grumpy())).is_pending());
            *other.lock() = Some(second);
            let last = rt.spawn("last", async move { pool.get().await.map(drop) });
            rt.sleep(SECOND).await;
            drop(held);
            drop(first.await.unwrap());
            let second = other.lock().take();
            assert_eq!(second.is_some(), polls);
            if let Some(second) = second {
                drop(second.await.unwrap());
            }
            last.await.unwrap().unwrap();
            drop(waker);
            assert_sound(pool, &backend);
            assert!(pool.close(SECOND).await.is_complete());
        });
    }
}

#[test]
fn a_waker_that_panics_takes_no_others_wake_up() {
    for_each_seed(0..20, |rt| async move {
        let (pool, _backend) = pool(&rt, Config { handover_max: Some(SECOND), ..max(2) });
        let held = [pool.get().await.unwrap(), pool.get().await.unwrap()];
        let mut waits = Box::pin(pool.get());
        assert!(waits.as_mut().poll(&mut Context::from_waker(&grumpy())).is_pending());
        let other = rt.spawn("other", {
            let pool = pool.clone();
            async move { pool.get().await.map(drop) }
        });
        rt.sleep(SECOND).await;
        drop(held);
        other.await.unwrap().unwrap();
        drop(waits);
        assert_eq!(pool.stats().in_use, 0);
    });
}

#[test]
fn all_who_wait_are_told_of_the_close_beside_one_that_panics() {
    for_each_seed(0..20, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        let held = pool.get().await.unwrap();
        // Those who wait, and those who watch.
        let mut waits = Box::pin(pool.get());
        assert!(waits.as_mut().poll(&mut Context::from_waker(&grumpy())).is_pending());
        let mut warms = Box::pin(pool.warm(2));
        drop(warms.as_mut().poll(&mut Context::from_waker(&grumpy())));
        let mut closes = Box::pin(pool.close(MINUTE));
        let other = rt.spawn("other", {
            let pool = pool.clone();
            async move { pool.get().await.map(drop) }
        });
        rt.sleep(SECOND).await;
        assert!(closes.as_mut().poll(&mut Context::from_waker(&grumpy())).is_pending());
        let second = rt.spawn("second", {
            let pool = pool.clone();
            async move { pool.close(MINUTE).await }
        });
        assert!(matches!(other.await.unwrap(), Err(AcquireError::Closed)));
        rt.sleep(SECOND).await;
        let start = rt.now();
        drop(held);
        assert!(second.await.unwrap().is_complete(), "it was told");
        assert_eq!((rt.now(), backend.alive()), (start, 0));
    });
}
