use std::{future::poll_fn, pin::Pin, task::Poll};

use futures::{
    Stream, StreamExt,
    stream::{self, FusedStream},
};

use super::by_count;
use crate::{
    rt::CancelToken,
    stream::{
        RtStreamExt,
        script::{SECOND, arriving, timed},
    },
    testing::{self, for_each_seed},
};

/// What there is now, without a wait.
async fn now<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *stream).poll_next(cx))).await
}

#[test]
fn the_end_hands_over_what_is_collected_and_comes_once() {
    testing::run(1, |rt| async move {
        // A source that panics when it is asked after its end.
        let source = stream::iter([1, 2, 3]).chain(stream::once(async { 4 }));
        let mut polled_after_end = false;
        let source = source.chain(stream::poll_fn(move |_| {
            assert!(!std::mem::replace(&mut polled_after_end, true), "asked after its end");
            Poll::Ready(None)
        }));
        let mut batches = Box::pin(source).batches(&rt, by_count(3)).unwrap();
        assert_eq!(batches.next().await, Some(vec![1, 2, 3]));
        assert_eq!(batches.next().await, Some(vec![4]));
        assert!(batches.is_terminated());
        assert_eq!(batches.next().await, None);
        assert_eq!(batches.next().await, None);
        assert_eq!(batches.stats().by_end, 1);
    });
}

#[test]
fn an_empty_source_gives_no_batch() {
    testing::run(1, |rt| async move {
        assert_eq!(stream::empty::<u8>().batches(&rt, by_count(3)).unwrap().next().await, None);
    });
}

#[test]
fn an_error_comes_after_what_was_before_it_and_before_what_came_later() {
    for_each_seed(0..10, |rt| async move {
        let arrivals = [(0, Ok(1)), (10, Ok(2)), (20, Err("a")), (20, Err("b")), (30, Ok(3)), (40, Err("c"))];
        let mut batches = arriving(&rt, arrivals).try_batches(&rt, by_count(9)).unwrap();
        let all = timed(&rt, rt.now(), &mut batches).await;
        let expected =
            [(20, Ok(vec![1, 2])), (20, Err("a")), (20, Err("b")), (40, Ok(vec![3])), (40, Err("c"))];
        assert_eq!(all, expected);
        assert!(batches.is_terminated());
        assert_eq!(batches.size_hint(), (0, Some(0)));
    });
}

#[test]
fn fallible_items_are_batched_by_bytes_as_others_are() {
    testing::run(1, |rt| async move {
        let config = super::super::Batch { bytes_max: Some(10), ..by_count(9) };
        let source = stream::iter([Ok(4), Ok(4), Ok(99), Err(()), Ok(3)]);
        let all: Vec<_> = source.try_batches_sized(&rt, config, |size| *size).unwrap().collect().await;
        assert_eq!(all, [Ok(vec![4, 4]), Ok(vec![99]), Err(()), Ok(vec![3])]);
    });
}

#[test]
fn an_error_that_was_not_reported_is_not_lost_to_the_remainder() {
    testing::run(1, |rt| async move {
        let source = || stream::iter([Ok(1), Err("a loose wire"), Ok(2)]).chain(stream::pending());
        let mut batches = source().try_batches(&rt, by_count(9)).unwrap();
        assert_eq!(batches.next().await, Some(Ok(vec![1])));
        assert!(!batches.is_terminated());
        assert_eq!(batches.into_remainder(), Err("a loose wire"));

        let mut batches = source().try_batches(&rt, by_count(9)).unwrap();
        assert_eq!(batches.next().await, Some(Ok(vec![1])));
        assert_eq!(batches.next().await, Some(Err("a loose wire")));
        assert_eq!(now(&mut batches).await, Poll::Pending);
        assert_eq!(batches.into_remainder(), Ok(vec![2]));
    });
}

