//! The laws of retries, each with a test that goes red when it is broken.

mod budget;
mod counting;
mod dropping;
mod machine;
mod nested;
mod pauses;
mod stopping;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use super::{Config, Retry};
use crate::{
    rt::Rt,
    time::{Backoff, Jitter},
};

const SECOND: Duration = Duration::from_secs(1);

/// Pauses of one second, always.
const STEADY: Backoff = Backoff { initial: SECOND, factor: 1, max: SECOND, jitter: Jitter::None };

fn steady(attempts_max: u32) -> Config {
    Config { attempts_max, backoff: STEADY, ..Config::default() }
}

fn retry(rt: &Rt, attempts_max: u32) -> Retry {
    Retry::new(rt, steady(attempts_max)).expect("a good config")
}

/// A number that many count up.
#[derive(Clone, Debug, Default)]
struct Count(Arc<AtomicU32>);

impl Count {
    fn add(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn number(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}
