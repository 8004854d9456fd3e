//! A circuit breaker among threads, on real runtimes: what must hold in any order.
#![cfg(any(feature = "tokio", feature = "smol"))]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures::{StreamExt, future::join_all};
use seaworthy::{
    resilience::breaker::{CircuitBreaker, Config, Event, State, Window},
    rt::{Rt, yield_now},
    time::Backoff,
};

const PROBES: usize = 3;

/// Counts itself while it lives.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

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
    let probes = Arc::new(AtomicUsize::new(0));
    let callers = (0..8_u64).map(|caller| {
        let (breaker, probes) = (breaker.clone(), Arc::clone(&probes));
        rt.spawn("caller", async move {
            let mut rng = seaworthy::rt::Rng::from_seed(caller);
            for _ in 0..2_000 {
                let Ok(permit) = breaker.try_acquire() else {
                    yield_now().await;
                    continue;
                };
                let _probe = permit.is_probe().then(|| {
                    probes.fetch_add(1, SeqCst);
                    Counted(Arc::clone(&probes))
                });
                if breaker.stats().generation == permit.generation() && permit.is_probe() {
                    assert!(breaker.stats().probes_in_flight as usize <= PROBES);
                }
                yield_now().await;
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
    assert_eq!((breaker.stats().probes_in_flight, probes.load(SeqCst)), (0, 0));
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
