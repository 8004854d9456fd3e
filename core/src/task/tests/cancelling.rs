//! Cancelling, from wherever and whenever.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use futures::{StreamExt, future};
use parking_lot::Mutex;

use super::{
    super::{Config, Job, Spec, Status, TaskManager},
    Alive, SECOND, manager, sleeper,
};
use crate::{
    rt::Rt,
    testing::{self, DropPoints, for_each_seed},
};

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
