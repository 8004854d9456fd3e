//! The laws of tasks, each with a test that goes red when it is broken.

mod cancelling;
mod deadlock;
mod ending;
mod failing;
mod machine;
mod observing;
mod order;
mod queue;
mod room;
mod storm;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{Config, TaskManager};
use crate::rt::Rt;

const SECOND: Duration = Duration::from_secs(1);

fn manager(rt: &Rt, concurrency: usize) -> TaskManager {
    TaskManager::new(rt, Config { concurrency, ..Config::default() }).expect("a good config")
}

/// Counts itself while it lives.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn sleeper(rt: &Rt, seconds: u32) -> impl Future<Output = u32> + Send + 'static + use<> {
    let rt = rt.clone();
    async move {
        rt.sleep(SECOND * seconds).await;
        seconds
    }
}
