//! The laws of policies, each with a test that goes red when it is broken.

mod alone;
mod breaking;
mod dropping;
mod hedging;
mod limits;
mod repeating;

use super::super::tests::{Count, SECOND, STEADY, after, retry};
use crate::{
    limit::{Bulkhead, Quota, RateLimiter, bulkhead},
    resilience::{CircuitBreaker, breaker, retry},
    rt::Rt,
    time::{Backoff, Jitter},
};

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
