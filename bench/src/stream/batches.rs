//! Batches by count and by time: `batches` beside `chunks_timeout` of tokio-stream.

use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt, future::BoxFuture, stream};
use seaworthy_core::{
    rt::yield_now,
    stream::{Batch, RtStreamExt},
};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::UnboundedReceiverStream};

use crate::{
    harness::{Comparison, Meter, Settings, Table},
    runtimes::OnTokio,
};

const WAIT_MAX: Duration = Duration::from_millis(500);
const ITEMS_MAX: usize = 100;

/// How many items another task sends before it lets the consumer run.
const BURST: u64 = 30;

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    let runtime = OnTokio::current_thread();
    let items = settings.size(1_000_000);
    vec![
        compare(settings, &runtime, "a source that is always ready", items, always_ready),
        compare(settings, &runtime, "a channel that another task fills in bursts of 30", items, channel),
    ]
}

fn compare<S>(
    settings: Settings,
    runtime: &OnTokio,
    what: &str,
    items: usize,
    source: impl Fn(u64) -> (S, BoxFuture<'static, ()>) + Copy,
) -> Table
where
    S: Stream<Item = u64> + Send + Unpin + 'static,
{
    let rt = &runtime.rt;
    let batch = Batch { items_max: ITEMS_MAX, wait_max: WAIT_MAX, ..Batch::default() };
    Comparison::new(format!("Batches of {ITEMS_MAX} items from {what}"), "ns/item", items)
        .pinned()
        .target(0.5)
        .ours("batches", move |meter| {
            let batches = |source: S| source.batches(rt, batch).expect("a good config");
            time(meter, runtime, items, source, batches);
        })
        .ours("batches_sized", move |meter| {
            let batch = Batch { bytes_max: Some(usize::MAX), ..batch };
            let size = |_: &u64| size_of::<u64>();
            let batches = move |source: S| source.batches_sized(rt, batch, size).expect("a good config");
            time(meter, runtime, items, source, batches);
        })
        .peer("chunks_timeout of tokio-stream", move |meter| {
            let _context = runtime.enter();
            time(meter, runtime, items, source, |source| {
                Box::pin(source.chunks_timeout(ITEMS_MAX, WAIT_MAX))
            });
        })
        .reference("chunks of futures", move |meter| {
            time(meter, runtime, items, source, |source| source.chunks(ITEMS_MAX));
        })
        .reference("ready_chunks of futures", move |meter| {
            time(meter, runtime, items, source, |source| source.ready_chunks(ITEMS_MAX));
        })
        .reference("the source alone, item by item", move |meter| {
            time(meter, runtime, items, source, |source| futures::StreamExt::map(source, |item| [item]));
        })
        .note("`chunks` and `ready_chunks` have no clock.")
        .run(settings)
}

fn time<S, B>(
    meter: &mut Meter,
    runtime: &OnTokio,
    items: usize,
    source: impl Fn(u64) -> (S, BoxFuture<'static, ()>),
    batches: impl Fn(S) -> B,
) where
    B: Stream<Item: AsRef<[u64]>> + Send + Unpin + 'static,
{
    let (source, producer) = source(items as u64);
    let mut batches = batches(source);
    let consumer = async move {
        let (mut count, mut sum) = (0, 0);
        while let Some(batch) = futures::StreamExt::next(&mut batches).await {
            count += batch.as_ref().len();
            sum += batch.as_ref().iter().sum::<u64>();
        }
        (count, sum)
    };
    let (_, (count, sum)) =
        meter.time(|| runtime.block_on_task(async move { futures::join!(tokio::spawn(producer), consumer) }));
    assert_eq!((count, sum), (items, (0..items as u64).sum()), "each item once");
}

fn always_ready(items: u64) -> (impl Stream<Item = u64> + Send + Unpin, BoxFuture<'static, ()>) {
    (stream::iter(0..items), async {}.boxed())
}

fn channel(items: u64) -> (impl Stream<Item = u64> + Send + Unpin, BoxFuture<'static, ()>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let producer = async move {
        for item in 0..items {
            sender.send(item).expect("the consumer takes all");
            if item % BURST == BURST - 1 {
                yield_now().await;
            }
        }
    };
    (UnboundedReceiverStream::new(receiver), producer.boxed())
}
