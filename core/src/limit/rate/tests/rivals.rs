//! Defects that were found in other limiters.

use std::sync::Arc;

use futures::future::join_all;
use parking_lot::Mutex;

use super::*;
use crate::{
    rt::yield_now,
    testing::{for_each_seed, run},
};

/// governor: those who wait sleep until the limiter may have room and then try again, all at once. The order is lost, and
/// at 10,000 a second with a burst of 1 less than half of the quota is reached.
#[test]
fn a_crowd_keeps_its_order_and_reaches_its_quota() {
    for_each_seed(0..5, |rt| async move {
        let limiter = limiter(&rt, Quota::per_second(10_000));
        let passed = Arc::new(Mutex::new(Vec::new()));
        let start = rt.now();
        let tasks = (0..64_u32).map(|number| {
            let (limiter, passed) = (limiter.clone(), passed.clone());
            rt.spawn("one of many", async move {
                for _ in 0..20 {
                    limiter.acquire(1).await.expect("no deadline");
                    passed.lock().push(number);
                    yield_now().await;
                }
            })
        });
        join_all(tasks).await;
        // The first at once, and one each 100 µs: all of the quota.
        assert_eq!(rt.now() - start, Duration::from_micros(100) * (64 * 20 - 1));
        let passed = passed.lock();
        // Whoever went through goes to the end of the line: each round has everyone once, in the order of the first.
        let rounds: Vec<_> = passed[1..].chunks_exact(64).collect();
        for round in &rounds[1..] {
            assert_eq!(*round, rounds[0], "nobody was displaced");
        }
    });
}

/// Fixed windows: the burst at the end of one and again at the beginning of the next, twice as much at once.
#[test]
fn no_edge_lets_twice_the_burst_through() {
    run(1, |rt| async move {
        let limiter = limiter(&rt, Quota::per_second(10).burst(10));
        rt.sleep(999 * MILLI).await;
        let at_the_end = (0..20).filter(|_| limiter.try_acquire(1).is_ok()).count();
        rt.sleep(2 * MILLI).await;
        let in_the_next = (0..20).filter(|_| limiter.try_acquire(1).is_ok()).count();
        assert_eq!((at_the_end, in_the_next), (10, 0));
        rt.sleep(99 * MILLI).await;
        assert!(limiter.try_acquire(1).is_ok(), "one each 100 ms");
        assert!(limiter.try_acquire(1).is_err());
    });
}

/// leaky-bucket #39: one of the waiters does the work for all of them, and when it is dropped, or is not polled, at the
/// wrong moment nobody does: all hang.
#[test]
fn it_is_not_wedged_by_waiters_that_are_dropped_or_not_polled() {
    for_each_seed(0..200, |rt| async move {
        let limiter = limiter(&rt, Quota::per_second(1000).burst(2));
        let mut rng = rt.rng("wedge");
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let (limiter, inner) = (limiter.clone(), rt.clone());
                let (patience, tokens) = (Duration::from_micros(rng.below(20_000)), 1 + rng.below(2) as u32);
                rt.spawn("impatient", async move {
                    let mut forgotten = limiter.acquire(1);
                    let _ = poll(&mut forgotten);
                    let _ = inner.timeout(patience, limiter.acquire(tokens)).await;
                    inner.sleep(patience).await;
                })
            })
            .collect();
        join_all(tasks).await;
        let start = rt.now();
        limiter.acquire(2).await.expect("no deadline");
        assert!(rt.now() - start <= 2 * MILLI, "nothing is left of those who went away");
    });
}
