use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use proptest::prelude::*;

use super::{super::Batch, by_count};
use crate::{
    stream::{
        RtStreamExt,
        script::{SECOND, arriving, timed},
    },
    testing::{self, for_each_seed},
};

#[test]
fn the_clock_of_a_batch_starts_at_its_first_item_and_not_again() {
    for_each_seed(0..10, |rt| async move {
        // A slow trickle: the wait for company is never over if each item starts it again.
        let source = arriving(&rt, (0..10).map(|i| (5000 + i * 400, i)));
        let batches = timed(&rt, rt.now(), source.batches(&rt, by_count(100)).unwrap()).await;
        let expected = [(6000, vec![0, 1, 2]), (7200, vec![3, 4, 5]), (8400, vec![6, 7, 8]), (8600, vec![9])];
        assert_eq!(batches, expected);
    });
}

#[test]
fn a_full_batch_does_not_wait() {
    testing::run(1, |rt| async move {
        let source = arriving(&rt, (0..7).map(|i| (i * 10, i)));
        let mut batches = source.batches(&rt, by_count(3)).unwrap();
        let all = timed(&rt, rt.now(), &mut batches).await;
        assert_eq!(all, [(20, vec![0, 1, 2]), (50, vec![3, 4, 5]), (60, vec![6])]);
        let stats = batches.stats();
        assert_eq!((stats.batches, stats.items, stats.by_items, stats.by_end), (3, 7, 2, 1));
    });
}

#[test]
fn an_item_that_comes_when_the_batch_is_due_still_goes_with_it() {
    for_each_seed(0..20, |rt| async move {
        let source = arriving(&rt, [(0, 'a'), (1000, 'b'), (1500, 'c')]);
        let all = timed(&rt, rt.now(), source.batches(&rt, by_count(100)).unwrap()).await;
        assert_eq!(all, [(1000, vec!['a', 'b']), (1500, vec!['c'])]);
    });
}

#[test]
fn an_item_larger_than_the_bytes_allowed_goes_alone_and_overtakes_nobody() {
    testing::run(1, |rt| async move {
        let config = Batch { bytes_max: Some(10), ..by_count(100) };
        let sizes = [4, 4, 99, 3, 10, 5, 5, 1];
        let batches = stream::iter(sizes).batches_sized(&rt, config, |size| *size).unwrap();
        let all: Vec<_> = batches.collect().await;
        assert_eq!(all, [vec![4, 4], vec![99], vec![3], vec![10], vec![5, 5], vec![1]]);
    });
}

#[test]
fn the_clock_of_an_item_that_had_no_room_starts_when_it_came() {
    testing::run(1, |rt| async move {
        let config = Batch { bytes_max: Some(10), ..by_count(100) };
        let source = arriving(&rt, [(0, 6), (900, 6), (5000, 1)]);
        let all = timed(&rt, rt.now(), source.batches_sized(&rt, config, |size| *size).unwrap()).await;
        assert_eq!(all, [(900, vec![6]), (1900, vec![6]), (5000, vec![1])]);
    });
}

#[test]
fn batches_of_one_are_batches() {
    testing::run(1, |rt| async move {
        let all: Vec<_> = stream::iter(0..300).batches(&rt, by_count(1)).unwrap().collect().await;
        assert_eq!(all, (0..300).map(|item| vec![item]).collect::<Vec<_>>());
    });
}

#[test]
fn a_bound_of_zero_is_refused_by_its_name() {
    testing::run(1, |rt| async move {
        let refused = |config| stream::iter([1]).batches_sized(&rt, config, |_| 1).unwrap_err();
        let zero = refused(Batch { items_max: 0, ..Batch::default() });
        assert_eq!(zero.to_string(), "stream::Batch::items_max = 0 is refused: at least 1");
        assert_eq!(
            refused(Batch { bytes_max: Some(0), ..Batch::default() }).field,
            "stream::Batch::bytes_max"
        );
        assert_eq!(
            refused(Batch { wait_max: Duration::ZERO, ..Batch::default() }).field,
            "stream::Batch::wait_max"
        );

        let config = Batch { bytes_max: Some(9), ..Batch::default() };
        let unsized_ = stream::iter([1]).batches(&rt, config).unwrap_err();
        assert!(unsized_.to_string().contains("`batches_sized`"), "{unsized_}");
        assert!(stream::iter([Ok::<_, ()>(1)]).try_batches(&rt, config).is_err());
    });
}

