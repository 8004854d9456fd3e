//! The end of a manager, and of its runtime.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures::{FutureExt, future};

use super::{
    super::{Spec, Status},
    Alive, SECOND, manager, sleeper,
};
use crate::{
    rt::{JoinError, Rejection},
    testing::{self, for_each_seed},
};

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
