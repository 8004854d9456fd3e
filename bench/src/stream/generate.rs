//! Items out of an async function.

use std::pin::pin;

use futures::{SinkExt, Stream, StreamExt, channel::mpsc, executor::block_on, future::join, stream};
use seaworthy_core::stream::generate;

use crate::harness::{Allocations, Comparison, Meter, Settings, Table};

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    let items = settings.size(200_000);
    let time =
        Comparison::new("An item from an async function to the reader of its stream", "ns/item", items)
            .pinned()
            .target(1.0)
            .ours("stream::generate", |meter| time(meter, items, generated(items)))
            .peer("futures, a channel of no places, both ends in one task", |meter| {
                let (mut sender, receiver) = mpsc::channel(0);
                let sending = async move {
                    for item in 0..items {
                        sender.send(item).await.expect("somebody reads");
                    }
                };
                let sum = meter.time(|| block_on(join(sum(receiver), sending)).0);
                assert_eq!(sum, expected(items));
            })
            .reference("futures, stream::unfold: one state, one item", |meter| {
                let unfolded =
                    stream::unfold(0, |item| async move { (item < items).then_some((item, item + 1)) });
                time(meter, items, unfolded);
            })
            .run(settings);
    let allocations = Comparison::new(format!("Allocations for {items} items"), "allocations", 1)
        .counted()
        .limit(4.0)
        .ours("stream::generate", |meter| {
            let (sum, allocated) = Allocations::of(|| block_on(sum(generated(items))));
            assert_eq!(sum, expected(items));
            meter.add(allocated.calls as f64);
        })
        .note("For the stream: the generator in its box, what the two share, and the waker of the reader.")
        .run(settings);
    vec![time, allocations]
}

fn generated(items: usize) -> impl Stream<Item = usize> {
    generate(move |mut out| async move {
        for item in 0..items {
            out.send(item).await;
        }
    })
}

fn time(meter: &mut Meter, items: usize, stream: impl Stream<Item = usize>) {
    let sum = meter.time(|| block_on(sum(stream)));
    assert_eq!(sum, expected(items));
}

async fn sum(stream: impl Stream<Item = usize>) -> usize {
    let mut stream = pin!(stream);
    let mut sum = 0;
    while let Some(item) = stream.next().await {
        sum += item;
    }
    sum
}

fn expected(items: usize) -> usize {
    items * (items - 1) / 2
}