#[test]
fn the_size_hint_is_true() {
    testing::run(1, |rt| async move {
        let mut batches = arriving(&rt, (0..10).map(|i| (0, i))).batches(&rt, by_count(4)).unwrap();
        let mut left = 3;
        loop {
            let (lower, upper) = batches.size_hint();
            assert!(
                lower <= left && upper.is_none_or(|upper| left <= upper),
                "{lower}, {upper:?} for {left}"
            );
            if batches.next().await.is_none() {
                break;
            }
            left -= 1;
        }
        assert_eq!(batches.size_hint(), (0, Some(0)));
        let all = stream::iter(0..10).batches(&rt, by_count(4)).unwrap();
        assert_eq!(all.size_hint(), (3, Some(10)));
    });
}

/// Batches with the time of each, by going through the arrivals one by one.
fn model(config: Batch, arrivals: &[(u64, usize)]) -> Vec<(u64, Vec<usize>)> {
    let wait_max = config.wait_max.as_millis() as u64;
    let bytes_max = config.bytes_max.expect("a bound in bytes");
    let mut batches = Vec::new();
    let mut batch: Vec<usize> = Vec::new();
    let mut due = 0;
    for (at, bytes) in arrivals.iter().copied() {
        if !batch.is_empty() && due < at {
            batches.push((due, std::mem::take(&mut batch)));
        }
        if !batch.is_empty() && batch.iter().sum::<usize>() + bytes > bytes_max {
            batches.push((at, std::mem::take(&mut batch)));
        }
        if batch.is_empty() {
            due = at + wait_max;
        }
        batch.push(bytes);
        if batch.len() >= config.items_max || batch.iter().sum::<usize>() >= bytes_max {
            batches.push((at, std::mem::take(&mut batch)));
        }
    }
    if !batch.is_empty() {
        // The source ends with its last item.
        batches.push((arrivals.last().expect("an item").0, batch));
    }
    batches
}

/// At even milliseconds; what is due at odd ones has no company at that moment, which might come with it or not.
fn any_arrivals() -> impl Strategy<Value = Vec<(u64, usize)>> {
    let pause = prop_oneof![2 => Just(0), 2 => 1..30_u64, 1 => 30..400_u64];
    prop::collection::vec((pause, 1..12_usize), 0..60).prop_map(|mut arrivals| {
        let mut at = 0;
        for arrival in &mut arrivals {
            at += 2 * arrival.0;
            arrival.0 = at;
        }
        arrivals
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn batches_come_when_and_as_the_model_says(
        seed in any::<u64>().no_shrink(),
        arrivals in any_arrivals(),
        items_max in 1..8_usize,
        bytes_max in 1..30_usize,
        wait_max in (0..200_u64).prop_map(|half| 2 * half + 1),
    ) {
        let config = Batch { items_max, bytes_max: Some(bytes_max), wait_max: Duration::from_millis(wait_max) };
        let expected = model(config, &arrivals);
        let batches = testing::run(seed, |rt| async move {
            let source = arriving(&rt, arrivals);
            timed(&rt, rt.now(), source.batches_sized(&rt, config, |bytes| *bytes).unwrap()).await
        });
        prop_assert_eq!(batches, expected);
    }

    #[test]
    fn a_slow_consumer_gets_all_in_order_and_within_the_bounds(
        seed in any::<u64>().no_shrink(),
        arrivals in any_arrivals(),
        pauses in prop::collection::vec(0..300_u64, 60),
        items_max in 1..8_usize,
        bytes_max in 1..30_usize,
    ) {
        let config = Batch { items_max, bytes_max: Some(bytes_max), wait_max: SECOND / 10 };
        let expected: Vec<_> = arrivals.iter().map(|(_, bytes)| *bytes).collect();
        let batches = testing::run(seed, |rt| async move {
            let mut batches = arriving(&rt, arrivals).batches_sized(&rt, config, |bytes| *bytes).unwrap();
            let mut all = Vec::new();
            while let Some(batch) = batches.next().await {
                rt.sleep(Duration::from_millis(pauses[all.len()])).await;
                all.push(batch);
            }
            all
        });
        for batch in &batches {
            prop_assert!((1..=items_max).contains(&batch.len()));
            prop_assert!(batch.iter().sum::<usize>() <= bytes_max || batch.len() == 1);
        }
        prop_assert_eq!(batches.concat(), expected);
    }
}
