use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt, StreamExt, channel::oneshot, future};
use parking_lot::Mutex;

use super::super::{Config, Event, Job, OnFailure, Order, Spec, Status, TaskManager};
use crate::{
    rt::{JoinError, Rejection, Rt, TaskPhase},
    testing::{self, DropPoints, StopReason, for_each_seed},
};

const SECOND: Duration = Duration::from_secs(1);

fn manager(rt: &Rt, concurrency: usize) -> TaskManager {
    TaskManager::new(rt, Config { concurrency, ..Config::default() }).expect("a good config")
}

/// Counts itself while it lives.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn sleeper(rt: &Rt, seconds: u32) -> impl Future<Output = u32> + Send + 'static + use<> {
    let rt = rt.clone();
    async move {
        rt.sleep(SECOND * seconds).await;
        seconds
    }
}

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
fn a_cancelled_pending_task_is_never_polled_and_its_place_is_free_at_once() {
    testing::run(1, |rt| async move {
        let tasks =
            TaskManager::new(&rt, Config { concurrency: 1, pending_max: 1, ..Config::default() }).unwrap();
        let running = tasks.submit("running", sleeper(&rt, 9));
        let polled = Arc::new(AtomicBool::new(false));
        let flag = polled.clone();
        let pending = tasks.submit("pending", async move { flag.store(true, Ordering::Relaxed) });
        assert_eq!((running.status(), pending.status()), (Status::Running, Status::Pending));
        let cancelled = pending.cancel();
        let next = tasks.submit("next", async { "in its place" });
        assert_eq!(next.status(), Status::Pending, "the queue of one has room again");
        assert!(cancelled.await.unwrap_err().is_cancelled());
        assert_eq!(next.await.unwrap(), "in its place");
        assert_eq!((running.await.unwrap(), polled.load(Ordering::Relaxed)), (9, false));
    });
}

#[test]
fn cancel_returns_when_the_destructor_has_run() {
    for_each_seed(0..50, |rt| async move {
        let tasks = manager(&rt, 2);
        let alive = Arc::new(AtomicUsize::new(0));
        let guard = Alive::new(&alive);
        let job = tasks.submit("endless", async move {
            let _guard = guard;
            future::pending::<()>().await;
        });
        if rt.rng("start").chance(1, 2) {
            rt.sleep(SECOND).await;
        }
        assert!(job.cancel().await.unwrap_err().is_cancelled());
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn completion_wins_over_cancellation() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 1);
        let job = tasks.submit("quick", async { 5 });
        tasks.idle().await;
        assert_eq!(job.cancel().await.unwrap(), 5);
        // Cancelled from inside its last poll: it completes all the same.
        let slot = Arc::new(Mutex::new(None::<Job<u32>>));
        let own = slot.clone();
        let job = tasks.submit("cancels itself", async move {
            let job = own.lock().take().expect("put there before it runs");
            drop(job.cancel());
            6
        });
        let id = job.id();
        *slot.lock() = Some(job);
        let reports = tasks.run_all().await;
        assert_eq!(reports.iter().find(|report| report.id == id).unwrap().status, Status::Completed);
    });
}

#[test]
fn a_panic_is_a_failure_of_its_task_alone() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 1);
        let (bad, good) =
            (tasks.submit("bad", async { panic!("boom") }), tasks.submit("good", sleeper(&rt, 1)));
        let Err(JoinError::Panicked(panic)) = bad.await else { panic!("it panicked") };
        assert_eq!((panic.task(), panic.message().as_str()), ("bad", "boom"));
        assert_eq!(good.await.unwrap(), 1);
        let report = &tasks.reports()[0];
        assert_eq!((report.status, report.errors.concat()), (Status::Failed, "panicked: boom".to_owned()));
    });
}

