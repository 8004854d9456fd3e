//! A million queued tasks: what each costs beside its future, and how long they take to drain.

use std::{future::Future, sync::Arc};

use seaworthy_core::{
    rt::yield_now,
    task::{Config, TaskManager},
};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    harness::{Allocations, Comparison, Meter, Settings, Table},
    runtimes::OnTokio,
};

const BOUND: usize = 16;

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    let runtime = &OnTokio::current_thread();
    let tasks = settings.size(1_000_000);
    // A round is long and memory does not vary: a few will do.
    let settings = Settings { rounds: settings.rounds.min(5), ..settings };
    let compare = |comparison: Comparison<'_>, figure: Figure| {
        comparison
            .pinned()
            .note(format!("{tasks} tasks that yield once, each with a future of {} bytes.", future_bytes()))
            .ours("TaskManager", |meter| managed(meter, runtime, tasks, figure))
            .peer("JoinSet + Semaphore, acquired in the task", |meter| by_hand(meter, runtime, tasks, figure))
            .run(settings)
    };
    let memory =
        Comparison::new("Memory of a queued task beside its future", "bytes", tasks).counted().limit(512.0);
    let calls = Comparison::new("Allocations to queue a task", "allocations", tasks).counted();
    let drain = Comparison::new("Draining a million queued tasks", "ns/task", tasks).target(1.0);
    vec![compare(memory, Figure::Memory), compare(calls, Figure::Calls), compare(drain, Figure::Drain)]
}

/// What is taken of a run.
#[derive(Clone, Copy)]
enum Figure {
    Memory,
    Calls,
    Drain,
}

impl Figure {
    fn of_queueing(self, meter: &mut Meter, tasks: usize, queue: impl FnOnce()) {
        let ((), allocated) = Allocations::of(queue);
        match self {
            Self::Memory => meter.add(allocated.live_bytes as f64 - (tasks * future_bytes()) as f64),
            Self::Calls => meter.add(allocated.calls as f64),
            Self::Drain => {}
        }
    }

    fn of_draining(self, meter: &mut Meter, drain: impl FnOnce()) {
        match self {
            Self::Drain => meter.time(drain),
            Self::Memory | Self::Calls => drain(),
        }
    }
}

fn managed(meter: &mut Meter, runtime: &OnTokio, tasks: usize, figure: Figure) {
    let config = Config { concurrency: BOUND, ..Config::default() };
    let manager = TaskManager::new(&runtime.rt, config).expect("a good config");
    manager.set_concurrency(0).expect("it can be paused");
    figure.of_queueing(meter, tasks, || {
        for number in 0..tasks {
            manager.submit("work", work(number));
        }
    });
    assert_eq!(manager.stats().pending, tasks);
    figure.of_draining(meter, || {
        manager.set_concurrency(BOUND).expect("it can go on");
        runtime.block_on(manager.idle());
    });
    assert_eq!(manager.stats().completed, tasks as u64);
}

fn by_hand(meter: &mut Meter, runtime: &OnTokio, tasks: usize, figure: Figure) {
    let semaphore = Arc::new(Semaphore::new(BOUND));
    let mut set = JoinSet::new();
    figure.of_queueing(meter, tasks, || {
        runtime.block_on(async {
            for number in 0..tasks {
                let semaphore = Arc::clone(&semaphore);
                set.spawn(async move {
                    let _permit = semaphore.acquire_owned().await.expect("nobody closes it");
                    work(number).await
                });
            }
        });
    });
    assert_eq!(set.len(), tasks);
    figure.of_draining(meter, || {
        runtime.block_on(async { while set.join_next().await.is_some() {} });
    });
}

/// What a task does, with something to carry.
fn work(number: usize) -> impl Future<Output = usize> + Send + 'static {
    let load = [number; 8];
    async move {
        yield_now().await;
        load[0]
    }
}

fn future_bytes() -> usize {
    size_of_val(&work(0))
}
