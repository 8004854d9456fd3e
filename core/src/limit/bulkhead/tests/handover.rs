//! What was handed over and nobody comes for.

use std::{sync::Arc, task::Poll, time::Duration};

use futures::FutureExt;
use parking_lot::Mutex;

use super::{super::*, bulkhead, poll, with};
use crate::{
    rt::Rt,
    testing::{for_each_drop_point, for_each_seed, run, try_run},
    time::Deadline,
};

const SECOND: Duration = Duration::from_secs(1);

/// A bulkhead of one permit that was handed over to one that nobody polls.
fn neglected(rt: &Rt, config: Config) -> (Bulkhead, Acquiring) {
    let bulkhead = with(rt, Config { permits: 1, ..config });
    let held = bulkhead.try_acquire().expect("free");
    let mut neglected = bulkhead.acquire();
    assert!(poll(&mut neglected).is_pending());
    drop(held);
    assert_eq!((bulkhead.stats().in_use, bulkhead.stats().waiting), (1, 0), "it was handed over");
    (bulkhead, neglected)
}

#[test]
fn a_waiter_that_is_not_polled_holds_up_nobody_for_longer_than_a_handover_may_take() {
    for_each_seed(0..20, |rt| async move {
        let (bulkhead, mut neglected) = neglected(&rt, Config::default());
        let start = rt.now();
        let permit = bulkhead.acquire().await.expect("it goes on to the next");
        assert_eq!(rt.now() - start, SECOND);
        let stats = bulkhead.stats();
        assert_eq!((stats.in_use, stats.granted, stats.handovers_missed), (1, 2, 1));
        assert!(poll(&mut neglected).is_pending(), "it has to wait again");
        drop(permit);
        assert!(poll(&mut neglected).is_ready());
        assert_eq!((bulkhead.stats().granted, bulkhead.stats().in_use), (3, 0));
    });
}

#[test]
fn what_nobody_comes_for_and_nobody_waits_for_is_free_again() {
    run(1, |rt| async move {
        let (bulkhead, mut neglected) = neglected(&rt, Config::default());
        rt.sleep(SECOND - Duration::from_nanos(1)).await;
        assert!(bulkhead.try_acquire().is_err(), "not before");
        rt.sleep(Duration::from_nanos(2)).await;
        let permit = bulkhead.try_acquire().expect("it lay there for long enough");
        assert_eq!(bulkhead.stats().handovers_missed, 1);
        assert!(poll(&mut neglected).is_pending());
        drop(permit);
        assert!(poll(&mut neglected).is_ready());
    });
}

#[test]
fn who_comes_for_it_in_time_keeps_it() {
    for_each_seed(0..20, |rt| async move {
        let (bulkhead, mut neglected) = neglected(&rt, Config::default());
        rt.sleep(SECOND / 2).await;
        let Poll::Ready(Ok(permit)) = poll(&mut neglected) else { panic!("it lies there") };
        let mut behind = bulkhead.acquire();
        assert!(poll(&mut behind).is_pending());
        rt.sleep(60 * SECOND).await;
        assert!(poll(&mut behind).is_pending(), "whoever holds it holds it");
        assert_eq!(bulkhead.stats().handovers_missed, 0);
        drop(permit);
    });
}

#[test]
fn who_comes_too_late_stands_where_it_stood_and_beyond_the_bound() {
    for ageing_step in [None, Some(SECOND)] {
        for_each_seed(0..10, |rt| async move {
            let config = Config { waiters_max: 3, ageing_step, ..Config::default() };
            let (bulkhead, mut late) = neglected(&rt, config);
            let urgent = || bulkhead.acquire_with(Acquire { priority: 100, ..Acquire::default() });
            let (mut next, mut behind, mut urgent) = (bulkhead.acquire(), bulkhead.acquire(), urgent());
            assert!(poll(&mut next).is_pending() && poll(&mut behind).is_pending());
            assert!(poll(&mut urgent).is_pending());
            rt.sleep(SECOND + Duration::from_nanos(1)).await;
            let Poll::Ready(Ok(permit)) = poll(&mut urgent) else {
                panic!("it went on to the first in line")
            };
            let mut another = bulkhead.acquire();
            assert!(poll(&mut another).is_pending());
            assert!(bulkhead.acquire().await.is_err(), "the line is full");
            assert!(poll(&mut late).is_pending(), "it comes back beyond the bound");
            assert_eq!(bulkhead.stats().waiting, 4);
            drop(permit);
            for waiting in [&mut late, &mut next, &mut behind, &mut another] {
                assert!(poll(waiting).is_ready(), "in the old order");
            }
        });
    }
}

#[test]
fn many_that_are_not_polled_are_passed_over_one_by_one() {
    run(1, |rt| async move {
        let (bulkhead, first) = neglected(&rt, Config::default());
        let mut neglected: Vec<_> = (0..9).map(|_| bulkhead.acquire()).collect();
        assert!(neglected.iter_mut().all(|acquiring| poll(acquiring).is_pending()));
        let start = rt.now();
        drop(bulkhead.acquire().await.expect("after all of them"));
        assert_eq!(rt.now() - start, 10 * SECOND);
        assert_eq!(bulkhead.stats().handovers_missed, 10);
        neglected.push(first);
        assert!(neglected.iter_mut().all(|acquiring| poll(acquiring).is_ready()));
        assert_eq!((bulkhead.stats().in_use, bulkhead.stats().waiting), (0, 0));
    });
}