#[test]
fn on_failure_cancel_all_cancels_the_others_and_says_why() {
    testing::run(1, |rt| async move {
        let config = Config { concurrency: 2, on_failure: OnFailure::CancelAll, ..Config::default() };
        let tasks = TaskManager::new(&rt, config).unwrap();
        let running = tasks.submit("running", future::pending::<()>());
        tasks.submit("bad", async { panic!("boom") });
        let pending = tasks.submit("pending", async {});
        assert!(running.await.unwrap_err().is_cancelled());
        let report = pending.report();
        assert!(pending.await.unwrap_err().is_cancelled());
        assert_eq!(report.errors, ["cancelled because `bad` failed"]);
        assert_eq!(tasks.submit("later", async { 1 }).await.unwrap(), 1, "those that come later run");
    });
}

#[derive(Debug, thiserror::Error)]
#[error("could not save")]
struct SaveError(#[source] fmt::Error);

#[test]
fn an_error_is_a_failure_with_its_chain() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 1);
        let job = tasks.submit_fallible("save", async { Err::<(), _>(SaveError(fmt::Error)) });
        assert!(job.await.unwrap().is_err(), "the error is the caller's to have");
        let report = &tasks.reports()[0];
        assert_eq!(report.status, Status::Failed);
        assert_eq!(report.errors, ["could not save", &fmt::Error.to_string()]);
    });
}

#[test]
fn time_limits_end_what_waits_or_runs_too_long() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 1);
        let slow = tasks.submit(Spec::new("slow").run_timeout(2 * SECOND), future::pending::<()>());
        let impatient = tasks.submit(Spec::new("impatient").queue_timeout(SECOND), async {});
        let patient = tasks.submit(Spec::new("patient").queue_timeout(3 * SECOND), async {});
        let start = rt.now();
        let error = impatient.await.unwrap_err();
        assert_eq!(rt.now() - start, SECOND);
        assert!(
            matches!(error, JoinError::TimedOut { phase: TaskPhase::Queued, limit: SECOND, .. }),
            "{error}"
        );
        let error = slow.await.unwrap_err();
        assert_eq!(rt.now() - start, 2 * SECOND);
        assert!(matches!(error, JoinError::TimedOut { phase: TaskPhase::Running, .. }), "{error}");
        patient.await.unwrap();
        assert_eq!(tasks.stats().timed_out, 2);
    });
}

#[test]
fn a_later_task_with_an_earlier_queue_limit_expires_first() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 1);
        tasks.submit("busy", future::pending::<()>());
        let start = rt.now();
        let long = tasks.submit(Spec::new("long").queue_timeout(9 * SECOND), async {});
        rt.sleep(SECOND).await;
        let short = tasks.submit(Spec::new("short").queue_timeout(SECOND), async {});
        assert!(short.await.unwrap_err().is_timed_out());
        assert_eq!(rt.now() - start, 2 * SECOND);
        assert!(long.await.unwrap_err().is_timed_out());
        assert_eq!(rt.now() - start, 9 * SECOND);
    });
}

#[test]
fn dropping_the_manager_cancels_all_it_owns() {
    for_each_seed(0..30, |rt| async move {
        let tasks = manager(&rt, 2);
        let alive = Arc::new(AtomicUsize::new(0));
        let jobs: Vec<_> = (0..6)
            .map(|_| {
                let guard = Alive::new(&alive);
                tasks.submit(Spec::new("task").queue_timeout(60 * SECOND), async move {
                    let _guard = guard;
                    future::pending::<()>().await;
                })
            })
            .collect();
        let submitter = tasks.submitter();
        drop(tasks);
        for job in jobs {
            assert!(job.await.unwrap_err().is_cancelled());
        }
        assert_eq!(alive.load(Ordering::Relaxed), 0, "nothing outlives it");
        let late = submitter.submit("late", async {}).await.unwrap_err();
        assert!(matches!(late, JoinError::Rejected { reason: Rejection::ShutDown, .. }), "{late}");
    });
}

#[test]
fn dropping_a_job_lets_its_task_run() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 1);
        let done = Arc::new(AtomicBool::new(false));
        let flag = done.clone();
        drop(tasks.submit("task", async move { flag.store(true, Ordering::Relaxed) }));
        tasks.run_all().await;
        assert!(done.load(Ordering::Relaxed));
    });
}

