//! The laws of policies, each with a test that goes red when it is broken.

mod alone;
mod breaking;
mod dropping;
mod hedging;
mod limits;
mod repeating;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::{
    limit::{Bulkhead, Quota, RateLimiter, bulkhead},
    resilience::{CircuitBreaker, Retry, breaker, retry},
    rt::Rt,
    time::{Backoff, Jitter},
};

const SECOND: Duration = Duration::from_secs(1);

/// Pauses of one second, always.
const STEADY: Backoff = Backoff { initial: SECOND, factor: 1, max: SECOND, jitter: Jitter::None };

fn retry(rt: &Rt, attempts_max: u32) -> Retry {
    let config = retry::Config { attempts_max, backoff: STEADY, ..retry::Config::default() };
    Retry::new(rt, config).expect("a good config")
}

/// Opens at that many failures in a row, for ten seconds.
fn breaker(rt: &Rt, failures: u32) -> CircuitBreaker {
    let open_for = Backoff { initial: 10 * SECOND, factor: 1, max: 10 * SECOND, jitter: Jitter::None };
    let window = breaker::Window::Consecutive { failures };
    let config = breaker::Config { window, open_for, successes_to_close: 1, ..breaker::Config::default() };
    CircuitBreaker::new(rt, "backend", config).expect("a good config")
}

fn bulkhead(rt: &Rt, permits: usize, waiters_max: usize) -> Bulkhead {
    Bulkhead::new(rt, bulkhead::Config { permits, waiters_max, ..Default::default() }).expect("a good config")
}

fn limiter(rt: &Rt, per_second: u32) -> RateLimiter {
    RateLimiter::new(rt, Quota::per_second(per_second)).expect("a good quota")
}

/// A number that many count up and down.
#[derive(Clone, Debug, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn add(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn number(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one until it is dropped.
    fn alive(&self) -> Alive {
        self.add();
        Alive(self.clone())
    }
}

struct Alive(Count);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Takes that many seconds, then answers.
fn after<T: Send + 'static, E: Send + 'static>(
    rt: &Rt,
    seconds: u32,
    answer: Result<T, E>,
) -> impl Future<Output = Result<T, E>> + Send + 'static + use<T, E> {
    let rt = rt.clone();
    async move {
        rt.sleep(SECOND * seconds).await;
        answer
    }
}
