//! What is left when the run has returned: nothing.

use std::{
    future::{Future, pending, poll_fn},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures::{AsyncReadExt, FutureExt, channel::oneshot};
use parking_lot::Mutex;

use super::{
    After, Case,
    pair::{ANY_PORT, Living, OnDrop, address, listen, pair, panic_quietly},
    transfer::write_counted,
};
use crate::rt::{Address, Rt, yield_now};

pub(super) const CASES: &[Case] = &[
    case_with_after!(every_destructor_has_run),
    case_with_after!(tasks_that_wait_for_each_other_end),
    case_with_after!(tasks_that_never_had_a_turn_end),
    case_with_after!(tasks_that_never_wait_end, RealTime),
    case_with_after!(what_a_destructor_spawns_is_dropped),
    case_with_after!(a_destructor_that_panics_harms_nothing, SurvivesUnobservedPanics),
    case_with_after!(a_job_in_the_queue_is_called_or_dropped),
    case_with_after!(a_task_spawned_after_the_end_is_dropped_at_once),
    case_with_after!(a_handle_that_outlives_its_runtime_panics_nowhere),
    case_with_after!(a_waker_that_outlives_its_runtime_does_no_harm),
];

const HOUR: Duration = Duration::from_secs(3600);

/// Spawns a task that is counted as living until it is dropped, and lets it begin.
async fn start<F>(rt: &Rt, living: &Living, future: F)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let alive = living.one();
    let (started, has_started) = oneshot::channel();
    rt.spawn("left behind", async move {
        let _alive = alive;
        let _ = started.send(());
        future.await
    })
    .detach();
    has_started.await.expect("it starts");
}

fn check_none_lives(after: &After, living: &Living) {
    let living = living.clone();
    after.check(move || assert_eq!(living.count(), 0, "tasks still live when the run has returned"));
}

async fn every_destructor_has_run(rt: Rt, after: After) {
    let living = Living::default();
    check_none_lives(&after, &living);
    start(&rt, &living, pending::<()>()).await;
    start(&rt, &living, rt.sleep(HOUR)).await;
    let mut interval = rt.interval(HOUR);
    start(&rt, &living, async move {
        loop {
            interval.tick().await;
        }
    })
    .await;
    let mut listener = listen(&rt).await;
    start(&rt, &living, async move { drop(listener.accept().await) }).await;
    let (mut reader, idle) = pair(&rt).await;
    start(&rt, &living, async move { drop(reader.read(&mut [0]).await) }).await;
    let (writer, unread) = pair(&rt).await;
    start(&rt, &living, write_counted(writer, Arc::default())).await;
    let (inner, alive) = (rt.clone(), living.one());
    start(&rt, &living, async move {
        let child = async move {
            let _alive = alive;
            pending::<()>().await;
        };
        drop(inner.spawn("child", child).await);
    })
    .await;
    rt.sleep(Duration::from_millis(2)).await;
    // Everything waits by now. The ends of the connections go first, which wakes two tasks just before the end.
    drop((idle, unread));
}

async fn tasks_that_wait_for_each_other_end(rt: Rt, after: After) {
    let living = Living::default();
    check_none_lives(&after, &living);
    // Each holds the other's sender: neither ever ends by itself.
    let (to_one, one) = oneshot::channel::<()>();
    let (to_other, other) = oneshot::channel::<()>();
    start(&rt, &living, async move {
        let _held = to_other;
        one.await
    })
    .await;
    start(&rt, &living, async move {
        let _held = to_one;
        other.await
    })
    .await;
    // And a chain, each link of which waits for the next.
    let mut last = rt.spawn("last link", pending::<()>());
    for _ in 0..100 {
        let (next, alive) = (last, living.one());
        last = rt.spawn("link", async move {
            let _alive = alive;
            drop(next.await);
        });
    }
    start(&rt, &living, last).await;
}

async fn tasks_that_never_had_a_turn_end(rt: Rt, after: After) {
    let living = Living::default();
    check_none_lives(&after, &living);
    for _ in 0..1000 {
        let alive = living.one();
        rt.spawn("spawned last", async move {
            let _alive = alive;
            pending::<()>().await;
        })
        .detach();
    }
}

