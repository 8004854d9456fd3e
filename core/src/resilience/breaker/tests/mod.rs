//! The laws of breakers, each with a test that goes red when it is broken.

mod calling;
mod closed;
mod configs;
mod forced;
mod half_open;
mod late;
mod machine;
mod observing;
mod slow;
mod threads;
mod windows;

use std::time::Duration;

use super::{CircuitBreaker, Config, Outcome, Window};
use crate::{
    rt::Rt,
    time::{Backoff, Jitter},
};

const SECOND: Duration = Duration::from_secs(1);

/// The last 10 calls, open for 5, 10, 20 s and so on to 60 s without jitter, one probe, which closes.
fn config() -> Config {
    Config {
        window: Window::Calls { last: 10 },
        open_for: Backoff { jitter: Jitter::None, ..Config::default().open_for },
        successes_to_close: 1,
        ..Config::default()
    }
}

fn breaker(rt: &Rt, config: Config) -> CircuitBreaker {
    CircuitBreaker::new(rt, "dependency", config).expect("a good config")
}

fn report(breaker: &CircuitBreaker, count: usize, outcome: Outcome) {
    for _ in 0..count {
        breaker.try_acquire().expect("it lets calls pass").report(outcome);
    }
}

fn fail(breaker: &CircuitBreaker, count: usize) {
    report(breaker, count, Outcome::Failure);
}

fn succeed(breaker: &CircuitBreaker, count: usize) {
    report(breaker, count, Outcome::Success);
}

/// One that has just opened.
fn opened(rt: &Rt, config: Config) -> CircuitBreaker {
    let breaker = breaker(rt, config);
    fail(&breaker, 10);
    breaker
}

/// One that has just become half open: five seconds later.
async fn half_open(rt: &Rt, config: Config) -> CircuitBreaker {
    let breaker = opened(rt, config);
    rt.sleep(5 * SECOND).await;
    breaker
}
