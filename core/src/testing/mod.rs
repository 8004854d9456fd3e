//! A runtime for tests: one thread, an order of tasks drawn from a seed, virtual time, a network in memory.
//!
//! Whenever several tasks can go on, the seed picks one, so other seeds try other orders; the same seed repeats the same
//! run. When nothing can go on, time jumps to the next timer, so an hour of back-off takes microseconds. A run that can
//! never end is stopped with a report of who waits.
//!
//! | for | there is |
//! |---|---|
//! | one run | [`run`], or [`try_run`] for the outcome as a value; [`Config`] |
//! | many seeds | [`for_each_seed`], [`seeds`] |
//! | cancel safety | [`for_each_drop_point`], [`DropPoints`] |
//! | names, and faults of the network | [`Network`] |
//! | an HTTP server with faults, a proxy | `http` (feature `http`) |
//!
//! The guide `docs/testing.md` shows each at work.

mod config;
mod drop_points;
mod executor;
#[cfg(feature = "http")]
pub mod http;
mod net;
mod report;
mod runtime;
mod seeds;
#[cfg(test)]
mod tests;
mod timers;
mod world;

use std::{future::Future, sync::Arc};

pub use config::Config;
pub use drop_points::{DropPoints, for_each_drop_point};
pub use net::{ConnectionInfo, Fate, Network, Side};
pub use report::{Finished, Stats, Stop, StopReason, TaskCounts};
pub use seeds::{for_each_seed, seeds};

use self::{executor::Executor, runtime::TestRuntime, world::World};
use crate::rt::Rt;

/// Runs `root` on the test runtime, and returns its value.
///
/// `config` is a [`Config`], or just a seed. The root runs on this thread: it need be neither `Send` nor `'static`.
/// When it has returned, all tasks are dropped; their destructors have run before this function returns.
///
/// # Panics
///
/// With a report that names the seed, if the run cannot end: a deadlock, a livelock, the time limit. Also if the root
/// panics, or any task does and nobody sees it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let slept = seaworthy_core::testing::run(7, |rt| async move {
///     let start = rt.now();
///     rt.sleep(Duration::from_secs(1800)).await;
///     rt.now() - start
/// });
/// assert_eq!(slept, Duration::from_secs(1800));
/// ```
#[track_caller]
pub fn run<F: Future>(config: impl Into<Config>, root: impl FnOnce(Rt) -> F) -> F::Output {
    match try_run(config, root) {
        Ok(finished) => finished.value,
        Err(stop) => panic!("{stop}"),
    }
}

/// As [`run`], with the outcome as a value: for tools that run many seeds.
///
/// # Errors
///
/// A [`Stop`], where [`run`] panics.
pub fn try_run<F: Future>(
    config: impl Into<Config>,
    root: impl FnOnce(Rt) -> F,
) -> Result<Finished<F::Output>, Stop> {
    let world = Arc::new(World::new(config.into()));
    let rt = Rt::new(TestRuntime(Arc::clone(&world)));
    let mut value = None;
    let root = Box::pin(async { value = Some(root(rt).await) });
    let stats = Executor::new(world).run(root)?;
    let value = value.expect("a run that was not stopped has run its root to the end");
    Ok(Finished { value, stats })
}
