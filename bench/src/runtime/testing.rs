//! The test runtime beside executors that are made for speed.

use std::future::Future;

use async_executor::LocalExecutor;
use seaworthy_core::{
    rt::yield_now,
    testing::{self, Config},
};

use crate::{
    harness::{Comparison, Settings, Table},
    runtimes::OnTokio,
};

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    let tokio = OnTokio::current_thread();
    let tasks = settings.size(100_000);
    let spawn = Comparison::new("Spawn and run an empty task", "ns/task", tasks).note(
        "All at once; `testing` picks one of all that are ready by its seed, wherever in memory that is.",
    );
    let (few, yields) = (100, settings.size(100_000) / 100);
    let wake = Comparison::new("Wake and poll a task", "ns/poll", few * yields)
        .note(format!("{few} tasks yield {yields} times each."));
    vec![
        compare(spawn, &tokio, tasks, || async {}).run(settings),
        compare(wake, &tokio, few, move || async move {
            for _ in 0..yields {
                yield_now().await;
            }
        })
        .run(settings),
    ]
}

fn compare<'a, F>(
    comparison: Comparison<'a>,
    tokio: &'a OnTokio,
    tasks: usize,
    work: impl Fn() -> F + Copy + 'a,
) -> Comparison<'a>
where
    F: Future<Output = ()> + Send + 'static,
{
    comparison
        .pinned()
        .ours("testing::run", move |meter| {
            let config = Config { polls_per_instant_max: u64::MAX, ..Config::default() };
            meter.time(|| testing::run(config, |rt| all(tasks, move || rt.spawn("work", work()))));
        })
        .peer("tokio, one thread", move |meter| {
            meter.time(|| tokio.block_on(all(tasks, || tokio::spawn(work()))));
        })
        .peer("async_executor::LocalExecutor", move |meter| {
            let executor = LocalExecutor::new();
            meter.time(|| {
                futures::executor::block_on(executor.run(all(tasks, || executor.spawn(work()))));
            });
        })
}

async fn all<T: Future>(tasks: usize, spawn: impl Fn() -> T) {
    let spawned: Vec<T> = (0..tasks).map(|_| spawn()).collect();
    for task in spawned {
        task.await;
    }
}
