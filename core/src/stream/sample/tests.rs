use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{
    Stream, StreamExt,
    stream::{self, FusedStream},
};
use parking_lot::Mutex;
use proptest::prelude::*;

use super::Sample;
use crate::{
    rt::Rt,
    stream::{
        RtStreamExt,
        script::{Computing, SECOND, arriving, bell, computed, slowing, timed},
    },
    testing::{self, for_each_drop_point, for_each_seed},
};

#[test]
fn the_latest_of_each_period_comes_and_none_twice() {
    for_each_seed(0..10, |rt| async move {
        let source =
            arriving(&rt, [(100, 'a'), (200, 'b'), (1500, 'c'), (6100, 'd'), (6900, 'e'), (7100, 'f')]);
        let mut sampled = source.sample(&rt, SECOND).unwrap();
        let all = timed(&rt, rt.now(), &mut sampled).await;
        assert_eq!(all, [(1000, 'b'), (2000, 'c'), (7000, 'e'), (7100, 'f')]);
        let stats = sampled.stats();
        assert_eq!((stats.items, stats.sampled, stats.skipped), (6, 4, 2));
        assert!(sampled.is_terminated());
        assert_eq!(sampled.next().await, None);
    });
}

#[test]
fn an_item_that_comes_with_the_tick_is_the_latest() {
    for_each_seed(0..20, |rt| async move {
        let source = arriving(&rt, [(900, 'a'), (1000, 'b'), (2000, 'c'), (3500, 'd')]);
        let all = timed(&rt, rt.now(), source.sample(&rt, SECOND).unwrap()).await;
        // Where none is held, nothing waits for that tick: `c` is there at the next.
        assert_eq!(all, [(1000, 'b'), (3000, 'c'), (3500, 'd')]);
    });
}

#[test]
fn a_late_consumer_does_not_move_the_beat() {
    testing::run(1, |rt| async move {
        let start = rt.now();
        let source = arriving(&rt, (0..100).map(|number| (number * 100 + 50, number)));
        let mut sampled = source.sample(&rt, SECOND).unwrap();
        assert_eq!(sampled.next().await, Some(9));
        rt.sleep(SECOND * 5 / 2).await;
        assert_eq!(sampled.next().await, Some(39), "the source is asked only when the consumer asks");
        assert_eq!((rt.now() - start).as_millis(), 4000, "the tick after is waited for");
        assert_eq!(sampled.stats().skipped, 38);
    });
}

#[test]
fn a_source_that_is_always_ready_is_sampled_all_the_same() {
    testing::run(1, |rt| async move {
        for micros in [100, 7000, 150_000, 2_000_000] {
            let (clock, time) = (Computing::new(&rt), Duration::from_micros(micros));
            let source = computed(&clock, 100_000_000, time);
            let mut sampled = source.sample(&Rt::new(clock.clone()), SECOND).unwrap();
            for _ in 0..20 {
                let before = clock.spent();
                sampled.next().await.unwrap();
                let took = clock.spent() - before;
                assert!(took <= SECOND + 2 * (SECOND / 8).max(time), "{took:?} for {time:?}");
            }
        }
    });
}

#[test]
fn a_source_that_is_always_ready_lets_others_run() {
    testing::run(1, |rt| async move {
        let mut sampled = stream::iter(0..10_000).sample(&rt, SECOND).unwrap();
        let mut turns = 0;
        let last = poll_fn(|cx| {
            turns += 1;
            sampled.poll_next_unpin(cx)
        });
        assert_eq!((last.await, turns), (Some(9999), 10));
        assert_eq!(sampled.next().await, None);
    });
}

#[test]
fn samples_of_a_source_that_is_always_ready_let_others_run_too() {
    testing::run(1, |rt| async move {
        for millis in [1, 10, 100] {
            let (clock, time) = (Computing::new(&rt), Duration::from_millis(millis));
            let source = computed(&clock, 100_000_000, time);
            let mut sampled = source.sample(&Rt::new(clock.clone()), Duration::from_millis(10)).unwrap();
            let (wakes, waker) = bell();
            for _ in 0..10 {
                let before = sampled.stats();
                while sampled.poll_next_unpin(&mut Context::from_waker(&waker)).is_ready() {
                    let taken = sampled.stats().items - before.items;
                    assert!(taken <= 1024, "{taken} items of {time:?} without a turn of others");
                }
                let samples = sampled.stats().sampled - before.sampled;
                assert!((2..=128).contains(&samples), "{samples} at {time:?}");
                assert_eq!(wakes.rung(), 1);
            }
        }
    });
}

