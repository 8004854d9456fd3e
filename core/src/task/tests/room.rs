//! A full queue, and waiting for a place in it.

use std::{fmt, sync::Arc};

use futures::future;
use parking_lot::Mutex;

use super::{
    super::{Config, Status, TaskManager},
    SECOND, sleeper,
};
use crate::{
    rt::{JoinError, Rejection},
    testing::{self, DropPoints, for_each_seed},
};

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
