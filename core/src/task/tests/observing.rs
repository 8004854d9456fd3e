//! What can be seen from outside.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Context,
};

use futures::{FutureExt, StreamExt};
use parking_lot::Mutex;

use super::{
    super::{Config, Event, Spec, TaskManager},
    Alive, SECOND, manager, sleeper,
};
use crate::{
    rt::strangers::{calling, counting, grumpy},
    testing::{self, for_each_seed, try_run},
};

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
fn wakers_may_come_back_to_the_manager() {
    testing::run(1, |rt| async move {
        let tasks = Arc::new(manager(&rt, 1));
        let readers = Arc::new(Mutex::new(vec![tasks.events(), tasks.events()]));
        let comes_back = calling({
            let (tasks, readers) = (Arc::downgrade(&tasks), readers.clone());
            move || {
                let gone = readers.lock().pop();
                drop(gone);
                let Some(tasks) = tasks.upgrade() else { return };
                assert!(tasks.events().next().now_or_never().is_none_or(|ended| ended.is_none()));
                let _ = tasks.idle().now_or_never();
            }
        });
        let (mut events, mut idle) = (tasks.events(), Box::pin(tasks.idle()));
        tasks.submit("task", async {});
        while events.next().now_or_never().is_some() {}
        for _ in 0..2 {
            let cx = &mut Context::from_waker(&comes_back);
            assert!(events.poll_next_unpin(cx).is_pending());
            assert!(idle.poll_unpin(cx).is_pending());
        }
        tasks.idle().await;
        assert!(readers.lock().is_empty(), "both were woken");
        let Some(Some(Event::Changed { status, .. })) = events.next().now_or_never() else {
            panic!("its end")
        };
        assert!(status.is_end());
        drop(idle);
        assert!(events.poll_next_unpin(&mut Context::from_waker(&comes_back)).is_pending());
        drop(tasks);
        assert_eq!(events.next().await, None);
    });
}

#[test]
fn a_waker_that_panics_leaves_nobody_asleep() {
    let ended = try_run(1, |rt| async move {
        let config = Config { pending_max: 1, ..Config::default() };
        let tasks = TaskManager::new(&rt, config).unwrap();
        tasks.set_concurrency(0).unwrap();
        let woken = Arc::new(AtomicUsize::new(0));
        let wakers = [grumpy(), counting(&woken)];
        let mut readers = [(); 2].map(|()| tasks.events());
        for (reader, waker) in readers.iter_mut().zip(&wakers) {
            assert!(reader.poll_next_unpin(&mut Context::from_waker(waker)).is_pending());
        }
        tasks.submit("task", async {});
        assert_eq!((woken.load(Ordering::Relaxed), rt.unobserved_panics()), (1, 1), "an event");

        let mut idlers = [(); 2].map(|()| Box::pin(tasks.idle()));
        let mut waiting = [(); 2].map(|()| Box::pin(tasks.reserve(0)));
        for (index, waker) in wakers.iter().enumerate() {
            let cx = &mut Context::from_waker(waker);
            assert!(idlers[index].poll_unpin(cx).is_pending());
            assert!(waiting[index].poll_unpin(cx).is_pending());
        }
        tasks.shutdown(SECOND).await;
        assert_eq!((woken.load(Ordering::Relaxed), rt.unobserved_panics()), (3, 3), "room, and idle");
        assert!(waiting.iter_mut().all(|waiting| waiting.now_or_never().is_some()));
    });
    assert!(ended.expect_err("it is reported").to_string().contains("not now"));
}

#[test]
fn whoever_no_longer_waits_leaves_no_waker_behind() {
    testing::run(1, |rt| async move {
        let config = Config { concurrency: 1, pending_max: 1, ..Config::default() };
        let (tasks, woken) = (TaskManager::new(&rt, config).unwrap(), Arc::default());
        tasks.submit("running", sleeper(&rt, 9));
        tasks.submit("pending", async {});
        {
            let waker = counting(&woken);
            let cx = &mut Context::from_waker(&waker);
            let (mut idle, mut waits, mut events) =
                (Box::pin(tasks.idle()), Box::pin(tasks.reserve(0)), tasks.events());
            assert!(idle.poll_unpin(cx).is_pending() && waits.poll_unpin(cx).is_pending());
            assert!(events.poll_next_unpin(cx).is_pending());
        }
        assert_eq!(Arc::strong_count(&woken), 1);
    });
}