#[test]
fn run_with_timeout_cancels_what_is_left_and_only_its_own() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 2);
        let foreign = rt.spawn("foreign", sleeper(&rt, 60));
        for seconds in [1, 9, 2, 9] {
            tasks.submit("task", sleeper(&rt, seconds));
        }
        let reports = tasks.run_with_timeout(5 * SECOND).await;
        let statuses: Vec<_> = reports.iter().map(|report| report.status).collect();
        use Status::{Cancelled, Completed};
        assert_eq!(statuses, [Completed, Cancelled, Completed, Cancelled], "in order of submission");
        assert_eq!(foreign.await.unwrap(), 60);
    });
}

#[test]
fn shutdown_drains_then_cancels_and_accepts_no_more() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 1);
        let (quick, slow) = (tasks.submit("quick", sleeper(&rt, 1)), tasks.submit("slow", sleeper(&rt, 60)));
        let start = rt.now();
        let stats = tasks.shutdown(5 * SECOND).await;
        assert_eq!((rt.now() - start, stats.completed, stats.cancelled), (5 * SECOND, 1, 1));
        assert_eq!(quick.await.unwrap(), 1);
        assert!(slow.await.unwrap_err().is_cancelled());
        assert!(tasks.submit("late", async {}).await.is_err());
        assert_eq!(tasks.stats().rejected, 1);
    });
}

#[test]
fn the_last_to_wait_is_told_when_all_wait_for_what_cannot_start() {
    for_each_seed(0..50, |rt| async move {
        let tasks = manager(&rt, 2);
        let submitter = tasks.submitter();
        let parents: Vec<_> = (0..2)
            .map(|number| {
                let submitter = submitter.clone();
                tasks.submit(format!("parent {number}"), async move {
                    let child = submitter.submit("child", async { "done" });
                    child.await.map_err(|error| matches!(error, JoinError::WouldDeadlock { .. }))
                })
            })
            .collect();
        let outcomes = future::join_all(parents).await;
        let mut refused: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
        refused.sort_unstable();
        assert_eq!(
            refused,
            [Ok("done"), Err(true)],
            "one is told, which frees its slot for the other's child"
        );
        assert_eq!(tasks.run_all().await.len(), 4, "both children ran");
    });
}

#[test]
fn a_deadlock_that_comes_from_lowering_the_bound_is_found() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 2);
        let submitter = tasks.submitter();
        tasks.submit("busy", sleeper(&rt, 5));
        let parent =
            tasks.submit("parent", async move { submitter.submit("child", async {}).await.is_err() });
        rt.sleep(SECOND).await;
        // From now on `parent` alone fills the bound, and what it waits for cannot start.
        tasks.set_concurrency(1).unwrap();
        assert!(parent.await.unwrap());
    });
}

#[test]
fn a_task_that_awaits_its_own_job_is_told() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 2);
        let slot = Arc::new(Mutex::new(None::<Job<bool>>));
        let own = slot.clone();
        let job = tasks.submit("narcissus", async move {
            let job = own.lock().take().expect("put there before it runs");
            matches!(job.await, Err(JoinError::WouldDeadlock { .. }))
        });
        let id = job.id();
        *slot.lock() = Some(job);
        let reports = tasks.run_all().await;
        assert_eq!((reports[0].id, reports[0].status), (id, Status::Completed));
    });
}

#[test]
fn awaiting_a_job_from_outside_or_of_another_manager_is_no_deadlock() {
    testing::run(1, |rt| async move {
        let (outer, inner) = (manager(&rt, 1), manager(&rt, 1));
        inner.submit("busy", sleeper(&rt, 1));
        let job = inner.submit("inner", async { 3 });
        assert_eq!(outer.submit("outer", async move { job.await.unwrap() }).await.unwrap(), 3);
    });
}

