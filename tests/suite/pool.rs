//! The pool on threads: what only a real runtime can show.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use seaworthy::{
    pool::{Config, Manager, Pool},
    rt::{Rt, yield_now},
};

struct Counted {
    alive: Arc<AtomicUsize>,
}

struct Connection {
    alive: Arc<AtomicUsize>,
    holders: AtomicUsize,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, SeqCst);
    }
}

impl Manager for Counted {
    type Connection = Connection;
    type Error = Infallible;

    async fn connect(&self) -> Result<Connection, Infallible> {
        assert!(self.alive.fetch_add(1, SeqCst) < 4, "never more than `max`");
        Ok(Connection { alive: Arc::clone(&self.alive), holders: AtomicUsize::new(0) })
    }

    fn is_broken(&self, _connection: &mut Connection) -> bool {
        false
    }
}

/// Tasks on all threads take, drop, discard and give up, and in the end nothing is lost.
async fn storm(rt: Rt) {
    let alive = Arc::new(AtomicUsize::new(0));
    let config = Config { max: 4, uses_max: 50, ..Config::default() };
    let pool = Pool::new(&rt, Counted { alive: Arc::clone(&alive) }, config).expect("a good config");
    let users: Vec<_> = (0..32)
        .map(|user| {
            let (rt, pool) = (rt.clone(), pool.clone());
            rt.clone().spawn("user", async move {
                for turn in 0..200 {
                    if (user + turn) % 7 == 0 {
                        // Dropped at its first wait, or soon after.
                        drop(rt.timeout(Duration::ZERO, pool.get()).await);
                        continue;
                    }
                    let lease = pool.get().await.expect("connects never fail");
                    assert_eq!(lease.holders.fetch_add(1, SeqCst), 0, "one holder at a time");
                    if turn % 3 == 0 {
                        yield_now().await;
                    }
                    lease.holders.fetch_sub(1, SeqCst);
                    if (user + turn) % 31 == 0 {
                        lease.discard();
                    }
                }
            })
        })
        .collect();
    for user in users {
        user.await.expect("no user panics");
    }
    let stats = pool.stats();
    assert_eq!((stats.in_use, stats.waiting, stats.panics), (0, 0, 0), "{stats:?}");
    let report = pool.close(Duration::from_secs(30)).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(alive.load(SeqCst), 0);
}

#[cfg(feature = "tokio")]
#[test]
fn nothing_is_lost_on_the_threads_of_tokio() {
    seaworthy::tokio::run(storm);
}

#[cfg(feature = "smol")]
#[test]
fn nothing_is_lost_on_the_threads_of_smol() {
    seaworthy::smol::run(storm);
}

#[test]
fn nothing_is_lost_on_the_test_runtime() {
    seaworthy::testing::for_each_seed(0..5, storm);
}
