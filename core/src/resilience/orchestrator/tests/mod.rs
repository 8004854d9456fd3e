//! The laws of orchestrated tasks, each with a test that goes red when it is broken.

mod failing;
mod machine;
mod order;
mod refusing;

use super::{
    super::tests::{Count, SECOND, after, retry},
    Config, Mode, Orchestrator,
};
use crate::{
    resilience::{Policy, breaker},
    rt::Rt,
    time::{Backoff, Jitter},
};

/// Breakers open at two failures in a row, for a minute.
fn config() -> Config {
    let open_for = Backoff { initial: 60 * SECOND, factor: 1, max: 60 * SECOND, jitter: Jitter::None };
    let window = breaker::Window::Consecutive { failures: 2 };
    let breaker = breaker::Config { window, open_for, ..breaker::Config::default() };
    Config { breaker, ..Config::default() }
}

fn orchestrator(rt: &Rt, mode: Mode) -> Orchestrator {
    Orchestrator::new(rt, Config { mode, ..config() }).expect("a good config")
}

/// One attempt and no layer.
fn once(rt: &Rt) -> Policy {
    Policy::new(rt, "once")
}

/// Attempts a second apart.
fn repeat(rt: &Rt, attempts_max: u32) -> Policy {
    Policy::new(rt, "repeat").retry(retry(rt, attempts_max))
}
