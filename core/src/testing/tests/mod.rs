//! The laws of the test runtime.

mod drop_points;
mod ending;
mod network;
mod order;
mod streams;
mod time;

use std::{sync::Arc, time::Duration};

use super::{Config, Stop, StopReason, run, try_run};
use crate::rt::{Rt, yield_now};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Why a run was stopped, if it was.
fn stop<F: Future>(config: impl Into<Config>, root: impl FnOnce(Rt) -> F) -> Stop {
    match try_run(config, root) {
        Ok(_) => panic!("the run went well"),
        Err(stop) => stop,
    }
}

/// Counts its living clones, so that a test can tell that none is left.
#[derive(Clone, Debug, Default)]
struct Living(Arc<()>);

impl Living {
    fn others(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

/// Runs a closure when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
