use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use futures::{FutureExt, StreamExt, stream};

use super::{Census, Concurrency, Order, SECOND, concurrency, sleeping};
use crate::{
    rt::yield_now,
    stream::RtStreamExt,
    testing::{self, for_each_seed},
};

#[test]
fn never_more_run_than_may() {
    for_each_seed(0..30, |rt| async move {
        for tasks_max in [1, 2, 5] {
            let (census, inner) = (Census::default(), rt.clone());
            let seen = census.clone();
            let map = move |number: u32| {
                let (alive, rt) = (seen.enter(), inner.clone());
                async move {
                    let _alive = alive;
                    yield_now().await;
                    rt.sleep(number % 3 * SECOND).await;
                }
            };
            let config = concurrency(tasks_max, 3, Order::AsCompleted);
            let results = stream::iter(0..40).map_concurrent(&rt, config, map).unwrap();
            assert_eq!(results.count().await, 40);
            assert_eq!(census.most(), tasks_max, "as many as may, and no more");
            assert_eq!(census.now(), 0);
        }
    });
}

#[test]
fn a_source_is_not_asked_for_more_than_may_be_held() {
    for_each_seed(0..20, |rt| async move {
        for (order, read_ahead_max) in
            [(Order::Kept, 0), (Order::Kept, 7), (Order::AsCompleted, 0), (Order::AsCompleted, 7)]
        {
            let asked = Arc::new(AtomicU32::new(0));
            let count = asked.clone();
            let source = stream::iter(0..).inspect(move |_| {
                count.fetch_add(1, Relaxed);
            });
            let config = concurrency(3, read_ahead_max, order);
            let mut results = source.map_concurrent(&rt, config, async |_| ()).unwrap();
            for taken in 1..20 {
                results.next().await.unwrap().unwrap();
                rt.sleep(SECOND).await;
                assert_eq!(asked.load(Relaxed), taken + 3 + read_ahead_max as u32);
                let stats = results.stats();
                assert_eq!((stats.running, stats.ready), (0, 3 + read_ahead_max as u64));
            }
        }
    });
}

#[test]
fn nothing_happens_before_the_first_poll() {
    testing::run(1, |rt| async move {
        let results = stream::iter([1]).map_concurrent(&rt, Concurrency::default(), sleeping(&rt)).unwrap();
        rt.sleep(9 * SECOND).await;
        assert_eq!(results.stats().taken, 0);
    });
}

#[test]
fn a_bound_out_of_range_is_refused_by_its_name() {
    testing::run(1, |rt| async move {
        let refused =
            |config| stream::iter([1]).map_concurrent(&rt, config, sleeping(&rt)).unwrap_err().field;
        for tasks_max in [0, usize::MAX] {
            let config = Concurrency { tasks_max, ..Concurrency::default() };
            assert_eq!(refused(config), "stream::Concurrency::tasks_max");
        }
        let config = Concurrency { read_ahead_max: usize::MAX, ..Concurrency::default() };
        assert_eq!(refused(config), "stream::Concurrency::read_ahead_max");
    });
}

#[test]
fn tasks_are_started_as_they_are_needed() {
    for_each_seed(0..10, |rt| async move {
        let source = stream::iter([1_u32; 3]).chain(stream::pending());
        let config = Concurrency { tasks_max: 1_000_000, ..Concurrency::default() };
        let mut results = source.map_concurrent(&rt, config, sleeping(&rt)).unwrap();
        for _ in 0..3 {
            results.next().await.unwrap().unwrap();
        }
        assert!(results.tasks() <= 4, "one for each item, and one to wait for the next");
    });
}

#[test]
fn a_consumer_that_always_finds_results_lets_others_run() {
    testing::run(1, |rt| async move {
        let config = concurrency(1, 1000, Order::Kept);
        let mut results = stream::iter(0..1000).map_concurrent(&rt, config, async |_| ()).unwrap();
        results.next().await.unwrap().unwrap();
        rt.sleep(SECOND).await;
        let mut count = results.count();
        let mut turns = 0;
        let all = poll_fn(|cx| {
            let polled = count.poll_unpin(cx);
            turns += u32::from(polled.is_pending());
            polled
        });
        assert_eq!((all.await, turns), (999, 7));
    });
}