async fn tasks_that_never_wait_end(rt: Rt, after: After) {
    let living = Living::default();
    check_none_lives(&after, &living);
    for _ in 0..64 {
        start(&rt, &living, async {
            loop {
                yield_now().await;
            }
        })
        .await;
    }
}

async fn what_a_destructor_spawns_is_dropped(rt: Rt, after: After) {
    let living = Living::default();
    check_none_lives(&after, &living);
    for _ in 0..10 {
        let (spawner, counted) = (rt.clone(), living.clone());
        let guard = OnDrop(move || {
            let alive = counted.one();
            let late = async move {
                let _alive = alive;
                pending::<()>().await;
            };
            spawner.spawn("spawned at the end", late).detach();
        });
        start(&rt, &living, async move {
            let _guard = guard;
            pending::<()>().await;
        })
        .await;
    }
}

async fn a_destructor_that_panics_harms_nothing(rt: Rt, after: After) {
    let living = Living::default();
    check_none_lives(&after, &living);
    for _ in 0..3 {
        let guard = OnDrop(|| panic_quietly("at the end"));
        start(&rt, &living, async move {
            let _guard = guard;
            pending::<()>().await;
        })
        .await;
    }
    after.check(move || assert_eq!(rt.unobserved_panics(), 3, "each is counted"));
}

async fn a_job_in_the_queue_is_called_or_dropped(rt: Rt, after: After) {
    // No count: a job that runs when the run ends may outlast it. None may panic, and none may hang the run.
    for _ in 0..100 {
        rt.spawn_blocking("left behind", || ()).detach();
    }
    after.check(move || drop(rt));
}

async fn a_task_spawned_after_the_end_is_dropped_at_once(rt: Rt, after: After) {
    after.check(move || {
        let living = Living::default();
        let alive = living.one();
        let task = rt.spawn("too late", async move {
            let _alive = alive;
            pending::<()>().await;
        });
        assert_eq!(living.count(), 0, "it is dropped at once");
        let end = task.now_or_never().expect("it has ended");
        assert!(end.is_err_and(|error| error.is_cancelled()));
    });
}

async fn a_handle_that_outlives_its_runtime_panics_nowhere(rt: Rt, after: After) {
    let listener = listen(&rt).await;
    let to = address(&listener);
    let mut waiting = rt.sleep(HOUR);
    let _ = super::bytes::poll_once(&mut waiting).await;
    after.check(move || {
        // What they return does not matter: there is no runtime to wait for.
        let mut cx = Context::from_waker(Waker::noop());
        drop(rt.spawn_blocking("too late", || ()));
        let _ = (rt.now(), rt.wall_clock(), rt.rng("too late"), rt.runtime().random_u64(), format!("{rt:?}"));
        let _ = waiting.poll_unpin(&mut cx);
        waiting.reset(rt.now() + HOUR);
        let _ = waiting.poll_unpin(&mut cx);
        let mut timer = rt.sleep(HOUR);
        let _ = timer.poll_unpin(&mut cx);
        timer.reset(rt.now());
        let _ = rt.background_timer(rt.now() + HOUR).poll_unpin(&mut cx);
        let _ = rt.connect(to).boxed().poll_unpin(&mut cx);
        let _ = rt.listen(Address::from(ANY_PORT)).boxed().poll_unpin(&mut cx);
        let _ = rt.resolve("localhost", 1).boxed().poll_unpin(&mut cx);
        drop((listener, timer, waiting));
    });
}

async fn a_waker_that_outlives_its_runtime_does_no_harm(rt: Rt, after: After) {
    let kept: Arc<Mutex<Vec<Waker>>> = Arc::default();
    let living = Living::default();
    check_none_lives(&after, &living);
    for _ in 0..10 {
        let keep = Arc::clone(&kept);
        let waits = poll_fn(move |cx| {
            keep.lock().push(cx.waker().clone());
            Poll::<()>::Pending
        });
        start(&rt, &living, waits).await;
    }
    yield_now().await;
    after.check(move || {
        let wakers = std::mem::take(&mut *kept.lock());
        wakers.iter().for_each(Waker::wake_by_ref);
        wakers.into_iter().for_each(Waker::wake);
    });
}
