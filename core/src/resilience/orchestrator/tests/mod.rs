//! The laws of orchestrated tasks, each with a test that goes red when it is broken.

mod failing;
mod machine;
mod order;
mod refusing;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{Config, Mode, Orchestrator};
use crate::{
    resilience::{Policy, Retry, breaker, retry},
    rt::Rt,
    time::{Backoff, Jitter},
};

const SECOND: Duration = Duration::from_secs(1);

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
    let backoff = Backoff { initial: SECOND, factor: 1, max: SECOND, jitter: Jitter::None };
    let config = retry::Config { attempts_max, backoff, ..retry::Config::default() };
    Policy::new(rt, "repeat").retry(Retry::new(rt, config).expect("a good config"))
}

/// Takes that many seconds, then answers.
fn after<T: Send + 'static>(
    rt: &Rt,
    seconds: u32,
    answer: Result<T, &'static str>,
) -> impl Future<Output = Result<T, &'static str>> + Send + 'static + use<T> {
    let rt = rt.clone();
    async move {
        rt.sleep(SECOND * seconds).await;
        answer
    }
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
