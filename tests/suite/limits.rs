//! Limiters and bulkheads between real threads, on every runtime.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use seaworthy::{
    limit::{Acquire, Bulkhead, KeyedRateLimiter, Quota, RateLimiter, bulkhead, keyed},
    rt::{Rt, yield_now},
    time::Deadline,
};

const TASKS: usize = 32;

#[cfg(feature = "tokio")]
#[test]
fn tokio() {
    let config = seaworthy::tokio::Config { worker_threads: Some(4), ..Default::default() };
    seaworthy::tokio::run_with(config, storm).expect("it starts");
}

#[cfg(feature = "smol")]
#[test]
fn smol() {
    let config = seaworthy::smol::Config { worker_threads: Some(4), ..Default::default() };
    seaworthy::smol::run_with(config, storm).expect("it starts");
}

async fn storm(rt: Rt) {
    a_limiter_gives_out_no_more_than_its_quota(&rt).await;
    a_limiter_with_keys_gives_each_key_its_own(&rt).await;
    whoever_waits_is_not_forgotten(&rt).await;
    a_bulkhead_holds(&rt).await;
}

/// Tries, waits, gives up, changes the quota to the same and back: from all threads at once.
async fn a_limiter_gives_out_no_more_than_its_quota(rt: &Rt) {
    let quota = Quota::per_second(20_000).burst(3);
    let limiter = RateLimiter::new(rt, quota).expect("a good quota");
    let through = Arc::new(AtomicUsize::new(0));
    let start = rt.now();
    let tasks = (0..TASKS).map(|number| {
        let (limiter, through, inner) = (limiter.clone(), Arc::clone(&through), rt.clone());
        rt.spawn("storm", async move {
            let mut rng = inner.rng("storm");
            for turn in 0..100 {
                let tokens = 1 + rng.below(3) as u32;
                let passed = match rng.below(8) {
                    0 | 1 => limiter.try_acquire(tokens).is_ok(),
                    2 => {
                        let patience = Duration::from_micros(rng.below(2000));
                        matches!(inner.timeout(patience, limiter.acquire(tokens)).await, Ok(Ok(())))
                    }
                    3 => {
                        let patience = Duration::from_micros(rng.below(20_000));
                        let deadline = Some(Deadline::after(&inner, "storm", patience));
                        limiter.acquire_with(tokens, Acquire { deadline, priority: 1 }).await.is_ok()
                    }
                    _ => limiter.acquire(tokens).await.is_ok(),
                };
                if passed {
                    through.fetch_add(tokens as usize, Ordering::Relaxed);
                }
                if number == 0 && turn % 10 == 0 {
                    limiter.set_quota(quota).expect("a good quota");
                }
            }
        })
    });
    for task in join_all(tasks).await {
        task.expect("no panic");
    }
    // Never too early; how late is the machine's affair.
    let (through, took) = (through.load(Ordering::Relaxed), rt.now() - start);
    let allowed = 3.0 + 20_000.0 * (took + Duration::from_millis(5)).as_secs_f64();
    assert!(through as f64 <= allowed, "{through} in {took:?}, where {allowed} may");
    let stats = limiter.stats();
    assert_eq!(stats.waiting, 0, "{stats:?}");
}

async fn a_limiter_with_keys_gives_each_key_its_own(rt: &Rt) {
    let quota = Quota::per_second(10_000).burst(2);
    let config = keyed::Config { keys_max: 4, ..Default::default() };
    let keyed = KeyedRateLimiter::new(rt, quota, config).expect("a good config");
    let through: Arc<[AtomicUsize; 8]> = Arc::default();
    let start = rt.now();
    let tasks = (0..TASKS).map(|_| {
        let (keyed, through, inner) = (keyed.clone(), Arc::clone(&through), rt.clone());
        rt.spawn("storm", async move {
            let mut rng = inner.rng("storm");
            for _ in 0..100 {
                // More keys than there is room for.
                let key = rng.index(8);
                let passed = match rng.below(3) {
                    0 => keyed.acquire(&key, 1).await.is_ok(),
                    _ => keyed.try_acquire(&key, 1).is_ok(),
                };
                through[key].fetch_add(usize::from(passed), Ordering::Relaxed);
                yield_now().await;
            }
        })
    });
    for task in join_all(tasks).await {
        task.expect("no panic");
    }
    let took = rt.now() - start;
    for through in through.iter().map(|through| through.load(Ordering::Relaxed)) {
        let allowed = 2.0 + 10_000.0 * (took + Duration::from_millis(5)).as_secs_f64();
        assert!(through as f64 <= allowed, "{through} in {took:?}, where {allowed} may");
    }
    assert!(keyed.stats().keys <= 4);
}

/// The fast way is closed and opened all the time; nobody may be left behind on either side.
async fn whoever_waits_is_not_forgotten(rt: &Rt) {
    let limiter = RateLimiter::new(rt, Quota::per_second(1_000_000)).expect("a good quota");
    let tasks = (0..TASKS).map(|_| {
        let limiter = limiter.clone();
        rt.spawn("storm", async move {
            for _ in 0..500 {
                limiter.acquire(1).await.expect("no deadline");
            }
        })
    });
    for task in join_all(tasks).await {
        task.expect("no panic");
    }
    assert_eq!(limiter.stats().waiting, 0);
}

async fn a_bulkhead_holds(rt: &Rt) {
    let config = bulkhead::Config { permits: 3, ..Default::default() };
    let bulkhead = Bulkhead::new(rt, config).expect("a good config");
    let held = Arc::new(AtomicUsize::new(0));
    let tasks = (0..TASKS).map(|_| {
        let (bulkhead, held, inner) = (bulkhead.clone(), Arc::clone(&held), rt.clone());
        rt.spawn("storm", async move {
            let mut rng = inner.rng("storm");
            for _ in 0..300 {
                let permit = match rng.below(4) {
                    0 => bulkhead.try_acquire().ok(),
                    1 => {
                        let patience = Duration::from_micros(rng.below(1000));
                        inner.timeout(patience, bulkhead.acquire()).await.ok().and_then(Result::ok)
                    }
                    _ => bulkhead.acquire().await.ok(),
                };
                if permit.is_some() {
                    assert!(held.fetch_add(1, Ordering::SeqCst) < 3, "more at once than may");
                    yield_now().await;
                    held.fetch_sub(1, Ordering::SeqCst);
                }
            }
        })
    });
    for task in join_all(tasks).await {
        task.expect("no panic");
    }
    let stats = bulkhead.stats();
    assert_eq!((stats.in_use, stats.waiting), (0, 0), "{stats:?}");
}
