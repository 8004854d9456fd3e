//! How tasks run and end.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{
    SinkExt, StreamExt,
    channel::{mpsc, oneshot},
};

use super::{
    Case,
    pair::{OnDrop, panic_quietly},
};
use crate::rt::{JoinError, Rt, yield_now};

pub(super) const CASES: &[Case] = &[
    case!(a_task_gives_its_value),
    case!(a_task_starts_before_it_is_awaited),
    case!(a_panic_comes_back_with_its_message),
    case!(a_panic_harms_no_other_task),
    case!(a_dropped_task_is_cancelled),
    case!(cancel_returns_after_the_destructor),
    case!(a_finished_task_keeps_its_value_through_a_cancel),
    case!(a_dropped_cancel_is_not_revoked),
    case!(a_task_that_cancels_itself_gets_an_error),
    case!(a_detached_task_runs_on),
    case!(a_hundred_thousand_tasks_all_run),
    case!(no_wake_is_lost),
    case!(a_task_that_yields_lets_others_run),
];

async fn a_task_gives_its_value(rt: Rt) {
    assert_eq!(rt.spawn("value", async { 6 * 7 }).await.expect("it ends well"), 42);
}

async fn a_task_starts_before_it_is_awaited(rt: Rt) {
    let (started, has_started) = oneshot::channel();
    let task = rt.spawn("starter", async move {
        let _ = started.send(());
        pending::<()>().await;
    });
    has_started.await.expect("the task runs although nobody awaits it");
    drop(task);
}

async fn a_panic_comes_back_with_its_message(rt: Rt) {
    let task = rt.spawn("panics", async { panic_quietly("overboard") });
    let error: JoinError = task.await.expect_err("a panic is an error");
    let JoinError::Panicked(panic) = error else { panic!("not a panic: {error}") };
    assert_eq!((panic.task(), panic.message().as_str()), ("panics", "overboard"));
}

async fn a_panic_harms_no_other_task(rt: Rt) {
    let (release, released) = oneshot::channel::<()>();
    let waiting = rt.spawn("waits", async move { released.await.is_ok() });
    for _ in 0..100 {
        let panicked = rt.spawn("panics", async { panic_quietly("overboard") }).await;
        assert!(matches!(panicked, Err(JoinError::Panicked(_))));
    }
    release.send(()).expect("the other task lives");
    assert!(waiting.await.expect("the other task ends well"));
    assert_eq!(rt.spawn("later", async { 1 }).await.expect("new tasks run"), 1);
}

async fn a_dropped_task_is_cancelled(rt: Rt) {
    let (mut gone, mut is_gone) = mpsc::channel(1);
    let (started, has_started) = oneshot::channel();
    let task = rt.spawn("endless", async move {
        let _guard = OnDrop(move || drop(gone.try_send(())));
        let _ = started.send(());
        pending::<()>().await;
    });
    has_started.await.expect("it starts");
    drop(task);
    is_gone.next().await.expect("its destructor runs");
}

async fn cancel_returns_after_the_destructor(rt: Rt) {
    for _ in 0..100 {
        let destroyed = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&destroyed);
        let (started, has_started) = oneshot::channel();
        let task = rt.spawn("endless", async move {
            // A destructor that takes its time, so that a cancel that does not wait for it is found out.
            let _guard = OnDrop(move || {
                (0..5000).for_each(|_| std::hint::spin_loop());
                destroyed.store(true, Ordering::Release);
            });
            let _ = started.send(());
            pending::<()>().await;
        });
        has_started.await.expect("it starts");
        assert!(task.cancel().await.expect_err("it was cancelled").is_cancelled());
        assert!(seen.load(Ordering::Acquire), "`cancel` returned before the destructor had run");
    }
}

async fn a_finished_task_keeps_its_value_through_a_cancel(rt: Rt) {
    let task = rt.spawn("value", async { 5 });
    while !task.is_finished() {
        yield_now().await;
    }
    assert_eq!(task.cancel().await.expect("completion wins"), 5);
}

async fn a_dropped_cancel_is_not_revoked(rt: Rt) {
    let (mut gone, mut is_gone) = mpsc::channel(1);
    let task = rt.spawn("endless", async move {
        let _guard = OnDrop(move || drop(gone.try_send(())));
        pending::<()>().await;
    });
    drop(task.cancel());
    // Cancelled before its first poll the guard was never made; then the channel just closes.
    is_gone.next().await;
}

async fn a_task_that_cancels_itself_gets_an_error(rt: Rt) {
    let (give, take) = oneshot::channel::<crate::rt::Task<()>>();
    let (mut tell, mut told) = mpsc::channel(1);
    let task = rt.spawn("self", async move {
        let own = take.await.expect("it is given its own handle");
        let end = own.cancel().await;
        let _ = tell.try_send(matches!(end, Err(JoinError::WouldDeadlock { .. })));
        pending::<()>().await;
    });
    give.send(task).expect("it waits for it");
    assert_eq!(told.next().await, Some(true));
    assert_eq!(told.next().await, None, "it ends at its next await");
}

async fn a_detached_task_runs_on(rt: Rt) {
    let (done, is_done) = oneshot::channel();
    rt.spawn("detached", async move {
        for _ in 0..10 {
            yield_now().await;
        }
        let _ = done.send(());
    })
    .detach();
    is_done.await.expect("it runs to its end");
}

async fn a_hundred_thousand_tasks_all_run(rt: Rt) {
    const TASKS: u64 = 100_000;
    let one = |n| async move {
        yield_now().await;
        n
    };
    let tasks: Vec<_> = (0..TASKS).map(|n| rt.spawn("one of many", one(n))).collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await.expect("each ends well");
    }
    assert_eq!(sum, TASKS * (TASKS - 1) / 2);
}

async fn no_wake_is_lost(rt: Rt) {
    const TURNS: u32 = 10_000;
    let (mut ping, mut pinged) = mpsc::channel::<u32>(0);
    let (mut pong, mut ponged) = mpsc::channel::<u32>(0);
    let player = rt.spawn("player", async move {
        while let Some(n) = pinged.next().await {
            pong.send(n + 1).await.expect("the other one listens");
        }
    });
    let other = rt.spawn("other player", async move {
        for n in 0..TURNS {
            ping.send(n).await.expect("the player listens");
            assert_eq!(ponged.next().await, Some(n + 1));
        }
    });
    other.await.expect("each turn comes");
    player.await.expect("the player ends with it");
}

async fn a_task_that_yields_lets_others_run(rt: Rt) {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let busy = rt.spawn("busy", async move {
        while !stopped.load(Ordering::Acquire) {
            yield_now().await;
        }
    });
    rt.spawn("stops it", async move { stop.store(true, Ordering::Release) }).await.expect("it gets its turn");
    busy.await.expect("it sees the flag");
}
