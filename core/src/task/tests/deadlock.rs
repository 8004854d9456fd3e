//! Tasks that wait for each other.

use std::sync::Arc;

use futures::{channel::oneshot, future};
use parking_lot::Mutex;

use super::{
    super::{Job, Spec, Status},
    SECOND, manager, sleeper,
};
use crate::{
    rt::JoinError,
    testing::{self, for_each_seed},
};

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
fn a_task_that_holds_a_job_and_waits_for_something_else_does_not_count_as_waiting() {
    testing::run(1, |rt| async move {
        let tasks = manager(&rt, 2);
        let (submitter, inner) = (tasks.submitter(), rt.clone());
        tasks.submit("busy", async move {
            let mut child = submitter.submit(Spec::new("child").priority(-9), async {});
            assert!(inner.timeout(SECOND, &mut child).await.is_err(), "it cannot start yet");
            // From its next poll on it waits for these, and for the child no more.
            inner.sleep(SECOND / 2).await;
            inner.sleep(9 * SECOND).await;
            assert!(matches!(child.await, Err(JoinError::WouldDeadlock { .. })));
        });
        let (submitter, inner) = (tasks.submitter(), rt.clone());
        let patient = tasks.submit("patient", async move {
            inner.sleep(2 * SECOND).await;
            submitter.submit("child", async { "done" }).await
        });
        // At 2 s `busy` sleeps, so `patient` may wait. At 10.5 s `busy` waits, too, and is the last to do so.
        assert_eq!(patient.await.unwrap().unwrap(), "done");
    });
}
