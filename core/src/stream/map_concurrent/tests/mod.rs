//! The laws of `map_concurrent`, each with a test that goes red when it is broken.

mod dropping;
mod ending;
mod machine;
mod order;
mod panics;
mod room;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{Concurrency, Order};
use crate::rt::Rt;

const SECOND: Duration = Duration::from_secs(1);

fn concurrency(tasks_max: usize, read_ahead_max: usize, order: Order) -> Concurrency {
    Concurrency { tasks_max, read_ahead_max, order }
}

/// Sleeps for as many seconds as it is told, and returns them.
fn sleeping(rt: &Rt) -> impl Fn(u32) -> futures::future::BoxFuture<'static, u32> + Send + Sync + 'static {
    let rt = rt.clone();
    move |seconds| {
        let rt = rt.clone();
        Box::pin(async move {
            rt.sleep(seconds * SECOND).await;
            seconds
        })
    }
}

/// How many are alive now, and how many were at most.
#[derive(Clone, Default)]
struct Census(Arc<[AtomicUsize; 2]>);

/// Counts itself while it lives.
struct Alive(Census);

impl Census {
    fn enter(&self) -> Alive {
        let now = self.0[0].fetch_add(1, Relaxed) + 1;
        self.0[1].fetch_max(now, Relaxed);
        Alive(self.clone())
    }

    fn now(&self) -> usize {
        self.0[0].load(Relaxed)
    }

    fn most(&self) -> usize {
        self.0[1].load(Relaxed)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0[0].fetch_sub(1, Relaxed);
    }
}
