use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::{join_all, pending};
use parking_lot::Mutex;

use super::{super::*, bulkhead, poll, with};
use crate::{
    rt::Rt,
    testing::{for_each_drop_point, for_each_seed, run},
    time::Deadline,
};

const SECOND: Duration = Duration::from_secs(1);

fn until(rt: &Rt, limit: Duration) -> Acquire {
    Acquire { deadline: Some(Deadline::after(rt, "test", limit)), ..Acquire::default() }
}

#[test]
fn never_are_more_permits_held_than_there_are() {
    for_each_seed(0..50, |rt| async move {
        let bulkhead = bulkhead(&rt, 3, 100);
        let (held, held_max) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks = (0..40).map(|number| {
            let (bulkhead, inner) = (bulkhead.clone(), rt.clone());
            let (held, held_max) = (held.clone(), held_max.clone());
            rt.spawn("holder", async move {
                let permit = bulkhead.acquire().await.expect("there is room to wait");
                held_max.fetch_max(held.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                inner.sleep(Duration::from_millis(number % 4)).await;
                held.fetch_sub(1, Ordering::Relaxed);
                drop(permit);
            })
        });
        for task in join_all(tasks).await {
            task.expect("no panic");
        }
        assert_eq!(held_max.load(Ordering::Relaxed), 3, "all permits are used, and no more");
        let stats = bulkhead.stats();
        assert_eq!((stats.in_use, stats.waiting, stats.granted), (0, 0, 40));
    });
}

/// In which order those go of whom one comes each second, by name.
async fn order_of(
    rt: &Rt,
    ageing_step: Option<Duration>,
    comers: &[(&'static str, i32)],
) -> Vec<&'static str> {
    let bulkhead = with(rt, Config { permits: 1, ageing_step, ..Config::default() });
    let order = Arc::new(Mutex::new(Vec::new()));
    let held = bulkhead.try_acquire().expect("free");
    let mut tasks = Vec::new();
    for &(name, priority) in comers {
        let (bulkhead, order) = (bulkhead.clone(), order.clone());
        tasks.push(rt.spawn("waiter", async move {
            let how = Acquire { priority, ..Acquire::default() };
            let _permit = bulkhead.acquire_with(how).await.expect("room");
            order.lock().push(name);
        }));
        rt.sleep(SECOND).await;
    }
    drop(held);
    join_all(tasks).await;
    let order = order.lock();
    order.clone()
}

#[test]
fn without_ageing_permits_go_by_priority_then_by_arrival() {
    for_each_seed(0..20, |rt| async move {
        let comers = [("a", 0), ("b", 5), ("c", 0), ("d", -1), ("e", 5)];
        assert_eq!(order_of(&rt, None, &comers).await, ["b", "e", "a", "c", "d"]);
    });
}

#[test]
fn with_ageing_a_priority_is_worth_so_much_of_waiting_and_no_more() {
    for_each_seed(0..20, |rt| async move {
        // "e" is worth 3 s and comes 4 s after "a"; "c" is worth 3 s and comes 2 s after it.
        let comers = [("a", 0), ("b", 0), ("c", 2), ("d", 0), ("e", 2)];
        assert_eq!(order_of(&rt, Some(SECOND * 3 / 2), &comers).await, ["c", "a", "b", "e", "d"]);
        assert_eq!(order_of(&rt, Some(Duration::ZERO), &comers).await, ["a", "b", "c", "d", "e"], "void");
    });
}

/// Whether a patient one goes within a minute, where two more urgent ones come each second and each stays for one.
async fn is_served(rt: &Rt, ageing_step: Option<Duration>) -> bool {
    let bulkhead = with(rt, Config { permits: 1, ageing_step, ..Config::default() });
    let held = bulkhead.try_acquire().expect("free");
    let mut patient = bulkhead.acquire();
    assert!(poll(&mut patient).is_pending());
    let patient = rt.spawn("patient", async move { patient.await.map(drop) });
    let mut urgent = Vec::new();
    let mut come = || {
        let how = Acquire { priority: 10, ..Acquire::default() };
        let (acquiring, inner) = (bulkhead.acquire_with(how), rt.clone());
        urgent.push(rt.spawn("urgent", async move {
            let _permit = acquiring.await.expect("room");
            inner.sleep(SECOND).await;
        }));
    };
    come();
    rt.sleep(SECOND / 2).await;
    drop(held);
    for _ in 0..120 {
        come();
        rt.sleep(SECOND / 2).await;
    }
    // Once all the urgent ones have gone it is served in any case.
    let is_served = bulkhead.stats().waiting > 0 && rt.timeout(Duration::ZERO, patient).await.is_ok();
    drop(urgent);
    is_served
}

#[test]
fn with_ageing_nobody_starves_and_without_it_the_urgent_go_first_for_ever() {
    for_each_seed(0..20, |rt| async move {
        assert!(is_served(&rt, Some(SECOND)).await, "ten points are ten seconds");
        assert!(!is_served(&rt, None).await, "strict is strict");
    });
}

#[test]
fn no_newcomer_overtakes_one_that_was_granted_and_not_polled() {
    run(1, |rt| async move {
        let bulkhead = bulkhead(&rt, 1, 100);
        let held = bulkhead.try_acquire().expect("free");
        let mut waiting = bulkhead.acquire();
        assert!(poll(&mut waiting).is_pending());
        drop(held);
        let full = bulkhead.try_acquire().expect_err("it is promised");
        assert_eq!((full.in_use, full.waiting), (1, 0));
        assert!(poll(&mut waiting).is_ready());
    });
}

#[test]
fn a_dropped_wait_loses_no_permit() {
    let points = for_each_drop_point(
        0..30,
        |rt| async move {
            let bulkhead = bulkhead(&rt, 1, 100);
            let (held, inner) = (bulkhead.try_acquire().expect("free"), rt.clone());
            let holder = rt.spawn("holder", async move {
                inner.sleep(SECOND).await;
                drop(held);
            });
            (bulkhead, Arc::new(holder))
        },
        |rt, (bulkhead, _)| async move {
            let _permit = bulkhead.acquire_with(until(&rt, 9 * SECOND)).await.expect("in time");
            rt.sleep(SECOND).await;
        },
        |rt, (bulkhead, _)| async move {
            let permit = bulkhead.acquire_with(until(&rt, 9 * SECOND)).await.expect("there is one again");
            let stats = bulkhead.stats();
            assert_eq!((stats.in_use, stats.waiting), (1, 0));
            drop(permit);
        },
    );
    assert!(points >= 90, "{points}");
}

#[test]
fn waiting_ends_with_the_deadline_and_says_which() {
    run(1, |rt| async move {
        let bulkhead = bulkhead(&rt, 1, 100);
        let _held = bulkhead.try_acquire().expect("free");
        let start = rt.now();
        let error = bulkhead.acquire_with(until(&rt, 2 * SECOND)).await.expect_err("nothing is given back");
        assert_eq!(rt.now() - start, 2 * SECOND);
        let AcquireError::DeadlineExceeded { deadline, full } = error else { panic!("{error}") };
        assert_eq!((deadline.scope.as_ref(), deadline.limit), ("test", 2 * SECOND));
        assert_eq!((full.in_use, full.permits, full.waiting), (1, 1, 1));
        let stats = bulkhead.stats();
        assert_eq!((stats.waiting, stats.timed_out, stats.granted), (0, 1, 1), "its place is free");
    });
}

#[test]
fn a_free_permit_wins_over_a_deadline_that_is_over() {
    for_each_seed(0..20, |rt| async move {
        let bulkhead = bulkhead(&rt, 1, 100);
        let over = until(&rt, Duration::ZERO);
        let held = bulkhead.acquire_with(over.clone()).await.expect("one is free");
        assert!(bulkhead.acquire_with(over).await.is_err(), "none is free");
        // Both in one instant: whichever task goes first, a permit that was granted is not thrown away.
        let how = until(&rt, SECOND);
        let (waiting, inner) = (bulkhead.acquire_with(how), rt.clone());
        let holder = rt.spawn("holder", async move {
            inner.sleep(SECOND).await;
            drop(held);
        });
        let outcome = waiting.await;
        holder.await.expect("no panic");
        let expected = usize::from(outcome.is_ok());
        assert_eq!(bulkhead.stats().in_use, expected, "{outcome:?}");
    });
}

#[test]
fn the_line_is_bounded_and_says_how_full_it_is() {
    run(1, |rt| async move {
        let bulkhead = bulkhead(&rt, 1, 1);
        let _held = bulkhead.try_acquire().expect("free");
        let mut waiting = bulkhead.acquire();
        assert!(poll(&mut waiting).is_pending());
        let error = bulkhead.acquire().await.expect_err("full");
        assert_eq!(
            error.to_string(),
            "1 of 1 permits of the bulkhead are in use and 1 of at most 1 wait for one, so no more may wait; \
             come back later, or raise `permits` or `waiters_max`"
        );
        drop(waiting);
        let mut next = bulkhead.acquire();
        assert!(poll(&mut next).is_pending(), "there is room in line again");
    });
}

#[test]
fn it_is_resized_while_permits_are_held() {
    for_each_seed(0..20, |rt| async move {
        let bulkhead = bulkhead(&rt, 2, 100);
        let (first, second) = (bulkhead.acquire().await, bulkhead.acquire().await);
        bulkhead.resize(0).expect("closed");
        drop(first);
        let full = bulkhead.try_acquire().expect_err("closed");
        assert_eq!((full.in_use, full.permits), (1, 0));
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let acquiring = bulkhead.acquire();
                rt.spawn("waiter", async move {
                    let _permit = acquiring.await.expect("room");
                    pending::<()>().await;
                })
            })
            .collect();
        rt.sleep(SECOND).await;
        drop(second);
        rt.sleep(SECOND).await;
        assert_eq!((bulkhead.stats().in_use, bulkhead.stats().waiting), (0, 5), "closed is closed");
        bulkhead.resize(3).expect("in range");
        assert_eq!((bulkhead.stats().in_use, bulkhead.stats().waiting), (3, 2));
        drop(waiting);
        rt.sleep(SECOND).await;
        assert_eq!(bulkhead.stats().in_use, 0);
    });
}

#[test]
fn nonsense_is_refused_by_field() {
    run(1, |rt| async move {
        let refused = |permits, waiters_max| {
            let config = Config { permits, waiters_max, ..Config::default() };
            Bulkhead::new(&rt, config).expect_err("nonsense").field
        };
        assert_eq!(refused(0, 1), "limit::bulkhead::Config::permits");
        assert_eq!(refused(1_000_001, 1), "limit::bulkhead::Config::permits");
        assert_eq!(refused(1, 100_000_001), "limit::bulkhead::Config::waiters_max");
        let error = bulkhead(&rt, 1, 0).resize(1_000_001).expect_err("nonsense");
        assert_eq!(error.field, "limit::bulkhead::Config::permits");
    });
}
