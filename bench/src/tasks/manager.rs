//! Many short tasks under a bound: `TaskManager` beside what people write by hand.

use std::{future::Future, sync::Arc};

use futures::{StreamExt, stream};
use seaworthy_core::{
    rt::{Rt, yield_now},
    task::{Config, TaskManager},
};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    harness::{Comparison, Meter, Settings, Table},
    runtimes::OnTokio,
};

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    // The one on all cores first: the other pins this thread.
    let many = OnTokio::multi_thread();
    let mut tables = Vec::new();
    for bound in [16, 100] {
        let on = "on all cores";
        tables.push(compare(settings, &many, Comparison::new, on, "that yield once", bound, yield_now));
    }
    drop(many);
    let one = OnTokio::current_thread();
    let pinned = |title, unit, ops| Comparison::new(title, unit, ops).pinned();
    for bound in [16, 100] {
        let on = "on one core";
        tables.push(compare(settings, &one, pinned, on, "that are ready at once", bound, || async {}));
        tables.push(compare(settings, &one, pinned, on, "that yield once", bound, yield_now));
    }
    tables
}

fn compare<'a, W, Fut>(
    settings: Settings,
    runtime: &'a OnTokio,
    comparison: impl FnOnce(String, &'static str, usize) -> Comparison<'a>,
    on: &str,
    what: &str,
    bound: usize,
    work: W,
) -> Table
where
    W: Fn() -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let tasks = settings.size(100_000);
    let rt = &runtime.rt;
    comparison(format!("Tasks {what}, {bound} at a time, {on}"), "ns/task", tasks)
        .target(1.0)
        .ours("TaskManager", move |meter| time(meter, runtime, managed(rt.clone(), tasks, bound, work)))
        .ours("TaskManager, each Job awaited", move |meter| {
            time(meter, runtime, awaited(rt.clone(), tasks, bound, work));
        })
        .peer("JoinSet + Semaphore, acquired in the task", move |meter| {
            time(meter, runtime, acquired_in_the_task(tasks, bound, work));
        })
        .peer("JoinSet + Semaphore, acquired before the spawn", move |meter| {
            time(meter, runtime, acquired_before_the_spawn(tasks, bound, work));
        })
        .reference("buffer_unordered", move |meter| time(meter, runtime, buffered(tasks, bound, work)))
        .note("`buffer_unordered` spawns no tasks: all of its work is polled by one.")
        .run(settings)
}

fn time(meter: &mut Meter, runtime: &OnTokio, all: impl Future<Output = ()> + Send + 'static) {
    meter.time(|| runtime.block_on_task(all));
}

async fn managed<Fut>(rt: Rt, tasks: usize, bound: usize, work: impl Fn() -> Fut)
where
    Fut: Future<Output = ()> + Send + 'static,
{
    let manager = manager(&rt, bound);
    for _ in 0..tasks {
        manager.submit("work", work());
    }
    manager.idle().await;
    assert_eq!(manager.stats().completed, tasks as u64);
}

async fn awaited<Fut>(rt: Rt, tasks: usize, bound: usize, work: impl Fn() -> Fut)
where
    Fut: Future<Output = ()> + Send + 'static,
{
    let manager = manager(&rt, bound);
    let jobs: Vec<_> = (0..tasks).map(|_| manager.submit("work", work())).collect();
    for job in jobs {
        job.await.expect("it ends by itself");
    }
}

fn manager(rt: &Rt, concurrency: usize) -> TaskManager {
    TaskManager::new(rt, Config { concurrency, ..Config::default() }).expect("a good config")
}

async fn acquired_in_the_task<Fut>(tasks: usize, bound: usize, work: impl Fn() -> Fut)
where
    Fut: Future<Output = ()> + Send + 'static,
{
    let semaphore = Arc::new(Semaphore::new(bound));
    let mut set = JoinSet::new();
    for _ in 0..tasks {
        let (semaphore, work) = (Arc::clone(&semaphore), work());
        set.spawn(async move {
            let _permit = semaphore.acquire_owned().await.expect("nobody closes it");
            work.await;
        });
    }
    assert_eq!(joined(set).await, tasks);
}

async fn acquired_before_the_spawn<Fut>(tasks: usize, bound: usize, work: impl Fn() -> Fut)
where
    Fut: Future<Output = ()> + Send + 'static,
{
    let semaphore = Arc::new(Semaphore::new(bound));
    let mut set = JoinSet::new();
    for _ in 0..tasks {
        let permit = Arc::clone(&semaphore).acquire_owned().await.expect("nobody closes it");
        let work = work();
        set.spawn(async move {
            work.await;
            drop(permit);
        });
    }
    assert_eq!(joined(set).await, tasks);
}

async fn joined(mut set: JoinSet<()>) -> usize {
    let mut count = 0;
    while let Some(ended) = set.join_next().await {
        ended.expect("it ends by itself");
        count += 1;
    }
    count
}

async fn buffered<Fut: Future<Output = ()>>(tasks: usize, bound: usize, work: impl Fn() -> Fut) {
    let done = stream::iter(0..tasks).map(|_| work()).buffer_unordered(bound).count().await;
    assert_eq!(done, tasks);
}