#[test]
fn a_full_queue_rejects_or_makes_wait() {
    testing::run(1, |rt| async move {
        let tasks =
            TaskManager::new(&rt, Config { concurrency: 1, pending_max: 1, ..Config::default() }).unwrap();
        tasks.submit("running", sleeper(&rt, 1));
        tasks.submit("queued", sleeper(&rt, 1));
        let error = tasks.submit("too much", async {}).await.unwrap_err();
        assert!(
            matches!(error, JoinError::Rejected { reason: Rejection::Full { queued: 1 }, .. }),
            "{error}"
        );
        let start = rt.now();
        let patient = tasks.reserve(0).await.submit("patient", async {});
        assert_eq!(patient.status(), Status::Pending);
        assert_eq!(rt.now() - start, SECOND);
        tasks.run_all().await;
        let stats = tasks.stats();
        assert_eq!((stats.completed, stats.rejected), (3, 1));
    });
}

#[test]
fn a_dropped_wait_for_room_gives_its_place_to_the_next() {
    let points = DropPoints::new(0..20).run(
        |rt| async move {
            let tasks = TaskManager::new(&rt, Config { concurrency: 1, pending_max: 1, ..Config::default() });
            let tasks = Arc::new(tasks.unwrap());
            tasks.submit("running", sleeper(&rt, 1));
            tasks.submit("queued", future::pending::<()>());
            // One that waits behind the one which is dropped, and must not wait for ever.
            let (submitter, delay) = (tasks.submitter(), rt.clone());
            let behind = rt.spawn("behind", async move {
                delay.sleep(SECOND / 2).await;
                submitter.reserve(0).await.submit("behind", async {}).status()
            });
            (tasks, Arc::new(Mutex::new(Some(behind))))
        },
        |_rt, (tasks, _)| async move {
            let job = tasks.reserve(0).await.submit("dropped", async {});
            drop(job.cancel().await);
        },
        |rt, (tasks, behind)| async move {
            let behind = behind.lock().take().expect("checked once");
            let status = rt.timeout(60 * SECOND, behind).await.expect("there is a way in");
            assert_eq!(status.expect("no panic"), Status::Pending);
            assert_eq!(tasks.stats().rejected, 0);
        },
    );
    assert!(points >= 60, "{points}");
}

#[test]
fn a_reservation_that_is_not_used_goes_to_the_next() {
    testing::run(1, |rt| async move {
        let tasks =
            TaskManager::new(&rt, Config { concurrency: 1, pending_max: 1, ..Config::default() }).unwrap();
        tasks.submit("running", future::pending::<()>());
        let unused = tasks.reserve(0).await;
        assert!(tasks.submit("overtaking", async {}).await.is_err(), "the place is kept");
        let next = tasks.reserve(0);
        let (next, ()) = future::join(next, async move {
            rt.sleep(SECOND).await;
            drop(unused);
        })
        .await;
        assert_eq!(next.submit_fallible("next", async { Ok::<_, fmt::Error>(()) }).status(), Status::Pending);
    });
}

#[test]
fn the_queue_stays_within_its_bound_however_many_wait_for_room() {
    for_each_seed(0..20, |rt| async move {
        let config = Config { concurrency: 3, pending_max: 1, ..Config::default() };
        let tasks = Arc::new(TaskManager::new(&rt, config).unwrap());
        let waiting: Vec<_> = (0..20)
            .map(|number| {
                let (tasks, inner) = (tasks.clone(), rt.clone());
                rt.spawn("waiting", async move {
                    drop(tasks.reserve(0).await.submit("task", sleeper(&inner, number % 3)));
                })
            })
            .collect();
        while tasks.stats().completed < 20 {
            let stats = tasks.stats();
            assert!(stats.pending <= 1 && stats.running <= 3, "{stats:?}");
            rt.sleep(SECOND / 7).await;
        }
        future::join_all(waiting).await;
        assert_eq!(tasks.stats().rejected, 0);
    });
}

