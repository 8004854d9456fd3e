//! What went wrong in other pools, by the number of the issue. What their users reported must not happen here.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use super::{super::Config, MINUTE, SECOND, assert_sound, calm, max, pool};
use crate::testing::{self, for_each_drop_point, for_each_seed};

/// A cancelled acquire cancelled its connect, so under load slow connects never came to an end.
#[test]
fn sqlx_3513_a_connect_survives_those_who_asked_for_it() {
    for_each_seed(0..20, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        *backend.connect_takes.lock() = SECOND;
        for _ in 0..20 {
            // No one of them would wait long enough.
            if let Ok(lease) = rt.timeout(SECOND / 10, pool.get()).await {
                drop(lease.unwrap());
                assert_eq!(backend.attempts.load(Relaxed), 1);
                return;
            }
        }
        panic!("no connect came to an end");
    });
}

/// Under many tasks some were passed over again and again: the 99th percentile was twenty times that of a fair pool.
#[test]
fn bb8_243_nobody_is_passed_over() {
    for_each_seed(0..5, |rt| async move {
        let (pool, _backend) = pool(&rt, Config { acquire_timeout: None, ..max(4) });
        pool.warm(4).await.unwrap();
        let users: Vec<_> = (0..40)
            .map(|_| {
                let (rt, pool) = (rt.clone(), pool.clone());
                rt.clone().spawn("user", async move {
                    let mut longest = Duration::ZERO;
                    for _ in 0..20 {
                        let start = rt.now();
                        let lease = pool.get().await.unwrap();
                        longest = longest.max(rt.now() - start);
                        rt.sleep(SECOND).await;
                        drop(lease);
                    }
                    longest
                })
            })
            .collect();
        for user in users {
            // 36 others are ahead at most, 4 at a time.
            assert!(user.await.unwrap() <= SECOND * 9);
        }
    });
}

/// A return between the look for an idle connection and the place in line woke nobody, and the waiter slept for ever.
#[test]
fn bb8_122_a_return_at_any_moment_wakes_who_waits() {
    for_each_seed(0..300, |rt| async move {
        let (pool, _backend) = pool(&rt, Config { acquire_timeout: None, handover_max: None, ..max(2) });
        let users: Vec<_> = (0..5)
            .map(|_| {
                let (rt, pool) = (rt.clone(), pool.clone());
                rt.clone().spawn("user", async move {
                    for _ in 0..5 {
                        let lease = pool.get().await.unwrap();
                        crate::rt::yield_now().await;
                        drop(lease);
                    }
                })
            })
            .collect();
        // A waiter that is not woken is a deadlock, which the test runtime reports.
        for user in users {
            user.await.unwrap();
        }
    });
}

/// Dropped calls lost the wake-up they had got (its number 67), until the pool only timed out.
#[test]
fn bb8_67_a_wake_up_is_not_lost_with_a_dropped_call() {
    let points = for_each_drop_point(
        0..50,
        |rt| async move {
            let (pool, _backend) = pool(&rt, Config { acquire_timeout: None, handover_max: None, ..max(1) });
            drop(pool.get().await.unwrap());
            pool
        },
        |rt, pool| async move {
            let held = pool.get().await.unwrap();
            let (delay, twin) = (rt.clone(), pool.clone());
            rt.spawn("returns", async move {
                delay.sleep(SECOND).await;
                drop(held);
                drop(twin);
            })
            .detach();
            drop(pool.get().await);
        },
        |_rt, pool| async move { drop(pool.get().await.unwrap()) },
    );
    assert!(points >= 150);
}

/// The age was looked at only while a connection was idle, so on a busy pool it lived for ever.
#[test]
fn pgx_2560_a_lifetime_holds_on_a_busy_pool() {
    for_each_seed(0..10, |rt| async move {
        let config = Config { lifetime_max: Some(SECOND * 10), lifetime_jitter_percent: 0, ..max(1) };
        let (pool, backend) = pool(&rt, config);
        let users: Vec<_> = (0..3)
            .map(|_| {
                let (rt, pool) = (rt.clone(), pool.clone());
                rt.clone().spawn("user", async move {
                    let mut numbers = Vec::new();
                    for _ in 0..33 {
                        let lease = pool.get().await.unwrap();
                        // Never idle: it is handed from one to the next.
                        rt.sleep(SECOND).await;
                        numbers.push(lease.number);
                    }
                    numbers
                })
            })
            .collect();
        let mut uses = std::collections::BTreeMap::<u64, u32>::new();
        for user in users {
            for number in user.await.unwrap() {
                *uses.entry(number).or_default() += 1;
            }
        }
        assert!(uses.values().all(|uses| *uses <= 10), "none was lent when it was older than 10 s: {uses:?}");
        assert!(uses.len() >= 9);
        rt.sleep(SECOND).await;
        assert_sound(&pool, &backend);
    });
}

/// Jitter was drawn at every look, so the more often a pool looked, the less jitter there was.
#[test]
fn pgx_1437_those_born_together_do_not_end_together() {
    for_each_seed(0..10, |rt| async move {
        let config = Config { lifetime_max: Some(SECOND * 20), lifetime_jitter_percent: 50, ..max(8) };
        let (pool, _backend) = pool(&rt, config);
        pool.warm(8).await.unwrap();
        let mut gone = Vec::new();
        // Looked at a hundred times a second: drawn each time, all would be gone near the lower bound.
        for _ in 0..2100 {
            rt.sleep(SECOND / 100).await;
            drop(pool.try_get());
            gone.push(pool.stats().retired.lifetime);
        }
        assert_eq!(gone[995], 0, "none before the lower bound");
        assert_eq!(gone[2050], 8, "all by the upper bound");
        assert!((1..=7).contains(&gone[1500]), "spread in between: {}", gone[1500]);
    });
}

/// "Pool timed out" named neither the error of the connect nor who held what.
#[test]
fn sqlx_2276_a_timeout_says_why() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, calm());
        backend.is_down.store(true, Relaxed);
        let text = pool.get().await.map(drop).unwrap_err().to_string();
        assert!(text.contains("the last connect failed: the backend is down"), "{text}");
        backend.is_down.store(false, Relaxed);
        pool.resize(1).unwrap();
        rt.sleep(MINUTE).await;
        let _held = pool.get().await.unwrap();
        let text = pool.get().await.map(drop).unwrap_err().to_string();
        assert!(text.contains("1 of 1 in use") && text.contains("rivals.rs"), "{text}");
    });
}
