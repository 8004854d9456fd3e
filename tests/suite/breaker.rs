//! A circuit breaker among threads, on real runtimes: what must hold in any order.
#![cfg(any(feature = "tokio", feature = "smol"))]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{StreamExt, future::join_all};
use parking_lot::Mutex;
use seaworthy::{
    resilience::breaker::{CircuitBreaker, Config, Event, State, Window},
    rt::{Rt, yield_now},
    time::Backoff,
};

const PROBES: usize = 3;

/// Many callers of a backend that fails half of the time: it opens, probes, closes, over and over.
async fn storm(rt: Rt) {
    let short = Duration::from_micros(50);
    let config = Config {
        window: Window::Calls { last: 10 },
        open_for: Backoff { initial: short, max: short, ..Config::default().open_for },
        probes: PROBES as u32,
        successes_to_close: 1,
        events_max: 1_000_000,
        ..Config::default()
    };
    let breaker = CircuitBreaker::new(&rt, "backend", config).expect("a good config");
    let events = breaker.events();
    // Counted beside the breaker, by generation: a probe of one that is over may still be on its way.
    let probes = Arc::new(Mutex::new(BTreeMap::<u64, usize>::new()));
    let callers = (0..8_u64).map(|caller| {
        let (breaker, probes) = (breaker.clone(), Arc::clone(&probes));
        rt.spawn("caller", async move {
            let mut rng = seaworthy::rt::Rng::from_seed(caller);
            for _ in 0..2_000 {
                let Ok(permit) = breaker.try_acquire() else {
                    yield_now().await;
                    continue;
                };
                let (generation, is_probe) = (permit.generation(), permit.is_probe());
                if is_probe {
                    let mut probes = probes.lock();
                    let count = probes.entry(generation).or_default();
                    *count += 1;
                    assert!(*count <= PROBES, "{count} probes at once");
                }
                yield_now().await;
                if is_probe {
                    // Before it reports, for then the next may come.
                    probes.lock().entry(generation).and_modify(|count| *count -= 1);
                }
                match rng.below(5) {
                    0 => drop(permit),
                    1 | 2 => permit.failure(),
                    _ => permit.success(),
                }
            }
        })
    });
    for caller in join_all(callers.collect::<Vec<_>>()).await {
        caller.expect("no caller panics");
    }
    assert_eq!(breaker.stats().probes_in_flight, 0);
    assert!(!probes.lock().is_empty() && probes.lock().values().all(|count| *count == 0));
    assert!(breaker.stats().opened > 0);

    // Each transition was told once, in order, and nothing is stuck.
    breaker.reset();
    breaker.try_acquire().expect("it is closed").success();
    let generation = breaker.stats().generation;
    drop(breaker);
    let told: Vec<_> = events.collect().await;
    assert_eq!(told.len() as u64, generation);
    let mut state = State::Closed;
    for (number, event) in (1..).zip(told) {
        let Event::Changed(transition) = event else { panic!("{event:?}") };
        assert_eq!((transition.generation, transition.from), (number, state));
        state = transition.to;
    }
    assert_eq!(state, State::Closed);
}

#[cfg(feature = "tokio")]
#[test]
fn threads_of_tokio_lose_no_probe_and_no_transition() {
    seaworthy::tokio::run(storm);
}

#[cfg(feature = "smol")]
#[test]
fn threads_of_smol_lose_no_probe_and_no_transition() {
    seaworthy::smol::run(storm);
}
