use std::{
    future::{pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use parking_lot::Mutex;

use super::*;
use crate::testing::{DropPoints, for_each_drop_point};

type Log = Arc<Mutex<Vec<&'static str>>>;

/// What the checks saw after each drop of an operation with two waits.
#[test]
fn an_operation_is_dropped_at_every_point_and_once_not_at_all() {
    let seen = Mutex::new(Vec::new());
    let points = for_each_drop_point(
        [1],
        |_rt| async { Log::default() },
        |rt, log| async move {
            let _gone = OnDrop({
                let log = Arc::clone(&log);
                move || log.lock().push("dropped")
            });
            log.lock().push("begun");
            let waker = rt.spawn("waker", {
                let (rt, log) = (rt.clone(), Arc::clone(&log));
                async move {
                    rt.sleep(secs(1)).await;
                    log.lock().push("woken");
                }
            });
            waker.await.expect("no panic");
            log.lock().push("going on");
            yield_now().await;
            log.lock().push("done");
        },
        |rt, log| {
            let seen = &seen;
            async move {
                let at_once = log.lock().clone();
                rt.sleep(secs(10)).await;
                assert_eq!(*log.lock(), at_once, "something went on after the drop");
                seen.lock().push(at_once);
            }
        },
    );
    assert_eq!(points, 5);
    let pending_1 = vec!["begun", "dropped"];
    let wake_1 = vec!["begun", "woken", "dropped"];
    let pending_2 = vec!["begun", "woken", "going on", "dropped"];
    let wake_2 = pending_2.clone();
    let completed = vec!["begun", "woken", "going on", "done", "dropped"];
    assert_eq!(*seen.lock(), [vec![], pending_1, wake_1, pending_2, wake_2, completed]);
}

/// The bug this tool is for: a value taken out of its place across an await.
fn lossy(seed: u64) -> String {
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        for_each_drop_point(
            [seed],
            |_rt| async { Arc::new(Mutex::new(Some(5))) },
            |rt, slot| async move {
                rt.sleep(secs(1)).await;
                let taken = slot.lock().take();
                rt.sleep(secs(1)).await;
                *slot.lock() = taken;
            },
            |_rt, slot| async move { assert_eq!(*slot.lock(), Some(5)) },
        )
    }));
    let payload = attempt.expect_err("the value is lost");
    payload.downcast_ref::<String>().expect("text").clone()
}

#[test]
fn a_failure_names_seed_and_point() {
    let text = lossy(0x2a);
    assert!(text.starts_with("after the operation was dropped right after its `Pending` no. 2:"), "{text}");
    assert!(text.contains("SEAWORTHY_SEED=0x2a SEAWORTHY_DROP_POINT=pending-2"), "{text}");
    assert!(text.contains("seed 0x2a, 1s into the run: task `root` panicked"), "{text}");
}

#[test]
#[should_panic(expected = "has not completed after 20 polls")]
fn an_endless_operation_is_called_so() {
    DropPoints::new([1]).polls_max(20).run(
        |_rt| async {},
        |rt, ()| async move {
            loop {
                rt.sleep(secs(1)).await;
            }
        },
        |_rt, ()| async {},
    );
}

#[test]
#[should_panic(
    expected = "before the operation could be dropped after its wake no. 1, before the next poll:\nseed 0x1, 0ns"
)]
fn an_operation_that_nobody_wakes_is_a_deadlock() {
    for_each_drop_point([1], |_rt| async {}, |_rt, ()| pending::<()>(), |_rt, ()| async {});
}

#[test]
#[should_panic(
    expected = "after the operation had completed:\nseed 0x1, 1s into the run: task `root` panicked: wrong"
)]
fn what_is_left_of_a_completed_operation_is_checked_too() {
    for_each_drop_point(
        [1],
        |_rt| async { Log::default() },
        |rt, log| async move {
            rt.sleep(secs(1)).await;
            log.lock().push("done");
        },
        |_rt, log| async move { assert!(log.lock().is_empty(), "wrong") },
    );
}

#[test]
fn only_the_operations_own_wakes_count() {
    let points = for_each_drop_point(
        [1],
        |rt| async move {
            // It wakes the root while the operation waits for something else.
            let alarm = Arc::new(Mutex::new(rt.sleep(secs(1))));
            poll_fn(|cx| Poll::Ready(Pin::new(&mut *alarm.lock()).poll(cx).is_pending())).await;
            alarm
        },
        |rt, _alarm| async move { rt.sleep(secs(5)).await },
        |_rt, _alarm| async {},
    );
    assert_eq!(points, 3);
}

#[test]
fn points_add_up_over_the_seeds_and_the_config_is_kept() {
    let config = Config { limit: secs(5), ..Config::default() };
    let points = DropPoints::new(0..10).config(config.clone()).polls_max(2).run(
        |rt| async move { rt },
        |rt, _state| async move { rt.sleep(secs(5)).await },
        |_rt, _state| async {},
    );
    assert_eq!(points, 30);
    let beyond = catch_unwind(AssertUnwindSafe(|| {
        DropPoints::new([1]).config(config).run(
            |_rt| async {},
            |rt, ()| async move { rt.sleep(secs(6)).await },
            |_rt, ()| async {},
        )
    }));
    assert!(beyond.is_err());
}

#[test]
fn an_operation_without_a_wait_has_one_point() {
    let completed = Mutex::new(0);
    let points = for_each_drop_point(
        [1],
        |_rt| async { Log::default() },
        |_rt, log| async move { log.lock().push("ran") },
        |_rt, log| {
            *completed.lock() += log.lock().len();
            async {}
        },
    );
    assert_eq!((points, *completed.lock()), (1, 1));
}
