//! A closure on the items of a stream, many at once in tasks: `map_concurrent` beside spawned tasks in the buffers of futures.

use std::future::Future;

use futures::{Stream, StreamExt, stream};
use seaworthy_core::{
    rt::yield_now,
    stream::{Concurrency, Order, RtStreamExt},
};

use crate::{
    harness::{Comparison, Meter, Settings, Table},
    runtimes::OnTokio,
};

/// How many items are worked on at once.
const TASKS_MAX: usize = 16;

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    // The ones on all cores first: the others pin this thread.
    let many = OnTokio::multi_thread();
    let mut tables = Vec::new();
    for order in [Order::Kept, Order::AsCompleted] {
        let on = "on all cores";
        tables.push(compare(settings, &many, Comparison::new, on, "yields once", order, yield_once));
    }
    drop(many);
    let one = OnTokio::current_thread();
    let pinned = |title, unit, ops| Comparison::new(title, unit, ops).pinned();
    for order in [Order::Kept, Order::AsCompleted] {
        let on = "on one core";
        tables.push(compare(settings, &one, pinned, on, "is ready at once", order, async |item| item));
        tables.push(compare(settings, &one, pinned, on, "yields once", order, yield_once));
    }
    tables
}

async fn yield_once(item: u64) -> u64 {
    yield_now().await;
    item
}

fn compare<'a, W, Fut>(
    settings: Settings,
    runtime: &'a OnTokio,
    comparison: impl FnOnce(String, &'static str, usize) -> Comparison<'a>,
    on: &str,
    what: &str,
    order: Order,
    work: W,
) -> Table
where
    W: Fn(u64) -> Fut + Copy + Send + 'static,
    Fut: Future<Output = u64> + Send + 'static,
{
    let items = settings.size(100_000);
    let rt = &runtime.rt;
    let named = match order {
        Order::Kept => "in order",
        Order::AsCompleted => "as completed",
    };
    let title = format!("Work that {what}, {TASKS_MAX} items at a time, results {named}, {on}");
    let source = move || stream::iter(0..items as u64);
    let comparison = comparison(title, "ns/item", items).ours("map_concurrent", move |meter| {
        let config = Concurrency { tasks_max: TASKS_MAX, order, ..Concurrency::default() };
        let results = source().map_concurrent(rt, config, work).expect("a good config");
        time(meter, runtime, items, results.map(|result| result.expect("no panic")));
    });
    let spawned = move || source().map(move |item| tokio::spawn(work(item)));
    let joined = |result: Result<u64, tokio::task::JoinError>| result.expect("no panic");
    match order {
        Order::Kept => comparison
            .peer("spawned tasks in buffered", move |meter| {
                time(meter, runtime, items, spawned().buffered(TASKS_MAX).map(joined));
            })
            .reference("futures in buffered, no tasks", move |meter| {
                time(meter, runtime, items, source().map(work).buffered(TASKS_MAX));
            }),
        Order::AsCompleted => comparison
            .peer("spawned tasks in buffer_unordered", move |meter| {
                time(meter, runtime, items, spawned().buffer_unordered(TASKS_MAX).map(joined));
            })
            .reference("futures in buffer_unordered, no tasks", move |meter| {
                time(meter, runtime, items, source().map(work).buffer_unordered(TASKS_MAX));
            }),
    }
    .note("Futures without tasks are polled by the consumer: they stand still while it does something else.")
    .run(settings)
}

fn time(
    meter: &mut Meter,
    runtime: &OnTokio,
    items: usize,
    results: impl Stream<Item = u64> + Send + 'static,
) {
    let all = results.fold((0, 0), async |(count, sum), item| (count + 1, sum + item));
    let (count, sum) = meter.time(|| runtime.block_on_task(all));
    assert_eq!((count, sum), (items, (0..items as u64).sum()), "each item once");
}
