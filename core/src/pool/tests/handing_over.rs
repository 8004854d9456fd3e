//! Law 3: a call may be dropped anywhere, and nothing is lost.

use std::sync::Arc;

use futures::FutureExt;
use parking_lot::Mutex;

use super::{
    super::{Check, Config},
    Backend, Dial, Pool, SECOND, assert_sound, calm, max, pool, pool_of,
};
use crate::{
    rt::{Rt, Task},
    testing::{self, for_each_drop_point, for_each_seed},
};

#[derive(Clone)]
struct Stage {
    pool: Pool<Dial>,
    backend: Arc<Backend>,
    /// Waits behind the one that is dropped.
    behind: Arc<Mutex<Option<Task<()>>>>,
}

impl Stage {
    async fn new(rt: Rt, config: Config, prepare: impl AsyncFnOnce(&Pool<Dial>, &Backend)) -> Self {
        let backend = Arc::<Backend>::default();
        let pool = pool_of(&rt, &backend, config);
        prepare(&pool, &backend).await;
        let behind = rt.spawn("behind", {
            let (rt, pool) = (rt.clone(), pool.clone());
            async move {
                rt.sleep(SECOND / 10).await;
                drop(pool.get().await.unwrap());
            }
        });
        Self { pool, backend, behind: Arc::new(Mutex::new(Some(behind))) }
    }

    /// Whoever waited behind has been served, and everything is where it belongs.
    async fn check(self, rt: Rt) {
        let behind = self.behind.lock().take().expect("checked once");
        behind.await.unwrap();
        rt.sleep(SECOND * 20).await;
        let stats = self.pool.stats();
        assert_eq!((stats.in_use, stats.waiting, stats.checking, stats.connecting), (0, 0, 0, 0));
        assert_sound(&self.pool, &self.backend);
        drop(self.pool.get().await.unwrap());
    }
}

/// Holds the only connection for a second.
fn hold(rt: &Rt, pool: &Pool<Dial>) {
    let (rt, pool) = (rt.clone(), pool.clone());
    let held = pool.get().now_or_never().expect("an idle connection").unwrap();
    rt.clone()
        .spawn("holder", async move {
            rt.sleep(SECOND).await;
            drop(held);
        })
        .detach();
}

#[test]
fn a_get_dropped_in_line_or_after_the_hand_over_gives_its_turn_to_the_next() {
    let points = for_each_drop_point(
        0..30,
        |rt| {
            Stage::new(rt.clone(), max(1), async move |pool, _| {
                drop(pool.get().await.unwrap());
                hold(&rt, pool);
            })
        },
        |_rt, stage| async move { drop(stage.pool.get().await) },
        |rt, stage| stage.check(rt),
    );
    assert!(points >= 30 * 3, "before, in line, and after the wake: {points}");
}

#[test]
fn a_get_dropped_while_connecting_leaves_its_connection_to_the_next() {
    let points = for_each_drop_point(
        0..30,
        |rt| {
            Stage::new(rt, max(1), async |_, backend: &Backend| {
                *backend.connect_takes.lock() = SECOND;
            })
        },
        |_rt, stage| async move { drop(stage.pool.get().await) },
        |rt, stage| async move {
            let backend = Arc::clone(&stage.backend);
            stage.check(rt).await;
            assert_eq!(backend.connects(), 1, "the connect went on");
        },
    );
    assert!(points >= 30 * 3, "{points}");
}

#[test]
fn a_get_dropped_while_checking_discards_its_connection_and_frees_its_place() {
    let points = for_each_drop_point(
        0..30,
        |rt| {
            let config = Config { check: Check::AfterIdle(SECOND), ..max(1) };
            Stage::new(rt.clone(), config, async move |pool, backend: &Backend| {
                drop(pool.get().await.unwrap());
                *backend.check_takes.lock() = SECOND / 2;
                rt.sleep(SECOND * 2).await;
            })
        },
        |_rt, stage| async move { drop(stage.pool.get().await) },
        |rt, stage| async move {
            let (pool, backend) = (stage.pool.clone(), Arc::clone(&stage.backend));
            stage.check(rt).await;
            let cut_short = pool.stats().retired.check_cut_short;
            assert_eq!(backend.connects(), 1 + cut_short);
        },
    );
    assert!(points >= 30 * 3, "{points}");
}

