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

use crate::{
    rt::Rt,
    stream::{
        RtStreamExt,
        script::{Computing, SECOND, arriving, bell, timed},
    },
    testing::{self, for_each_drop_point, for_each_seed},
};

#[test]
fn an_item_that_takes_too_long_gives_one_error_and_still_comes() {
    for_each_seed(0..10, |rt| async move {
        let source = arriving(&rt, [(500, 'a'), (9000, 'b'), (9800, 'c'), (11_000, 'd')]);
        let all = timed(&rt, rt.now(), source.timeout_each(&rt, SECOND)).await;
        let items: Vec<_> = all.iter().map(|(at, item)| (*at, item.ok())).collect();
        assert_eq!(
            items,
            [
                (500, Some('a')),
                (1500, None),
                (9000, Some('b')),
                (9800, Some('c')),
                (10_800, None),
                (11_000, Some('d'))
            ]
        );
        let error = all[1].1.unwrap_err();
        assert_eq!(error.limit, SECOND);
    });
}

#[test]
fn an_item_that_comes_when_the_time_is_over_wins() {
    for_each_seed(0..10, |rt| async move {
        let source = arriving(&rt, [(1000, 'a'), (2000, 'b')]);
        let all: Vec<_> = source.timeout_each(&rt, SECOND).collect().await;
        assert_eq!(all, [Ok('a'), Ok('b')]);
    });
}

#[test]
fn the_time_of_the_consumer_is_not_the_sources() {
    testing::run(1, |rt| async move {
        let source = arriving(&rt, [(0, 'a'), (3900, 'b')]);
        let mut limited = source.timeout_each(&rt, SECOND);
        assert_eq!(limited.next().await, Some(Ok('a')));
        rt.sleep(3 * SECOND).await;
        assert_eq!(limited.next().await, Some(Ok('b')));
    });
}

#[test]
fn an_end_that_takes_too_long_gives_an_error_too_and_comes_once() {
    testing::run(1, |rt| async move {
        let end = rt.sleep(5 * SECOND);
        let source = stream::iter([1]).chain(stream::pending()).take_until(end);
        let mut limited = source.timeout_each(&rt, SECOND);
        assert_eq!(limited.next().await, Some(Ok(1)));
        assert!(limited.next().await.unwrap().is_err());
        assert!(!limited.is_terminated());
        assert_eq!(limited.next().await, None);
        assert!(limited.is_terminated());
        assert_eq!(limited.size_hint(), (0, Some(0)));
        assert_eq!(limited.next().await, None);
    });
}

#[test]
fn items_that_are_there_cost_no_look_at_the_clock() {
    testing::run(1, |rt| async move {
        let clock = Computing::new(&rt);
        let limited = stream::iter(0..1000).timeout_each(&Rt::new(clock.clone()), SECOND);
        assert_eq!(limited.size_hint(), (1000, Some(2001)));
        assert_eq!(limited.count().await, 1000);
        assert_eq!(clock.looks(), 0);
    });
}

#[test]
fn a_source_that_is_always_ready_lets_others_run() {
    testing::run(1, |rt| async move {
        let mut limited = stream::repeat(()).timeout_each(&rt, SECOND);
        let (wakes, waker) = bell();
        for _ in 0..5 {
            let mut poll = || limited.poll_next_unpin(&mut Context::from_waker(&waker));
            let items = (0..1000).take_while(|_| poll().is_ready()).count();
            assert_eq!((items, wakes.rung()), (128, 1));
        }
    });
}

#[test]
fn a_wait_begins_the_count_of_items_anew() {
    testing::run(1, |rt| async move {
        for limit in [SECOND, Duration::ZERO] {
            let (sender, receiver) = futures::channel::mpsc::unbounded();
            let mut limited = receiver.timeout_each(&rt, limit);
            let (_, waker) = bell();
            let mut poll = || limited.poll_next_unpin(&mut Context::from_waker(&waker));
            for _ in 0..5 {
                (0..100).for_each(|item| sender.unbounded_send(item).unwrap());
                let items = (0..1000).take_while(|_| matches!(poll(), Poll::Ready(Some(Ok(_))))).count();
                assert_eq!(items, 100);
                // Where the limit is zero this was its error, and now it waits.
                assert!(poll().is_pending());
            }
        }
    });
}

#[test]
fn a_limit_of_zero_and_one_beyond_any_clock_work() {
    testing::run(1, |rt| async move {
        let mut none = stream::iter([1]).chain(stream::pending()).timeout_each(&rt, Duration::ZERO);
        assert_eq!(none.next().await, Some(Ok(1)));
        assert!(none.next().await.unwrap().is_err());

        let mut endless = arriving(&rt, [(0, 1), (99_000, 2)]).timeout_each(&rt, Duration::MAX);
        assert_eq!((endless.next().await, endless.next().await), (Some(Ok(1)), Some(Ok(2))));
    });
}

#[test]
fn after_the_end_nothing_is_left_to_wake_for() {
    testing::run(1, |rt| async move {
        let (sender, receiver) = futures::channel::mpsc::unbounded::<()>();
        let mut limited = receiver.timeout_each(&rt, SECOND);
        let (wakes, waker) = bell();
        assert!(limited.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
        drop(sender);
        assert_eq!(limited.poll_next_unpin(&mut Context::from_waker(&waker)), Poll::Ready(None));
        rt.sleep(9 * SECOND).await;
        assert_eq!(wakes.rung(), 1);
    });
}

#[test]
fn a_dropped_next_loses_nothing_and_does_not_start_the_clock_again() {
    let points = for_each_drop_point(
        0..5,
        async |rt| {
            let source = arriving(&rt, [(500, 'a'), (9000, 'b'), (9100, 'c')]);
            Arc::new(Mutex::new((rt.now(), source.timeout_each(&rt, SECOND), Vec::new())))
        },
        async |rt, shared| take_all(&rt, &shared).await,
        async |rt, shared| {
            take_all(&rt, &shared).await;
            assert_eq!(
                shared.lock().2,
                [(500, Some('a')), (1500, None), (9000, Some('b')), (9100, Some('c'))]
            );
        },
    );
    assert!(points > 20, "{points}");
}

type Shared<S> = Arc<Mutex<(std::time::Instant, S, Vec<(u64, Option<char>)>)>>;

async fn take_all<E, S: Stream<Item = Result<char, E>> + Unpin>(rt: &Rt, shared: &Shared<S>) {
    let next = || {
        poll_fn(|cx| {
            let (start, stream, taken) = &mut *shared.lock();
            let at = (rt.now() - *start).as_millis() as u64;
            stream.poll_next_unpin(cx).map(|next| next.map(|item| taken.push((at, item.ok()))))
        })
    };
    while next().await.is_some() {}
}
