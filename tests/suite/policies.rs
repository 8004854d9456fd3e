//! Policies, budgets and orchestrated tasks on threads: the limits hold there, too, and the counts add up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use seaworthy::{
    limit::{Bulkhead, bulkhead},
    resilience::{
        Backoff, Budget, CircuitBreaker, Orchestrator, Policy, Retry, breaker, budget,
        orchestrator::{self, Node, Plan},
        policy::Hedge,
        retry,
    },
    rt::{Rt, yield_now},
};

const CALLS: u64 = 4_000;

fn on_every_runtime<F: Future<Output = ()> + Send + 'static>(body: fn(Rt) -> F) {
    #[cfg(feature = "tokio")]
    seaworthy::tokio::run(body);
    #[cfg(feature = "smol")]
    seaworthy::smol::run(body);
    for seed in 0..3 {
        seaworthy::testing::run(seed, body);
    }
}

/// Short pauses, since they are real.
fn quick(attempts_max: u32) -> retry::Config {
    let (initial, max) = (Duration::from_micros(50), Duration::from_micros(200));
    retry::Config {
        attempts_max,
        backoff: Backoff { initial, max, ..Backoff::default() },
        ..retry::Config::default()
    }
}

/// Many calls at once, of which every third attempt fails.
async fn storm(rt: Rt) {
    let tokens = budget::Config { ratio: 0.25, tokens_max: 50, reserve_per_second: 0 };
    let budget = Budget::new(&rt, tokens).unwrap();
    let bulkhead =
        Bulkhead::new(&rt, bulkhead::Config { permits: 8, ..bulkhead::Config::default() }).unwrap();
    let breaker = CircuitBreaker::new(&rt, "backend", breaker::Config::default()).unwrap();
    let policy = Policy::new(&rt, "backend")
        .deadline(Duration::from_secs(300))
        .retry(Retry::new(&rt, quick(4)).unwrap().budget(budget.clone()))
        .hedge(Hedge { delay: Duration::from_secs(60), hedges_max: 1 })
        .breaker(breaker.clone())
        .bulkhead(bulkhead.clone())
        .attempt_timeout(Duration::from_secs(120));
    let (running, attempts) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
    let tasks = (0..8).map(|_| {
        let (policy, running, attempts) = (policy.clone(), Arc::clone(&running), Arc::clone(&attempts));
        rt.spawn("callers", async move {
            let calls = (0..CALLS / 8).map(|_| {
                policy.call(|_| async {
                    assert!(running.fetch_add(1, Ordering::SeqCst) < 8, "no more than the bulkhead lets");
                    yield_now().await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    if attempts.fetch_add(1, Ordering::SeqCst).is_multiple_of(3) {
                        Err("down")
                    } else {
                        Ok(())
                    }
                })
            });
            join_all(calls).await.iter().filter(|answer| answer.is_ok()).count() as u64
        })
    });
    let mut answered = 0;
    for task in tasks.collect::<Vec<_>>() {
        answered += task.await.unwrap();
    }
    let stats = policy.stats();
    assert_eq!(
        (stats.calls, stats.answered, stats.attempts),
        (CALLS, answered, attempts.load(Ordering::SeqCst))
    );
    assert_eq!(stats.calls, stats.answered + stats.failed + stats.refused_by_breaker);
    let retries = budget.stats().granted;
    assert!(stats.attempts <= CALLS + retries && retries <= 50 + CALLS / 4, "{stats:?}");
    assert!(retries > 50, "and the budget is used");
    assert_eq!(
        (bulkhead.stats().in_use, bulkhead.stats().waiting, running.load(Ordering::SeqCst)),
        (0, 0, 0)
    );
}

#[test]
fn limits_of_a_policy_hold_on_threads() {
    on_every_runtime(storm);
}

/// What is in flight, counted from many threads.
async fn in_flight(rt: Rt) {
    let budget = Budget::in_flight(&rt, budget::InFlight { ratio: 0.5, retries_min: 2 }).unwrap();
    let tasks = (0..8).map(|_| {
        let budget = budget.clone();
        rt.spawn("callers", async move {
            for _ in 0..2_000 {
                let call = budget.begin();
                let retries: Vec<_> = (0..3).filter_map(|_| call.try_retry().ok()).collect();
                assert!(budget.stats().retries_in_flight <= 4, "half of at most eight calls");
                drop(retries);
                yield_now().await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let stats = budget.stats();
    assert_eq!((stats.calls_in_flight, stats.retries_in_flight), (0, 0));
    assert_eq!(stats.granted + stats.refused, 8 * 2_000 * 3);
}

#[test]
fn retries_in_flight_stay_within_their_share_on_threads() {
    on_every_runtime(in_flight);
}

/// Layers of tasks, each after all of the layer before.
async fn layers(rt: Rt) {
    let orchestrator = Orchestrator::new(&rt, orchestrator::Config::default()).unwrap();
    let policy = Policy::new(&rt, "layers").retry(Retry::new(&rt, quick(3)).unwrap());
    let done = Arc::new(AtomicUsize::new(0));
    let mut plan = Plan::new();
    for layer in 0..10_usize {
        for number in 0..10 {
            let before: Vec<_> =
                (0..10).filter_map(|other| Some(format!("{}.{other}", layer.checked_sub(1)?))).collect();
            let done = Arc::clone(&done);
            plan.add(Node::new(format!("{layer}.{number}")).after(before), &policy, move |attempt| {
                let done = Arc::clone(&done);
                async move {
                    assert!(done.load(Ordering::SeqCst) >= layer * 10, "all before it are done");
                    yield_now().await;
                    if attempt.is_first() && number % 3 == 0 {
                        return Err("not yet");
                    }
                    Ok::<_, &str>(done.fetch_add(1, Ordering::SeqCst))
                }
            });
        }
    }
    let report = orchestrator.run(plan).await.unwrap();
    assert!(report.is_met, "{:?}", report.failures().collect::<Vec<_>>());
    let attempts: u32 = report.tasks.iter().map(orchestrator::Outcome::attempts).sum();
    assert_eq!((done.load(Ordering::SeqCst), attempts), (100, 140));
}

#[test]
fn a_plan_runs_in_order_on_threads() {
    on_every_runtime(layers);
}
