use std::{future::pending, sync::Arc};

use futures::{
    FutureExt, Stream, StreamExt,
    stream::{self, FusedStream},
};
use parking_lot::Mutex;

use super::{Alive, Census, Concurrency, Order, SECOND, concurrency, sleeping};
use crate::{
    rt::yield_now,
    stream::RtStreamExt,
    testing::{self, for_each_seed},
};

#[test]
fn the_end_comes_after_the_last_result_and_again() {
    for_each_seed(0..20, |rt| async move {
        for items in [0, 1, 5] {
            let source = stream::iter(vec![1_u32; items]);
            let mut results =
                source.map_concurrent(&rt, concurrency(3, 0, Order::Kept), sleeping(&rt)).unwrap();
            let count = results.by_ref().count().await;
            assert_eq!(count, items);
            assert!(results.is_terminated());
            assert_eq!(results.size_hint(), (0, Some(0)));
            assert!(results.next().await.is_none());
        }
    });
}

#[test]
fn the_source_is_gone_when_the_end_is_seen_and_so_are_all_tasks() {
    for_each_seed(0..20, |rt| async move {
        let census = Census::default();
        let alive = census.enter();
        let source = stream::iter(0..20).inspect(move |_| {
            let _ = &alive;
        });
        let seen = census.clone();
        let map = move |_| {
            let alive = seen.enter();
            async move {
                let _alive = alive;
                yield_now().await;
            }
        };
        let mut results = source.map_concurrent(&rt, concurrency(3, 0, Order::Kept), map).unwrap();
        assert_eq!(results.by_ref().count().await, 20);
        assert_eq!(census.now(), 0);
        rt.sleep(SECOND).await;
        assert_eq!(results.tasks(), 0);
    });
}

/// A source and work that count themselves, and never end.
fn endless(
    census: &Census,
) -> (
    impl Stream<Item = u32> + Send + 'static + use<>,
    impl FnMut(u32) -> futures::future::BoxFuture<'static, ()> + Send + use<>,
) {
    let alive = census.enter();
    let source = stream::iter(0..5).chain(stream::pending()).inspect(move |_| {
        let _: &Alive = &alive;
    });
    let census = census.clone();
    let map = move |number: u32| {
        let alive = census.enter();
        async move {
            let _alive = alive;
            if number > 0 {
                pending::<()>().await;
            }
        }
        .boxed()
    };
    (source, map)
}

#[test]
fn dropping_the_stream_cancels_its_tasks() {
    for_each_seed(0..30, |rt| async move {
        for turns in 0..6 {
            let census = Census::default();
            let (source, map) = endless(&census);
            let mut results = source.map_concurrent(&rt, concurrency(4, 4, Order::Kept), map).unwrap();
            assert!(results.next().now_or_never().is_none());
            for _ in 0..turns {
                yield_now().await;
            }
            drop(results);
            rt.sleep(SECOND).await;
            assert_eq!(census.now(), 0);
        }
    });
}

#[test]
fn close_waits_until_the_destructors_have_run() {
    for_each_seed(0..30, |rt| async move {
        let census = Census::default();
        let (source, map) = endless(&census);
        let mut results = source.map_concurrent(&rt, concurrency(9, 0, Order::Kept), map).unwrap();
        results.next().await.unwrap().unwrap();
        yield_now().await;
        results.close().await;
        assert_eq!(census.now(), 0);
    });
}

#[test]
fn a_close_that_is_dropped_is_not_revoked() {
    testing::run(1, |rt| async move {
        let census = Census::default();
        let (source, map) = endless(&census);
        let mut results = source.map_concurrent(&rt, concurrency(9, 0, Order::Kept), map).unwrap();
        results.next().await.unwrap().unwrap();
        drop(results.close());
        rt.sleep(SECOND).await;
        assert_eq!(census.now(), 0);
    });
}

#[test]
fn what_was_not_taken_is_dropped_with_the_stream() {
    testing::run(1, |rt| async move {
        let census = Census::default();
        let seen = census.clone();
        let map = move |_| {
            let alive = seen.enter();
            async move { alive }
        };
        let mut results = stream::iter(0..9).map_concurrent(&rt, Concurrency::default(), map).unwrap();
        drop(results.next().await);
        rt.sleep(SECOND).await;
        assert_eq!(census.now(), 8);
        drop(results);
        assert_eq!(census.now(), 0);
    });
}

#[test]
fn the_end_of_the_runtime_is_told_and_nobody_hangs() {
    for at in [0, 1, 3] {
        let kept = Arc::new(Mutex::new(None));
        let inside = kept.clone();
        testing::run(at, |rt| async move {
            let source = stream::iter([9_u32; 3]).chain(stream::pending());
            let mut results =
                source.map_concurrent(&rt, concurrency(9, 0, Order::Kept), sleeping(&rt)).unwrap();
            if at > 0 {
                assert!(results.next().now_or_never().is_none());
                rt.sleep(at as u32 * SECOND).await;
            }
            *inside.lock() = Some(results);
        });
        let mut results = kept.lock().take().expect("it was put there");
        let all: Vec<_> =
            std::iter::from_fn(|| results.next().now_or_never().expect("it does not hang")).collect();
        assert!(all.iter().all(|result| result.as_ref().is_err_and(crate::rt::JoinError::is_cancelled)));
        assert_eq!(all.len(), if at == 0 { 1 } else { 4 }, "each item, and the source");
    }
}