#[test]
fn waiting_for_room_ends_when_the_manager_does() {
    testing::run(1, |rt| async move {
        let tasks =
            TaskManager::new(&rt, Config { concurrency: 1, pending_max: 1, ..Config::default() }).unwrap();
        tasks.submit("running", future::pending::<()>());
        tasks.submit("queued", async {});
        let submitter = tasks.submitter();
        let waiting =
            rt.spawn("waiting", async move { submitter.reserve(0).await.submit("late", async {}).await });
        rt.sleep(SECOND).await;
        drop(tasks);
        let error = waiting.await.unwrap().unwrap_err();
        assert!(matches!(error, JoinError::Rejected { reason: Rejection::ShutDown, .. }), "{error}");
    });
}

#[test]
fn every_drop_point_of_the_waits_leaves_a_manager_that_works() {
    let setup = |rt: Rt| async move {
        let tasks = Arc::new(manager(&rt, 1));
        tasks.submit("a", sleeper(&rt, 1));
        tasks.submit("b", sleeper(&rt, 1));
        tasks
    };
    let check = |rt: Rt, tasks: Arc<TaskManager>| async move {
        let job = tasks.submit("after", sleeper(&rt, 1));
        if tasks.stats().rejected == 0 {
            assert_eq!(job.await.unwrap(), 1);
        }
        assert_eq!(rt.timeout(60 * SECOND, tasks.idle()).await, Ok(()));
        let stats = tasks.stats();
        assert_eq!((stats.pending, stats.running), (0, 0));
    };
    let points = [
        DropPoints::new(0..5).run(setup, |_, tasks| async move { tasks.run_all().await.len() }, check),
        DropPoints::new(0..5).run(
            setup,
            |_, tasks| async move { drop(tasks.run_with_timeout(SECOND * 3 / 2).await) },
            check,
        ),
        DropPoints::new(0..5).run(
            setup,
            |_, tasks| async move { tasks.shutdown(SECOND * 3 / 2).await },
            check,
        ),
        DropPoints::new(0..5).run(
            setup,
            |_, tasks| async move { tasks.submit("c", async {}).await.is_ok() },
            check,
        ),
        DropPoints::new(0..5).run(
            setup,
            |_, tasks| async move { tasks.submit("c", async {}).cancel().await.is_ok() },
            check,
        ),
        DropPoints::new(0..5).run(
            setup,
            |_, tasks| async move {
                let events = tasks.events();
                events.take(3).collect::<Vec<_>>().await
            },
            check,
        ),
    ];
    assert!(points.iter().all(|points| *points >= 5), "{points:?}");
}

#[test]
fn events_tell_each_step_once_and_in_order_and_end() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 1);
        let events = tasks.events();
        tasks.submit("a", sleeper(&rt, 1));
        tasks.submit("b", async { panic!("boom") });
        drop(tasks.submit("c", async {}).cancel());
        tasks.shutdown(9 * SECOND).await;
        let told: Vec<_> = events
            .map(|event| match event {
                Event::Changed { name, status, .. } => format!("{name} {status}"),
                Event::Missed(_) => "missed".to_owned(),
            })
            .collect()
            .await;
        let expected = ["a pending", "a running", "b pending", "c pending", "c cancelled"];
        assert_eq!(told, [&expected[..], &["a completed", "b running", "b failed"]].concat());
    });
}

#[test]
fn a_slow_reader_of_events_is_told_what_it_missed() {
    testing::run(1, |rt| async move {
        let tasks = TaskManager::new(&rt, Config { events_max: 4, ..Config::default() }).unwrap();
        let mut events = tasks.events();
        for _ in 0..10 {
            tasks.submit("task", async {});
        }
        tasks.run_all().await;
        assert_eq!(events.next().await, Some(Event::Missed(26)));
        assert_eq!(std::iter::from_fn(|| events.next().now_or_never()).count(), 4);
    });
}

