//! Spawning through the seam and without it.

use std::future::Future;

use crate::{
    harness::{Comparison, Settings, Table},
    runtimes::{OnSmol, OnTokio},
};

/// How many are spawned before they are awaited.
const BATCH: usize = 100;

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    let tasks = settings.size(100_000);
    vec![on_all_cores(settings, tasks), on_tokio(settings, tasks), on_smol(settings, tasks)]
}

fn on_all_cores(settings: Settings, tasks: usize) -> Table {
    let tokio = &OnTokio::multi_thread();
    Comparison::new("Spawn and await an empty task, tokio on all cores", "ns/task", tasks)
        .ours("Rt::spawn", |meter| {
            let rt = tokio.rt.clone();
            meter.time(|| tokio.block_on_task(batches(tasks, move || rt.spawn("empty", async {}))));
        })
        .peer("tokio::spawn", |meter| {
            meter.time(|| tokio.block_on_task(batches(tasks, || tokio::spawn(async {}))));
        })
        .note(NOTE)
        .run(settings)
}

fn on_tokio(settings: Settings, tasks: usize) -> Table {
    let tokio = &OnTokio::current_thread();
    Comparison::new("Spawn and await an empty task, tokio on one core", "ns/task", tasks)
        .pinned()
        .ours("Rt::spawn", |meter| {
            meter.time(|| tokio.block_on(batches(tasks, || tokio.rt.spawn("empty", async {}))));
        })
        .peer("tokio::spawn", |meter| {
            meter.time(|| tokio.block_on(batches(tasks, || tokio::spawn(async {}))));
        })
        .note(NOTE)
        .run(settings)
}

fn on_smol(settings: Settings, tasks: usize) -> Table {
    let smol = &OnSmol::new();
    Comparison::new("Spawn and await an empty task, smol on one core", "ns/task", tasks)
        .pinned()
        .ours("Rt::spawn", |meter| {
            meter.time(|| smol.block_on(batches(tasks, || smol.rt.spawn("empty", async {}))));
        })
        .peer("async_executor::Executor::spawn", |meter| {
            meter.time(|| smol.block_on(batches(tasks, || smol.executor.spawn(async {}))));
        })
        .reference("smol::spawn", |meter| {
            meter.time(|| smol::block_on(batches(tasks, || smol::spawn(async {}))));
        })
        .note(NOTE)
        .note("`smol::spawn` runs on a thread of its own, whose wake-ups cross threads.")
        .run(settings)
}

const NOTE: &str = "100 tasks are spawned, then awaited, and so on.";

async fn batches<T: Future>(tasks: usize, spawn: impl Fn() -> T) {
    for _ in 0..tasks / BATCH {
        let spawned: Vec<T> = (0..BATCH).map(|_| spawn()).collect();
        for task in spawned {
            task.await;
        }
    }
}
