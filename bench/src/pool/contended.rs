//! Many tasks and few connections.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use seaworthy_core::rt::yield_now;

use super::managers::{self, Lender};
use crate::{
    harness::{Comparison, Meter, Settings, Table},
    runtimes::OnTokio,
};

const MAX: usize = 8;
const TASKS: usize = 1000;

#[derive(Clone, Copy)]
enum Figure {
    Throughput,
    LongestWaits,
}

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    // The one on all cores first: the other pins this thread.
    let many = OnTokio::multi_thread();
    let mut tables = Vec::new();
    for figure in [Figure::Throughput, Figure::LongestWaits] {
        tables.push(compare(settings, &many, figure, "on all cores", |table| table));
    }
    drop(many);
    let one = OnTokio::current_thread();
    for figure in [Figure::Throughput, Figure::LongestWaits] {
        tables.push(compare(settings, &one, figure, "on one core", Comparison::pinned));
    }
    tables
}

fn compare<'a>(
    settings: Settings,
    on: &'a OnTokio,
    figure: Figure,
    place: &str,
    adjust: impl FnOnce(Comparison<'a>) -> Comparison<'a>,
) -> Table {
    // Few turns show whom a pool lets wait while it serves others again and again.
    let gets = settings.size(if matches!(figure, Figure::Throughput) { 200_000 } else { 30_000 });
    let turns = gets.div_ceil(TASKS);
    let table = match figure {
        Figure::Throughput => {
            let title = format!("{TASKS} tasks on {MAX} connections, {place}: all together");
            Comparison::new(title, "ns/get", TASKS * turns).target(1.0 / 1.5)
        }
        Figure::LongestWaits => {
            let title = format!("{TASKS} tasks on {MAX} connections, {place}: the 99th percentile of waits");
            Comparison::new(title, "ns", 1).target(1.0)
        }
    };
    adjust(table)
        .ours("seaworthy", move |meter| {
            measure(meter, on, figure, turns, async { managers::ours(&on.rt, MAX) });
        })
        .peer("deadpool", move |meter| {
            measure(meter, on, figure, turns, async { managers::deadpool(MAX) });
        })
        .peer("deadpool, with a time limit", move |meter| {
            measure(meter, on, figure, turns, async { managers::deadpool_with_timeout(MAX) });
        })
        .peer("bb8", move |meter| measure(meter, on, figure, turns, managers::bb8(MAX, true)))
        .peer("bb8, without tests", move |meter| {
            measure(meter, on, figure, turns, managers::bb8(MAX, false));
        })
        .peer("mobc", move |meter| measure(meter, on, figure, turns, async { managers::mobc(MAX) }))
        .note(format!("Each task takes a connection {turns} times and holds it for one turn of the loop."))
        .run(settings)
}

fn measure<P: Lender>(
    meter: &mut Meter,
    on: &OnTokio,
    figure: Figure,
    turns: usize,
    pool: impl Future<Output = P>,
) {
    let pool = on.block_on(pool);
    match figure {
        Figure::Throughput => {
            let waits = meter.time(|| on.block_on_task(all(pool, turns, false)));
            assert!(waits.is_empty());
        }
        Figure::LongestWaits => {
            let mut waits = on.block_on_task(all(pool, turns, true));
            assert_eq!(waits.len(), TASKS * turns);
            waits.sort_unstable();
            meter.add(waits[(waits.len() - 1) * 99 / 100].as_nanos() as f64);
        }
    }
}

/// Runs all tasks, and returns the waits of all their turns if they are timed.
async fn all<P: Lender>(pool: P, turns: usize, timed: bool) -> Vec<Duration> {
    let task = |pool: P| async move {
        let mut waits = Vec::with_capacity(if timed { turns } else { 0 });
        for _ in 0..turns {
            let start = timed.then(Instant::now);
            let mut connection = pool.lend().await;
            waits.extend(start.map(|start| start.elapsed()));
            connection.uses += 1;
            yield_now().await;
        }
        waits
    };
    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(task(pool.clone()))).collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.expect("no bench panics"));
    }
    waits
}
