//! `map_concurrent` where tasks run on many threads at once.

#![cfg(any(feature = "tokio", feature = "smol"))]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use futures::{StreamExt, stream};
use seaworthy::{
    rt::{Rt, yield_now},
    stream::{Concurrency, Order, RtStreamExt},
};

const ITEMS: usize = 20_000;

/// How many work now, and how many did at most.
#[derive(Default)]
struct Census {
    now: AtomicUsize,
    most: AtomicUsize,
}

async fn every_item_comes_out_once_and_never_more_run_than_may(rt: &Rt) {
    for (order, tasks_max, read_ahead_max) in
        [(Order::Kept, 4, 0), (Order::Kept, 16, 64), (Order::AsCompleted, 1, 3), (Order::AsCompleted, 16, 64)]
    {
        let census = Arc::new(Census::default());
        let seen = Arc::clone(&census);
        let work = move |item: usize| {
            let census = Arc::clone(&seen);
            async move {
                census.most.fetch_max(census.now.fetch_add(1, Relaxed) + 1, Relaxed);
                if !item.is_multiple_of(3) {
                    yield_now().await;
                }
                census.now.fetch_sub(1, Relaxed);
                item
            }
        };
        // A source that makes one wait now and then.
        let source = stream::iter(0..ITEMS).then(async |item| {
            if item.is_multiple_of(7) {
                yield_now().await;
            }
            item
        });
        let config = Concurrency { tasks_max, read_ahead_max, order };
        let results = source.map_concurrent(rt, config, work).expect("a good config");
        let mut all: Vec<_> = results.map(|result| result.expect("no panic")).collect().await;
        if order == Order::AsCompleted {
            all.sort_unstable();
        }
        assert!(all.into_iter().eq(0..ITEMS), "{config:?}");
        assert!(census.most.load(Relaxed) <= tasks_max, "{config:?}");
    }
}

async fn a_stream_that_is_dropped_at_any_time_leaves_nothing(rt: &Rt) {
    for taken in 0..200 {
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let work = move |item: usize| {
            let held = Arc::clone(&held);
            async move {
                yield_now().await;
                drop(held);
                item
            }
        };
        let config = Concurrency { tasks_max: 4, ..Concurrency::default() };
        let mut results = stream::iter(0..).map_concurrent(rt, config, work).expect("a good config");
        for _ in 0..taken {
            results.next().await.expect("endless").expect("no panic");
        }
        results.close().await;
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}

async fn both(rt: Rt) {
    every_item_comes_out_once_and_never_more_run_than_may(&rt).await;
    a_stream_that_is_dropped_at_any_time_leaves_nothing(&rt).await;
}

#[cfg(feature = "tokio")]
#[test]
fn on_tokio() {
    seaworthy::tokio::run(|rt| async move { rt.spawn("both", both(rt.clone())).await }).expect("no panic");
}

#[cfg(feature = "smol")]
#[test]
fn on_smol() {
    seaworthy::smol::run(|rt| async move { rt.spawn("both", both(rt.clone())).await }).expect("no panic");
}