#[test]
fn a_destructor_may_use_the_manager() {
    struct Submits(super::super::Submitter);
    impl Drop for Submits {
        fn drop(&mut self) {
            self.0.submit("from a destructor", async {});
        }
    }
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 1);
        let submits = Submits(tasks.submitter());
        tasks.submit("running", async move { drop(submits) });
        let submits = Submits(tasks.submitter());
        let pending = tasks.submit("pending", async move { drop(submits) });
        drop(pending.cancel());
        assert_eq!(tasks.run_all().await.len(), 4);
    });
}

#[test]
fn a_destructor_may_look_at_tasks_that_end_with_its_own() {
    struct Looks(Job<()>, Arc<Mutex<Vec<Status>>>);
    struct TakesOnDrop(Arc<Mutex<Option<Looks>>>);
    impl Drop for TakesOnDrop {
        fn drop(&mut self) {
            let looks = self.0.lock().take();
            drop(looks);
        }
    }
    impl Drop for Looks {
        fn drop(&mut self) {
            self.1.lock().push(self.0.status());
        }
    }
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 1);
        tasks.submit("running", future::pending::<()>());
        let seen = Arc::new(Mutex::new(Vec::new()));
        for _ in 0..2 {
            // Put behind the one that looks at it, so that it is gone later.
            let later = tasks.submit(Spec::new("later"), future::pending());
            let looks = Looks(later, seen.clone());
            tasks.submit("looks", async move { drop(looks) });
        }
        let slot = Arc::new(Mutex::new(None));
        let own = slot.clone();
        let on_drop = TakesOnDrop(own);
        *slot.lock() = Some(Looks(tasks.submit("itself", async move { drop(on_drop) }), seen.clone()));
        tasks.cancel_all();
        assert_eq!(*seen.lock(), [Status::Cancelled; 3]);
    });
}

#[test]
fn a_destructor_that_panics_is_reported_by_the_name_of_its_task() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("boom");
        }
    }
    for run in [true, false] {
        let ended = testing::try_run(1, |rt| async move {
            let tasks = manager(&rt, 1);
            tasks.set_concurrency(usize::from(run)).unwrap();
            let bomb = Bomb;
            tasks.submit("carrier", async move {
                let _bomb = bomb;
                future::pending::<()>().await;
            });
            rt.sleep(SECOND).await;
            tasks.cancel_all();
            tasks.idle().await;
            rt.sleep(SECOND).await;
        });
        let reason = ended.expect_err("a panic nobody saw").reason;
        let (task, message) = ("carrier".to_owned(), "boom".to_owned());
        assert_eq!(reason, StopReason::Panicked { task, message });
    }
}

#[test]
fn who_was_helped_out_of_a_deadlock_in_time_is_not_told_of_one_later() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 2);
        let (help, helped) = oneshot::channel();
        let busy = sleeper(&rt, 5);
        tasks.submit("busy", async move {
            busy.await;
            help.send(()).unwrap();
        });
        let (submitter, inner) = (tasks.submitter(), rt.clone());
        let parent = tasks.submit("parent", async move {
            let child = submitter.submit("child", async {});
            drop(future::select(helped, child).await);
            inner.sleep(2 * SECOND).await;
            submitter.submit("next", sleeper(&inner, 1)).await
        });
        rt.sleep(SECOND).await;
        // When `busy` ends, `parent` alone fills the bound and waits for what cannot start; but `busy` has helped it.
        tasks.set_concurrency(1).unwrap();
        rt.sleep(5 * SECOND).await;
        tasks.set_concurrency(2).unwrap();
        assert_eq!(parent.await.unwrap().unwrap(), 1);
    });
}

#[test]
fn a_report_says_when_and_how_often() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 1);
        tasks.submit("first", sleeper(&rt, 2));
        let job = tasks.submit(Spec::new("second").priority(-1), sleeper(&rt, 3));
        assert_eq!((job.report().attempts, job.report().queue_wait()), (0, None));
        tasks.idle().await;
        let report = job.report();
        assert_eq!((report.queue_wait(), report.run_time()), (Some(2 * SECOND), Some(3 * SECOND)));
        assert_eq!((report.attempts, report.priority, report.name.as_ref()), (1, -1, "second"));
    });
}