#[test]
fn a_wait_begins_the_count_of_items_anew() {
    testing::run(1, |rt| async move {
        let (sender, receiver) = futures::channel::mpsc::unbounded();
        let mut sampled = receiver.sample(&rt, SECOND).unwrap();
        let (_, waker) = bell();
        for turn in 1..=5 {
            (0..1000).for_each(|item| sender.unbounded_send(item).unwrap());
            assert!(sampled.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
            assert_eq!(sampled.stats().items, 1000 * turn, "all of them in one poll");
        }
    });
}

#[test]
fn a_sample_of_items_that_become_slow_is_late_by_128_of_them_once() {
    testing::run(1, |rt| async move {
        let (clock, time) = (Computing::new(&rt), SECOND / 10);
        let source = slowing(&clock, 10_000, time);
        let mut sampled = source.sample(&Rt::new(clock.clone()), SECOND).unwrap();
        sampled.next().await.unwrap();
        let late = clock.spent() - SECOND;
        assert!(late > SECOND && late <= 128 * time, "{late:?}");
        for _ in 0..5 {
            let before = clock.spent();
            sampled.next().await.unwrap();
            let took = clock.spent() - before;
            assert!(took <= SECOND + 2 * SECOND / 8, "{took:?}");
        }
    });
}

#[test]
fn a_period_of_zero_is_refused_and_one_beyond_any_clock_works() {
    testing::run(1, |rt| async move {
        assert!(stream::iter([1]).sample(&rt, Duration::ZERO).unwrap_err().field.contains("period"));
        let all: Vec<_> = stream::iter([1, 2]).sample(&rt, Duration::MAX).unwrap().collect().await;
        assert_eq!(all, [2]);
        assert_eq!(stream::empty::<u8>().sample(&rt, SECOND).unwrap().next().await, None);
    });
}

#[test]
fn nothing_is_woken_for_while_nothing_is_held() {
    testing::run(1, |rt| async move {
        let (sender, receiver) = futures::channel::mpsc::unbounded();
        let mut sampled = receiver.sample(&rt, SECOND).unwrap();
        let (wakes, waker) = bell();
        let mut poll = || sampled.poll_next_unpin(&mut Context::from_waker(&waker));
        assert!(poll().is_pending());
        rt.sleep(9 * SECOND).await;
        assert_eq!(wakes.rung(), 0);
        sender.unbounded_send(1).unwrap();
        assert!(poll().is_pending());
        rt.sleep(SECOND).await;
        assert_eq!(wakes.rung(), 2);
        assert_eq!(poll(), Poll::Ready(Some(1)));
        assert!(poll().is_pending());
        rt.sleep(9 * SECOND).await;
        assert_eq!(wakes.rung(), 0);
    });
}

#[test]
fn a_dropped_next_loses_nothing() {
    let points = for_each_drop_point(
        0..5,
        async |rt| {
            let source = arriving(&rt, [(100, 'a'), (200, 'b'), (1500, 'c'), (6100, 'd')]);
            Arc::new(Mutex::new((source.sample(&rt, SECOND).unwrap(), Vec::new())))
        },
        async |_rt, shared| take_all(&shared).await,
        async |_rt, shared| {
            take_all(&shared).await;
            assert_eq!(shared.lock().1, ['b', 'c', 'd']);
        },
    );
    assert!(points > 20, "{points}");
}

async fn take_all<S: Stream<Item = char> + Unpin>(shared: &Mutex<(Sample<S>, Vec<char>)>) {
    let next = || {
        poll_fn(|cx| {
            let (stream, taken) = &mut *shared.lock();
            stream.poll_next_unpin(cx).map(|next| next.map(|item| taken.push(item)))
        })
    };
    while next().await.is_some() {}
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn samples_come_when_and_as_the_model_says(
        seed in any::<u64>().no_shrink(),
        pauses in prop::collection::vec(prop_oneof![2 => Just(0), 3 => 0..40_u64, 1 => 0..500_u64], 0..60),
        period in 1..100_u64,
    ) {
        // Items at odd times, ticks at even ones.
        let mut at = 1;
        let arrivals: Vec<_> = pauses.iter().enumerate().map(|(item, pause)| { at += 2 * pause; (at, item) }).collect();
        let period = 2 * period;
        let mut expected = Vec::new();
        for (number, (at, item)) in arrivals.iter().copied().enumerate() {
            let tick = (at / period + 1) * period;
            match arrivals.get(number + 1) {
                Some((next, _)) if *next < tick => {}
                Some(_) => expected.push((tick, item)),
                None => expected.push((at, item)),
            }
        }
        let count = arrivals.len() as u64;
        let (sampled, stats) = testing::run(seed, |rt| async move {
            let source = arriving(&rt, arrivals);
            let mut sampled = source.sample(&rt, Duration::from_millis(period)).unwrap();
            (timed(&rt, rt.now(), &mut sampled).await, sampled.stats())
        });
        prop_assert_eq!(&sampled, &expected);
        prop_assert_eq!(stats.items, count);
        prop_assert_eq!(stats.sampled + stats.skipped, count, "skips are counted");
    }
}