#[test]
fn a_shutdown_hands_over_what_is_collected() {
    for_each_seed(0..20, |rt| async move {
        let shutdown = CancelToken::new();
        let source = arriving(&rt, (0..100).map(|i| (i * 70, i))).take_until(shutdown.cancelled());
        let mut batches = source.batches(&rt, by_count(9)).unwrap();
        let writer = rt.spawn("writer", async move {
            let mut all = Vec::new();
            while let Some(batch) = batches.next().await {
                all.extend(batch);
            }
            all
        });
        rt.sleep(2 * SECOND).await;
        shutdown.cancel();
        assert_eq!(writer.await.unwrap(), (0..29).collect::<Vec<_>>());
    });
}

#[test]
fn a_flush_takes_what_is_there_and_the_next_item_begins_anew() {
    testing::run(1, |rt| async move {
        let source = arriving(&rt, [(0, 'a'), (0, 'b'), (900, 'c'), (5000, 'd')]);
        let mut batches = source.batches(&rt, by_count(9)).unwrap();
        let start = rt.now();
        assert_eq!(batches.flush(), None, "never an empty batch");
        assert_eq!(now(&mut batches).await, Poll::Pending);
        assert_eq!(batches.flush(), Some(vec!['a', 'b']));
        assert_eq!(batches.flush(), None);
        assert_eq!(batches.next().await, Some(vec!['c']));
        assert_eq!((rt.now() - start).as_millis(), 1900, "the clock started at `c`");
        assert_eq!(batches.stats().by_flush, 1);

        let mut fallible =
            stream::iter([Ok::<_, ()>(1)]).chain(stream::pending()).try_batches(&rt, by_count(9)).unwrap();
        assert!(now(&mut fallible).await.is_pending());
        assert_eq!(fallible.flush(), Some(vec![1]));
    });
}

#[test]
fn the_remainder_is_what_was_not_handed_over() {
    testing::run(1, |rt| async move {
        let source = stream::iter(0..5).chain(stream::pending());
        let mut batches = source.batches(&rt, by_count(3)).unwrap();
        assert_eq!(batches.next().await, Some(vec![0, 1, 2]));
        assert_eq!(now(&mut batches).await, Poll::Pending);
        assert_eq!(format!("{batches:?}").matches("collected: 2").count(), 1);
        assert_eq!(batches.into_remainder(), [3, 4]);
    });
}

#[test]
fn the_source_comes_back_with_what_was_not_handed_over() {
    testing::run(1, |rt| async move {
        let config = super::super::Batch { bytes_max: Some(10), ..by_count(9) };
        let mut batches = stream::iter([4, 99, 1, 2]).batches_sized(&rt, config, |size| *size).unwrap();
        assert_eq!(batches.next().await, Some(vec![4]));
        let (source, collected) = batches.into_parts();
        assert_eq!(collected, [99]);
        assert_eq!(source.collect::<Vec<_>>().await, [1, 2]);

        let source = || stream::iter([Ok(1), Err("a loose wire"), Ok(2), Ok(3)]);
        let mut batches = source().try_batches(&rt, by_count(9)).unwrap();
        assert_eq!(batches.next().await, Some(Ok(vec![1])));
        let (rest, failed) = batches.into_parts();
        assert_eq!(failed, Err("a loose wire"));
        assert_eq!(rest.collect::<Vec<_>>().await, [Ok(2), Ok(3)]);

        let mut batches = source().chain(stream::pending()).try_batches(&rt, by_count(9)).unwrap();
        while now(&mut batches).await.is_ready() {}
        assert_eq!(batches.into_parts().1, Ok(vec![2, 3]));
    });
}

#[test]
fn a_carried_item_is_part_of_the_remainder() {
    testing::run(1, |rt| async move {
        let config = super::super::Batch { bytes_max: Some(10), ..by_count(9) };
        let mut batches = stream::iter([4, 99, 1]).batches_sized(&rt, config, |size| *size).unwrap();
        assert_eq!(batches.next().await, Some(vec![4]));
        assert_eq!(batches.into_remainder(), [99]);
    });
}