#[test]
fn a_late_one_that_is_dropped_takes_nobodys_permit() {
    run(1, |rt| async move {
        let (bulkhead, late) = neglected(&rt, Config::default());
        let permit = bulkhead.acquire().await.expect("it goes on to the next");
        drop(late);
        assert_eq!((bulkhead.stats().in_use, bulkhead.stats().granted), (1, 2));
        assert!(bulkhead.try_acquire().is_err());
        drop(permit);
    });
}

#[test]
fn a_late_one_still_has_its_deadline() {
    run(1, |rt| async move {
        let bulkhead = bulkhead(&rt, 1, 9);
        let held = bulkhead.try_acquire().expect("free");
        let deadline = Some(Deadline::after(&rt, "test", 3 * SECOND));
        let mut late = bulkhead.acquire_with(Acquire { deadline, ..Acquire::default() });
        assert!(poll(&mut late).is_pending());
        drop(held);
        let _permit = bulkhead.acquire().await.expect("it goes on to the next");
        rt.sleep(Duration::from_nanos(1)).await;
        let start = rt.now();
        assert!(late.await.is_err());
        assert_eq!(rt.now() - start, 2 * SECOND - Duration::from_nanos(1));
        assert_eq!((bulkhead.stats().timed_out, bulkhead.stats().waiting), (1, 0));
    });
}

#[test]
fn with_no_limit_a_permit_lies_there_for_ever() {
    for handover_max in [None, Some(Duration::ZERO)] {
        run(1, |rt| async move {
            let (bulkhead, mut neglected) = neglected(&rt, Config { handover_max, ..Config::default() });
            let mut behind = bulkhead.acquire();
            assert!(poll(&mut behind).is_pending());
            rt.sleep(1000 * SECOND).await;
            assert!(poll(&mut behind).is_pending());
            assert!(poll(&mut neglected).is_ready());
            assert_eq!(bulkhead.stats().handovers_missed, 0);
        });
    }
}

#[test]
fn a_wait_that_is_dropped_while_others_are_not_polled_loses_no_permit() {
    let points = for_each_drop_point(
        0..20,
        |rt| async move {
            let (bulkhead, neglected) = neglected(&rt, Config::default());
            (bulkhead, Arc::new(Mutex::new(neglected)))
        },
        |_rt, (bulkhead, _)| async move { drop(bulkhead.acquire().await) },
        |rt, (bulkhead, neglected)| async move {
            drop(rt.timeout(2 * SECOND, bulkhead.acquire()).await.expect("in time").expect("room"));
            assert!(poll(&mut *neglected.lock()).is_ready());
            assert_eq!((bulkhead.stats().in_use, bulkhead.stats().waiting), (0, 0));
        },
    );
    assert!(points >= 60, "{points}");
}

#[test]
fn the_watch_comes_once_in_a_handover_and_not_for_each_waiter() {
    let finished = try_run(1, |rt| async move {
        let bulkhead = bulkhead(&rt, 1, 1000);
        let tasks: Vec<_> = (0..1000)
            .map(|_| {
                let (acquiring, inner) = (bulkhead.acquire(), rt.clone());
                rt.spawn("waiter", async move {
                    let _permit = acquiring.await.expect("room");
                    inner.sleep(SECOND / 100).await;
                })
            })
            .collect();
        futures::future::join_all(tasks).await;
    });
    let polls = finished.expect("no failure").stats.polls;
    // Each comes, is granted and sleeps, and wakes the root at its end; the watch is begun and comes in each of ten seconds.
    assert!(polls <= (3 + 1) * 1000 + 1 + 2 * 11, "{polls}");
}

#[test]
fn the_watch_lives_only_while_something_lies_there() {
    let stop = try_run(1, |rt| async move {
        let (_bulkhead, mut neglected) = neglected(&rt, Config::default());
        rt.sleep(SECOND / 2).await;
        assert!(poll(&mut neglected).is_ready());
        std::future::pending::<()>().await;
    });
    let report = stop.expect_err("only the root waits").to_string();
    assert!(report.contains("deadlock") && !report.contains("bulkhead.handovers"), "{report}");
}

#[test]
fn the_last_of_a_bulkhead_may_go_while_it_is_watched() {
    run(1, |rt| async move {
        let (bulkhead, neglected) = neglected(&rt, Config::default());
        drop((bulkhead, neglected));
        rt.sleep(10 * SECOND).await;
    });
}

#[test]
fn a_permit_that_is_dropped_without_a_runtime_goes_to_the_next() {
    let mut left = None;
    run(1, |rt| {
        let left = &mut left;
        let bulkhead = bulkhead(&rt, 1, 9);
        let permit = bulkhead.try_acquire().expect("free");
        let mut waiting = bulkhead.acquire();
        assert!(poll(&mut waiting).is_pending());
        *left = Some((permit, waiting));
        async {}
    });
    let (permit, waiting) = left.expect("it ran");
    drop(permit);
    assert!(waiting.now_or_never().is_some_and(|permit| permit.is_ok()));
}