#[test]
fn a_task_that_went_on_without_what_it_waited_for_does_not_count_as_waiting() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 2);
        let (submitter, inner) = (tasks.submitter(), rt.clone());
        tasks.submit("impatient", async move {
            let child = submitter.submit(Spec::new("child").priority(-9), async {});
            assert!(inner.timeout(SECOND, child).await.is_err(), "it cannot start yet");
            inner.sleep(9 * SECOND).await;
        });
        let (submitter, inner) = (tasks.submitter(), rt.clone());
        let patient = tasks.submit("patient", async move {
            inner.sleep(2 * SECOND).await;
            submitter.submit("child", async { "done" }).await.unwrap()
        });
        assert_eq!(patient.await.unwrap(), "done");
    });
}

#[test]
fn idle_is_told_when_the_last_pending_task_is_cancelled() {
    testing::run(1, |rt| async move {
        let tasks = Arc::new(manager(&rt, 1));
        tasks.set_concurrency(0).unwrap();
        let job = tasks.submit("pending", async {});
        let waiter = rt.spawn("waiter", {
            let tasks = tasks.clone();
            async move { tasks.idle().await }
        });
        rt.sleep(SECOND).await;
        drop(job.cancel());
        waiter.await.unwrap();
    });
}

#[test]
fn tasks_end_with_their_runtime() {
    let (tasks, running, pending) = testing::run(1, |rt| async move {
        let tasks = manager(&rt, 1);
        let running = tasks.submit("running", future::pending::<()>());
        let pending = tasks.submit("pending", async {});
        rt.sleep(SECOND).await;
        (tasks, running, pending)
    });
    assert_eq!(running.status(), Status::Cancelled);
    assert!(running.now_or_never().expect("it has ended").unwrap_err().is_cancelled());
    assert_eq!(pending.report().errors, ["its runtime has ended"]);
    assert_eq!(tasks.stats().cancelled, 2);
}

#[test]
fn many_running_tasks_end_with_their_runtime_without_looking_at_each_other() {
    // It takes no time; it took half a minute when each of them looked at all the others.
    let tasks = testing::run(1, |rt| async move {
        let tasks = manager(&rt, 20_000);
        for _ in 0..20_000 {
            tasks.submit("task", future::pending::<()>());
        }
        rt.sleep(SECOND).await;
        tasks
    });
    assert_eq!(tasks.stats().cancelled, 20_000);
}

#[test]
fn many_tasks_that_end_with_their_runtime_need_no_stack() {
    let tasks = testing::run(1, |rt| async move {
        let tasks = manager(&rt, 1);
        for _ in 0..100_000 {
            drop(tasks.submit("task", future::pending::<()>()));
        }
        rt.sleep(SECOND).await;
        tasks
    });
    assert_eq!(tasks.stats().cancelled, 100_000);
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

#[test]
fn a_result_that_nobody_takes_is_gone_when_the_manager_is_idle() {
    for_each_seed(0..20, |rt| async move {
        let tasks = manager(&rt, 2);
        let alive = Arc::new(AtomicUsize::new(0));
        for _ in 0..5 {
            let (result, rt) = (Alive::new(&alive), rt.clone());
            drop(tasks.submit("task", async move {
                rt.sleep(SECOND).await;
                result
            }));
        }
        tasks.idle().await;
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_task_can_be_cancelled_by_its_number() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 1);
        drop(tasks.submit("running", future::pending::<()>()));
        drop(tasks.submit("pending", future::pending::<()>()));
        for report in tasks.reports() {
            assert!(tasks.cancel(report.id));
        }
        tasks.idle().await;
        let reports = tasks.reports();
        assert!(reports.iter().all(|report| report.status == Status::Cancelled), "{reports:?}");
        assert!(!tasks.cancel(reports[0].id), "it has ended");
    });
}
