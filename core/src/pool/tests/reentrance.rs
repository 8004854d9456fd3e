//! Law 9: code of a user runs without the lock, so it may use the pool it is called by.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Waker},
};

use super::{
    super::{Check, Config, Manager, Pool},
    Down, MINUTE, SECOND, calm,
};
use crate::testing::for_each_seed;

/// Uses its own pool wherever it is called.
struct Meddler {
    pool: Arc<OnceLock<Pool<Meddler>>>,
    calls: Arc<AtomicU32>,
}

struct Handle {
    pool: Arc<OnceLock<Pool<Meddler>>>,
    calls: Arc<AtomicU32>,
}

fn meddle(pool: &OnceLock<Pool<Meddler>>, calls: &AtomicU32) {
    let Some(pool) = pool.get() else { return };
    if calls.fetch_add(1, Relaxed) > 1000 {
        return;
    }
    // Each takes the lock.
    pool.stats();
    drop(pool.try_get());
    let mut get = Box::pin(pool.get());
    drop(get.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    pool.resize(2).unwrap();
}

impl Drop for Handle {
    fn drop(&mut self) {
        meddle(&self.pool, &self.calls);
    }
}

impl Manager for Meddler {
    type Connection = Handle;
    type Error = Down;

    async fn connect(&self) -> Result<Handle, Down> {
        meddle(&self.pool, &self.calls);
        Ok(Handle { pool: Arc::clone(&self.pool), calls: Arc::clone(&self.calls) })
    }

    fn is_broken(&self, _handle: &mut Handle) -> bool {
        self.calls.fetch_add(1, Relaxed).is_multiple_of(3)
    }

    async fn check(&self, _handle: &mut Handle) -> Result<(), Down> {
        meddle(&self.pool, &self.calls);
        Ok(())
    }

    async fn close(&self, _handle: Handle) {
        meddle(&self.pool, &self.calls);
    }
}

#[test]
fn the_manager_and_its_connections_may_use_the_pool_they_are_of() {
    for_each_seed(0..30, |rt| async move {
        let own = Arc::new(OnceLock::new());
        let calls = Arc::<AtomicU32>::default();
        let meddler = Meddler { pool: Arc::clone(&own), calls: Arc::clone(&calls) };
        let config = Config { max: 2, check: Check::AfterIdle(SECOND / 10), uses_max: 4, ..calm() };
        let pool = Pool::new(&rt, meddler, config).unwrap();
        own.set(pool.clone()).unwrap();
        let users: Vec<_> = (0..4)
            .map(|_| {
                let (rt, pool) = (rt.clone(), pool.clone());
                rt.clone().spawn("user", async move {
                    for _ in 0..5 {
                        let lease = pool.get().await.unwrap();
                        rt.sleep(SECOND / 10).await;
                        drop(lease);
                        rt.sleep(SECOND / 5).await;
                    }
                })
            })
            .collect();
        for user in users {
            user.await.unwrap();
        }
        assert!(calls.load(Relaxed) > 10);
        assert!(pool.close(MINUTE).await.is_complete());
        assert_eq!(pool.stats().panics, 0);
    });
}
