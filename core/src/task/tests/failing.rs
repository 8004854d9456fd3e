//! Panics, errors and time limits.

use std::fmt;

use futures::future;

use super::{
    super::{Config, OnFailure, Spec, Status, TaskManager},
    SECOND, manager, sleeper,
};
use crate::{
    rt::{JoinError, TaskPhase},
    testing::{self, StopReason},
};

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
