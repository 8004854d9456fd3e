//! The laws of what stands between components and runtimes, on the test runtime.

mod blocking;
mod cancel;
mod connect;
mod drop_points;
mod scope;
mod span;
mod task;
mod task_panics;
mod time;
#[cfg(feature = "tokio-io")]
mod tokio_io;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use super::*;
use crate::testing::{Config, Network, StopReason, for_each_seed, run, try_run};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A flag that many hold.
#[derive(Clone, Debug, Default)]
struct Flag(Arc<AtomicBool>);

impl Flag {
    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the flag when it is dropped.
    fn on_drop(&self) -> OnDrop<impl FnMut() + Send + use<>> {
        let flag = self.clone();
        OnDrop(move || flag.set())
    }
}

/// A number that many count up.
#[derive(Clone, Debug, Default)]
struct Count(Arc<AtomicU32>);

impl Count {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn number(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs a closure when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// The panic that failed a run: which task, and what it said.
fn unobserved<F: Future>(seed: u64, root: impl FnOnce(Rt) -> F) -> (String, String) {
    match try_run(seed, root) {
        Ok(_) => panic!("no panic was reported"),
        Err(stop) => match stop.reason {
            StopReason::Panicked { task, message } => (task, message),
            _ => panic!("{stop}"),
        },
    }
}
