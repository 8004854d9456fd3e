use futures::{StreamExt, stream};
use proptest::prelude::*;

use super::{Order, SECOND, concurrency, sleeping};
use crate::{
    rt::{Rt, yield_now},
    stream::RtStreamExt,
    testing::{self, for_each_seed},
};

async fn mapped(rt: &Rt, seconds: Vec<u32>, order: Order, tasks_max: usize) -> Vec<u32> {
    let results = stream::iter(seconds).map_concurrent(rt, concurrency(tasks_max, 9, order), sleeping(rt));
    results.unwrap().map(|result| result.expect("no panic")).collect().await
}

#[test]
fn results_come_in_the_order_that_was_asked_for() {
    for_each_seed(0..30, |rt| async move {
        let start = rt.now();
        assert_eq!(mapped(&rt, vec![3, 1, 2], Order::Kept, 3).await, [3, 1, 2]);
        assert_eq!(mapped(&rt, vec![3, 1, 2], Order::AsCompleted, 3).await, [1, 2, 3]);
        assert_eq!(rt.now() - start, 6 * SECOND, "they run at once");
    });
}

#[test]
fn one_at_a_time_is_one_after_the_other() {
    for_each_seed(0..10, |rt| async move {
        let start = rt.now();
        assert_eq!(mapped(&rt, vec![3, 1, 2], Order::AsCompleted, 1).await, [3, 1, 2]);
        assert_eq!(rt.now() - start, 6 * SECOND);
    });
}

#[test]
fn work_goes_on_while_the_consumer_does_something_else() {
    for_each_seed(0..10, |rt| async move {
        for order in [Order::Kept, Order::AsCompleted] {
            let start = rt.now();
            let config = concurrency(2, 4, order);
            let mut results = stream::iter([1_u32; 6]).map_concurrent(&rt, config, sleeping(&rt)).unwrap();
            results.next().await.unwrap().unwrap();
            rt.sleep(4 * SECOND).await;
            for _ in 0..5 {
                results.next().await.unwrap().unwrap();
            }
            assert_eq!(rt.now() - start, 5 * SECOND, "all were done while nobody looked");
        }
    });
}

#[test]
fn a_slow_item_does_not_stop_those_behind_it_while_there_is_room() {
    for_each_seed(0..10, |rt| async move {
        let start = rt.now();
        let results = mapped(&rt, vec![5, 1, 1, 1, 1, 1], Order::Kept, 2).await;
        assert_eq!(results, [5, 1, 1, 1, 1, 1]);
        assert_eq!(rt.now() - start, 5 * SECOND);
    });
}

/// A pause of a kind: none, a turn for others, a second.
async fn pause(rt: &Rt, kind: u32) {
    match kind {
        0 => {}
        1 => yield_now().await,
        _ => rt.sleep(SECOND).await,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn what_goes_in_comes_out_once_in_order(
        seed in any::<u64>().no_shrink(),
        pauses in prop::collection::vec((0..3_u32, 0..3_u32, 0..3_u32), 0..60),
        tasks_max in 1..6_usize,
        read_ahead_max in 0..5_usize,
        kept: bool,
    ) {
        let order = if kept { Order::Kept } else { Order::AsCompleted };
        let count = pauses.len();
        let mut all = testing::run(seed, |rt| async move {
            let inner = rt.clone();
            let source = stream::iter(pauses.clone().into_iter().enumerate()).then(move |(number, pauses)| {
                let rt = inner.clone();
                async move {
                    pause(&rt, pauses.0).await;
                    (number, pauses.1)
                }
            });
            let inner = rt.clone();
            let map = move |(number, how)| {
                let rt = inner.clone();
                async move {
                    pause(&rt, how).await;
                    number
                }
            };
            let config = concurrency(tasks_max, read_ahead_max, order);
            let mut results = source.map_concurrent(&rt, config, map).unwrap();
            let mut all = Vec::new();
            while let Some(result) = results.next().await {
                all.push(result.expect("no panic"));
                pause(&rt, pauses[all.len() - 1].2).await;
            }
            let stats = results.stats();
            assert_eq!((stats.taken, stats.handed_over), (count as u64, count as u64));
            all
        });
        if !kept {
            all.sort_unstable();
        }
        prop_assert_eq!(all, (0..count).collect::<Vec<_>>());
    }
}