#[test]
fn warming_and_closing_may_be_dropped_anywhere() {
    let prepare = async |_: &Pool<Dial>, backend: &Backend| {
        *backend.connect_takes.lock() = SECOND;
        *backend.close_takes.lock() = SECOND;
    };
    let points = for_each_drop_point(
        0..20,
        |rt| Stage::new(rt, Config { connect_concurrency: 1, ..max(3) }, prepare),
        |_rt, stage| async move { stage.pool.warm(3).await.unwrap() },
        |rt, stage| async move {
            let (pool, backend) = (stage.pool.clone(), Arc::clone(&stage.backend));
            stage.check(rt).await;
            assert_eq!(backend.alive(), pool.stats().idle);
        },
    );
    assert!(points >= 20 * 3, "{points}");

    let points = for_each_drop_point(
        0..20,
        |rt| async move {
            let (pool, backend) = pool(&rt, max(3));
            pool.warm(3).await.unwrap();
            *backend.close_takes.lock() = SECOND;
            let lease = pool.get().await.unwrap();
            (pool, backend, Arc::new(Mutex::new(Some(lease))))
        },
        |_rt, (pool, ..)| async move { drop(pool.close(SECOND * 5).await) },
        |rt, (pool, backend, lease)| async move {
            let was_polled = pool.is_closed();
            drop(lease.lock().take());
            rt.sleep(SECOND * 2).await;
            assert_eq!(backend.alive(), if was_polled { 0 } else { 3 });
            assert!(pool.close(SECOND * 5).await.is_complete());
        },
    );
    assert!(points >= 20 * 3, "{points}");
}

#[test]
fn what_is_not_picked_up_goes_to_the_next_and_is_counted() {
    for_each_seed(0..30, |rt| async move {
        let config = Config { acquire_timeout: None, handover_max: Some(SECOND), ..max(1) };
        let (pool, backend) = pool(&rt, config);
        let held = pool.get().await.unwrap();
        // One that is never polled again.
        let mut stuck = Box::pin(pool.get());
        assert!((&mut stuck).now_or_never().is_none());
        let next = rt.spawn("next", {
            let pool = pool.clone();
            async move { drop(pool.get().await.unwrap()) }
        });
        rt.sleep(SECOND).await;
        let start = rt.now();
        drop(held);
        next.await.unwrap();
        assert_eq!(rt.now() - start, SECOND);
        assert_eq!((pool.stats().handovers_missed, pool.stats().idle), (1, 1));
        // When it comes at last it is served.
        drop(stuck.await.unwrap());
        assert_eq!(backend.connects(), 1);
        assert_sound(&pool, &backend);
    });
}

#[test]
fn who_missed_its_connection_keeps_its_place_in_line() {
    testing::run(1, |rt| async move {
        let (pool, _backend) = pool(&rt, max(1));
        let held = pool.get().await.unwrap();
        let mut stuck = Box::pin(pool.get());
        assert!((&mut stuck).now_or_never().is_none());
        let mut second = Box::pin(pool.get());
        assert!((&mut second).now_or_never().is_none());
        let mut third = Box::pin(pool.get());
        assert!((&mut third).now_or_never().is_none());
        drop(held);
        rt.sleep(SECOND + SECOND / 2).await;
        let lease = second.now_or_never().expect("it was handed on").unwrap();
        assert!((&mut stuck).now_or_never().is_none());
        drop(lease);
        assert!((&mut third).now_or_never().is_none(), "it came after the one that was stuck");
        drop(stuck.now_or_never().expect("its turn").unwrap());
        drop(third.now_or_never().expect("its turn").unwrap());
    });
}

#[test]
fn without_a_limit_what_is_handed_over_waits_for_ever() {
    testing::run(1, |rt| async move {
        let (pool, _backend) = pool(&rt, Config { handover_max: None, ..max(1) });
        let held = pool.get().await.unwrap();
        let mut slow = Box::pin(pool.get());
        assert!((&mut slow).now_or_never().is_none());
        drop(held);
        rt.sleep(SECOND * 1000).await;
        assert!(slow.now_or_never().expect("it lies ready").is_ok());
        assert_eq!(pool.stats().handovers_missed, 0);
    });
}

#[test]
fn a_storm_of_dropped_calls_loses_nothing() {
    for_each_seed(0..60, |rt| async move {
        let config = Config { handover_max: Some(SECOND / 100), acquire_timeout: None, ..calm() };
        let (pool, backend) = pool(&rt, Config { max: 2, ..config });
        let impatient: Vec<_> = (0..20)
            .map(|_| {
                let (rt, pool) = (rt.clone(), pool.clone());
                let mut rng = rt.rng("impatient");
                rt.clone().spawn("impatient", async move {
                    for _ in 0..10 {
                        let patience = SECOND * rng.below(9) as u32 / 1000;
                        let Ok(lease) = rt.timeout(patience, pool.get()).await else { continue };
                        rt.sleep(SECOND * rng.below(3) as u32 / 1000).await;
                        drop(lease.unwrap());
                    }
                })
            })
            .collect();
        for task in impatient {
            task.await.unwrap();
        }
        rt.sleep(SECOND).await;
        let stats = pool.stats();
        assert_eq!((stats.in_use, stats.waiting, stats.idle), (0, 0, backend.alive()));
        assert_sound(&pool, &backend);
    });
}
