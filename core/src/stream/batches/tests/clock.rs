use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use futures::{StreamExt, stream};

use super::{super::Batch, by_count};
use crate::{
    rt::Rt,
    stream::{
        RtStreamExt,
        script::{Computing, SECOND, arriving, bell, computed, slowing, timed},
    },
    testing::{self, for_each_seed},
};

#[test]
fn a_batch_of_a_source_that_is_always_ready_is_late_by_an_eighth_or_one_item() {
    testing::run(1, |rt| async move {
        for micros in [100, 1000, 7000, 60_000, 150_000, 2_000_000] {
            let time = Duration::from_micros(micros);
            let clock = Computing::new(&rt);
            let source = computed(&clock, 100_000_000, time);
            let mut batches = source.batches(&Rt::new(clock.clone()), by_count(usize::MAX)).unwrap();
            for _ in 0..20 {
                let before = clock.spent();
                let batch = batches.next().await.expect("more to come");
                // Its clock starts when its first item has been computed.
                let took = clock.spent() - before - time;
                assert!(took >= SECOND || batch.len() == 1, "{took:?}");
                assert!(took <= SECOND + (SECOND / 8).max(time), "{took:?} for {} items", batch.len());
            }
        }
    });
}

#[test]
fn a_batch_of_items_that_become_slow_is_late_by_128_of_them_once() {
    testing::run(1, |rt| async move {
        let (clock, time) = (Computing::new(&rt), SECOND / 10);
        let source = slowing(&clock, 10_000, time);
        let mut batches = source.batches(&Rt::new(clock.clone()), by_count(usize::MAX)).unwrap();
        batches.next().await.unwrap();
        let late = clock.spent() - SECOND;
        assert!(late > SECOND && late <= 128 * time, "{late:?}");
        for _ in 0..5 {
            let before = clock.spent();
            batches.next().await.unwrap();
            let took = clock.spent() - before - time;
            assert!(took <= SECOND + SECOND / 8, "{took:?}");
        }
    });
}

#[test]
fn the_clock_is_not_read_for_each_item() {
    testing::run(1, |rt| async move {
        let clock = Computing::new(&rt);
        let source = computed(&clock, 100_000, Duration::from_nanos(10));
        let batches = source.batches(&Rt::new(clock.clone()), by_count(1000)).unwrap();
        assert_eq!(batches.count().await, 100);
        let looks = clock.looks();
        assert!((100..1000).contains(&looks), "{looks}");
    });
}

#[test]
fn a_size_flush_disarms_the_timer() {
    for_each_seed(0..10, |rt| async move {
        let (sender, receiver) = futures::channel::mpsc::unbounded();
        let mut batches = receiver.batches(&rt, by_count(2)).unwrap();
        let (wakes, waker) = bell();
        let mut poll = || batches.poll_next_unpin(&mut Context::from_waker(&waker));

        sender.unbounded_send(1).unwrap();
        assert!(poll().is_pending());
        rt.sleep(SECOND / 2).await;
        sender.unbounded_send(2).unwrap();
        assert_eq!(wakes.rung(), 1);
        assert_eq!(poll(), Poll::Ready(Some(vec![1, 2])));
        assert!(poll().is_pending());
        rt.sleep(5 * SECOND).await;
        assert_eq!(wakes.rung(), 0, "nothing is left to wake for");

        // The next has all of its time, and a timer that works.
        sender.unbounded_send(3).unwrap();
        assert!(poll().is_pending());
        rt.sleep(SECOND * 9 / 10).await;
        assert!(poll().is_pending());
        assert_eq!(wakes.rung(), 1, "by the item");
        rt.sleep(SECOND / 10).await;
        assert_eq!(wakes.rung(), 1, "by the timer");
        assert_eq!(poll(), Poll::Ready(Some(vec![3])));
    });
}

#[test]
fn a_batch_that_follows_a_full_one_has_all_of_its_time() {
    for_each_seed(0..10, |rt| async move {
        let source = arriving(&rt, [(0, 'a'), (600, 'b'), (600, 'c'), (5000, 'd')]);
        let all = timed(&rt, rt.now(), source.batches(&rt, by_count(2)).unwrap()).await;
        assert_eq!(all, [(600, vec!['a', 'b']), (1600, vec!['c']), (5000, vec!['d'])]);
    });
}

#[test]
fn a_flush_disarms_the_timer_and_so_does_the_end() {
    testing::run(1, |rt| async move {
        let mut batches = stream::iter([1]).chain(stream::pending()).batches(&rt, by_count(2)).unwrap();
        let (wakes, waker) = bell();
        assert!(batches.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(batches.flush(), Some(vec![1]));
        rt.sleep(5 * SECOND).await;
        assert_eq!(wakes.rung(), 0);
    });
}

#[test]
fn a_source_that_is_always_ready_lets_others_run() {
    for (items_max, turns_min) in [(usize::MAX, 9), (100, 9), (1, 70)] {
        testing::run(1, |rt| async move {
            let others = rt.spawn("others", {
                let mut turns = 0;
                let mut source = stream::iter(0..10_000).batches(&rt, by_count(items_max)).unwrap();
                poll_fn(move |cx| {
                    loop {
                        match source.poll_next_unpin(cx) {
                            Poll::Ready(Some(_)) => {}
                            Poll::Ready(None) => return Poll::Ready(turns),
                            Poll::Pending => {
                                turns += 1;
                                return Poll::Pending;
                            }
                        }
                    }
                })
            });
            let turns = others.await.unwrap();
            assert!((turns_min..=10_000 / 100).contains(&turns), "{turns} at {items_max}");
        });
    }
}

#[test]
fn a_source_that_always_fails_lets_others_run() {
    testing::run(1, |rt| async move {
        let mut batches = stream::repeat(Err::<(), _>("a loose wire")).try_batches(&rt, by_count(9)).unwrap();
        let (wakes, waker) = bell();
        for _ in 0..5 {
            let mut poll = || batches.poll_next_unpin(&mut Context::from_waker(&waker));
            let errors = (0..1000).take_while(|_| poll().is_ready()).count();
            assert_eq!((errors, wakes.rung()), (128, 1));
        }
    });
}

#[test]
fn the_waker_of_the_last_poll_is_woken() {
    testing::run(1, |rt| async move {
        let config = Batch { wait_max: SECOND, ..Batch::default() };
        let mut batches = stream::iter([1]).chain(stream::pending()).batches(&rt, config).unwrap();
        let ((first, first_waker), (second, second_waker)) = (bell(), bell());
        for waker in [first_waker, second_waker] {
            assert!(batches.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
        }
        rt.sleep(2 * SECOND).await;
        assert_eq!((first.rung(), second.rung()), (0, 1));
    });
}
