//! Jobs on threads that may block.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc as std_mpsc,
    },
    time::Duration,
};

use futures::channel::oneshot;

use super::{
    Case,
    bytes::poll_once,
    pair::{Living, panic_quietly},
};
use crate::rt::{JoinError, Rt, yield_now};

pub(super) const CASES: &[Case] = &[
    case!(a_blocking_job_gives_its_value),
    case!(a_panic_in_a_blocking_job_comes_back),
    case!(a_thousand_blocking_jobs_all_run),
    case!(a_blocking_job_can_spawn_a_task),
    case!(a_cancelled_blocking_job_runs_now_or_never),
    case!(a_running_blocking_job_is_waited_for_by_cancel, BlockingThreads),
    case!(a_blocking_job_holds_up_no_task, BlockingThreads),
];

/// How long a thread blocks at most, in real time: a runtime that runs jobs in place fails, and does not hang.
const PATIENCE: Duration = Duration::from_secs(20);

async fn a_blocking_job_gives_its_value(rt: Rt) {
    assert_eq!(rt.spawn_blocking("value", || 6 * 7).await.expect("it ends well"), 42);
}

async fn a_panic_in_a_blocking_job_comes_back(rt: Rt) {
    let error = rt.spawn_blocking("panics", || panic_quietly("overboard")).await.err();
    let Some(JoinError::Panicked(panic)) = error else { panic!("not a panic: {error:?}") };
    assert_eq!((panic.task(), panic.message().as_str()), ("panics", "overboard"));
    assert_eq!(rt.spawn_blocking("later", || 1).await.expect("new jobs run"), 1);
}

async fn a_thousand_blocking_jobs_all_run(rt: Rt) {
    let jobs: Vec<_> = (0..1000).map(|n| rt.spawn_blocking("one of many", move || n)).collect();
    for (n, job) in jobs.into_iter().enumerate() {
        assert_eq!(job.await.expect("each ends well"), n);
    }
}

async fn a_blocking_job_can_spawn_a_task(rt: Rt) {
    let spawner = rt.clone();
    let task = rt.spawn_blocking("spawns", move || spawner.spawn("spawned by a job", async { 5 }));
    assert_eq!(task.await.expect("the job ends well").await.expect("the task ends well"), 5);
}

async fn a_cancelled_blocking_job_runs_now_or_never(rt: Rt) {
    let living = Living::default();
    let runs = Arc::new(AtomicUsize::new(0));
    let mut ended_well = 0;
    for _ in 0..100 {
        let (alive, counted) = (living.one(), Arc::clone(&runs));
        let job = rt.spawn_blocking("cancelled at once", move || {
            let _alive = alive;
            counted.fetch_add(1, Ordering::SeqCst);
        });
        match job.cancel().await {
            Ok(()) => ended_well += 1,
            Err(error) => assert!(error.is_cancelled(), "{error}"),
        }
        assert_eq!(living.count(), 0, "what the job held is gone once `cancel` returns");
    }
    // By then, a job that was removed and runs all the same would have had its turn.
    rt.spawn_blocking("last", || ()).await.expect("it ends well");
    assert_eq!(runs.load(Ordering::SeqCst), ended_well, "a job that `cancel` removed must not run");
}

async fn a_running_blocking_job_is_waited_for_by_cancel(rt: Rt) {
    let (started, has_started) = oneshot::channel();
    let (release, released) = std_mpsc::channel::<()>();
    let job = rt.spawn_blocking("blocks", move || {
        let _ = started.send(());
        released.recv_timeout(PATIENCE).is_ok()
    });
    has_started.await.expect("it starts");
    let mut cancel = job.cancel();
    for _ in 0..10 {
        assert!(poll_once(&mut cancel).await.is_pending(), "`cancel` returned while the job ran");
        yield_now().await;
    }
    release.send(()).expect("it waits");
    assert!(cancel.await.expect("it ran to its end: completion wins"));
}

async fn a_blocking_job_holds_up_no_task(rt: Rt) {
    let (release, released) = std_mpsc::channel::<()>();
    let ran = Arc::new(AtomicBool::new(false));
    let job = rt.spawn_blocking("blocks", move || released.recv_timeout(PATIENCE).is_ok());
    let (sleeper, flag) = (rt.clone(), Arc::clone(&ran));
    let task = rt.spawn("runs meanwhile", async move {
        sleeper.sleep(Duration::from_millis(1)).await;
        flag.store(true, Ordering::SeqCst);
        let _ = release.send(());
    });
    assert!(job.await.expect("the job ends well"), "the task released it");
    task.await.expect("the task ends well");
    assert!(ran.load(Ordering::SeqCst));
}
