//! What starts when, and how many.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use parking_lot::Mutex;

use super::{
    super::{Config, Order, Spec, Status, TaskManager},
    Alive, SECOND, manager, sleeper,
};
use crate::testing::{self, for_each_seed};

#[test]
fn results_are_the_callers_own_types() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 2);
        let (number, text) = (tasks.submit("number", async { 7 }), tasks.submit("text", async { "seven" }));
        assert_eq!((number.await.unwrap(), text.await.unwrap()), (7, "seven"));
    });
}

#[test]
fn a_slot_is_free_when_the_future_has_been_dropped() {
    for_each_seed(0..50, |rt| async move {
        let tasks = manager(&rt, 1);
        let alive = Arc::new(AtomicUsize::new(0));
        for number in 0..5 {
            let (alive, rt) = (alive.clone(), rt.clone());
            tasks.submit(Spec::new("task"), async move {
                assert_eq!(alive.load(Ordering::Relaxed), 0, "the one before is gone");
                let _alive = Alive::new(&alive);
                if number % 2 == 0 {
                    rt.sleep(SECOND).await;
                }
            });
        }
        let reports = tasks.run_all().await;
        assert!(reports.iter().all(|report| report.status == Status::Completed), "{reports:?}");
    });
}

#[test]
fn strict_order_starts_the_highest_priority_first_then_the_first_submitted() {
    testing::run(1, |rt| async move {
        let config = Config { concurrency: 1, order: Order::Strict, ..Config::default() };
        let tasks = TaskManager::new(&rt, config).unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        tasks.set_concurrency(0).unwrap();
        for (priority, name) in [(0, "c"), (5, "a"), (0, "d"), (5, "b"), (-1, "e")] {
            let order = order.clone();
            tasks.submit(Spec::new(name).priority(priority), async move { order.lock().push(name) });
        }
        tasks.set_concurrency(1).unwrap();
        tasks.run_all().await;
        assert_eq!(order.lock().concat(), "abcde");
    });
}

#[test]
fn ageing_lets_nobody_starve() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 1);
        // A stream of urgent tasks that would keep the only slot busy for ever.
        tasks.submit("first", sleeper(&rt, 1)).await.unwrap();
        let submitted = rt.now();
        tasks.submit("busy", sleeper(&rt, 1));
        let routine = tasks.submit("routine", async {});
        let submitter = tasks.submitter();
        let source = rt.spawn("source", {
            let rt = rt.clone();
            async move {
                loop {
                    submitter.submit(Spec::new("urgent").priority(10), sleeper(&rt, 1));
                    rt.sleep(SECOND / 2).await;
                }
            }
        });
        routine.await.unwrap();
        // It may be passed by what comes within the boost of 10 s, which at two a second is 20 tasks of a second.
        let waited = rt.now() - submitted;
        assert!(waited >= 10 * SECOND && waited <= 23 * SECOND, "{waited:?}");
        drop(source);
    });
}

#[test]
fn the_bound_can_change_while_tasks_run_and_zero_pauses() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 3);
        for _ in 0..10 {
            tasks.submit("task", sleeper(&rt, 1));
        }
        assert_eq!(tasks.stats().running, 3);
        tasks.set_concurrency(0).unwrap();
        rt.sleep(10 * SECOND).await;
        let stats = tasks.stats();
        assert_eq!((stats.running, stats.pending, stats.completed), (0, 7, 3), "paused, and nothing lost");
        tasks.set_concurrency(5).unwrap();
        assert_eq!(tasks.stats().running, 5);
        tasks.set_concurrency(1).unwrap();
        assert_eq!(tasks.run_all().await.len(), 10);
        assert_eq!(tasks.stats().completed, 10);
    });
}

#[test]
fn nonsense_is_refused_by_field() {
    testing::run(1, |rt| async move {
        let refused = |config| TaskManager::new(&rt, config).expect_err("nonsense").field;
        assert_eq!(refused(Config { concurrency: 0, ..Config::default() }), "task::Config::concurrency");
        assert_eq!(
            refused(Config { concurrency: usize::MAX, ..Config::default() }),
            "task::Config::concurrency"
        );
        assert_eq!(refused(Config { pending_max: 0, ..Config::default() }), "task::Config::pending_max");
        assert_eq!(refused(Config { events_max: 0, ..Config::default() }), "task::Config::events_max");
        assert!(manager(&rt, 1).set_concurrency(usize::MAX).is_err());
    });
}

#[test]
fn tasks_that_are_ready_at_once_let_others_run_and_need_no_stack() {
    testing::run(3, |rt| async move {
        let tasks = manager(&rt, 1);
        let turns = Arc::new(AtomicUsize::new(0));
        let other = rt.spawn("other", {
            let turns = turns.clone();
            async move {
                loop {
                    turns.fetch_add(1, Ordering::Relaxed);
                    crate::rt::yield_now().await;
                }
            }
        });
        for _ in 0..20_000 {
            drop(tasks.submit("task", async {}));
        }
        tasks.idle().await;
        drop(other);
        // Once in 128 tasks, and it is a coin toss who runs next.
        assert!(turns.load(Ordering::Relaxed) > 60, "{turns:?}");
    });
}
