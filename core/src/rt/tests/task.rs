use std::{
    future::{pending, poll_fn},
    task::{Context, Wake},
};

use futures::{FutureExt, channel::oneshot};
use parking_lot::Mutex;

use super::*;
use crate::task::{self, TaskManager};

#[test]
fn a_task_runs_awaited_or_not() {
    run(1, |rt| async move {
        let ran = Flag::default();
        let inside = ran.clone();
        let task = rt.spawn("eager", async move { inside.set() });
        rt.sleep(ms(1)).await;
        assert!(ran.is_set() && task.is_finished());
        assert_eq!(task.name(), "eager");
        assert_eq!(format!("{task:?}"), r#"Task { name: "eager", finished: true }"#);
        task.await.expect("no panic");
    });
}

#[test]
fn dropping_a_task_cancels_it() {
    for_each_seed(0..20, |rt| async move {
        let (dropped, went_on) = (Flag::default(), Flag::default());
        let (guard, inside) = (dropped.on_drop(), went_on.clone());
        let rt_inside = rt.clone();
        let task = rt.spawn("cancelled", async move {
            let _guard = guard;
            rt_inside.sleep(secs(1)).await;
            inside.set();
        });
        rt.sleep(ms(1)).await;
        assert!(!dropped.is_set());
        drop(task);
        rt.sleep(ms(1)).await;
        assert!(dropped.is_set());
        rt.sleep(secs(2)).await;
        assert!(!went_on.is_set());
    });
}

#[test]
fn a_detached_task_runs_on() {
    run(1, |rt| async move {
        let ran = Flag::default();
        let (inside, rt_inside) = (ran.clone(), rt.clone());
        let task = rt.spawn("detached", async move {
            rt_inside.sleep(secs(1)).await;
            inside.set();
        });
        task.detach();
        rt.sleep(secs(2)).await;
        assert!(ran.is_set());
    });
}

#[test]
fn cancel_returns_after_the_destructors_have_run() {
    for_each_seed(0..50, |rt| async move {
        let dropped = Flag::default();
        let guard = dropped.on_drop();
        let task = rt.spawn("cancelled", async move {
            let _guard = guard;
            pending::<()>().await;
        });
        // Some seeds have polled it by now, some have not.
        yield_now().await;
        let error = task.cancel().await.expect_err("it never ends by itself");
        assert!(dropped.is_set());
        assert_eq!(error.to_string(), "task `cancelled` was cancelled before it finished");
    });
}

#[test]
fn a_task_cancelled_before_its_first_poll_never_runs() {
    for_each_seed(0..50, |rt| async move {
        let polled = Flag::default();
        let inside = polled.clone();
        let task = rt.spawn("never", async move { inside.set() });
        assert!(task.cancel().await.is_err());
        assert!(!polled.is_set());
    });
}

#[test]
fn completion_wins_over_cancellation() {
    run(1, |rt| async move {
        let task = rt.spawn("quick", async { 5 });
        rt.sleep(ms(1)).await;
        assert_eq!(task.cancel().await.expect("it had finished"), 5);
    });
}

#[test]
fn dropping_the_cancel_future_does_not_revoke_the_cancellation() {
    run(1, |rt| async move {
        let dropped = Flag::default();
        let guard = dropped.on_drop();
        let task = rt.spawn("cancelled", async move {
            let _guard = guard;
            pending::<()>().await;
        });
        rt.sleep(ms(1)).await;
        drop(task.cancel());
        rt.sleep(ms(1)).await;
        assert!(dropped.is_set());
    });
}

#[test]
fn a_task_is_cancelled_at_its_next_await_and_not_before() {
    run(1, |rt| async move {
        let steps = Count::default();
        let inside = steps.clone();
        let (sender, receiver) = oneshot::channel::<Task<()>>();
        let task = rt.spawn("cut", async move {
            let itself = receiver.await.expect("sent");
            drop(itself);
            inside.add();
            yield_now().await;
            inside.add();
        });
        sender.send(task).expect("the task waits");
        rt.sleep(ms(1)).await;
        assert_eq!(steps.number(), 1);
    });
}

/// Spawns a task that is given its own handle.
fn spawn_with_itself<F>(rt: &Rt, then: impl FnOnce(Task<()>) -> F + Send + 'static) -> Flag
where
    F: Future<Output = ()> + Send,
{
    let dropped = Flag::default();
    let guard = dropped.on_drop();
    let (sender, receiver) = oneshot::channel();
    let task = rt.spawn("selfish", async move {
        let _guard = guard;
        then(receiver.await.expect("sent")).await;
    });
    sender.send(task).expect("the task waits");
    dropped
}

#[test]
fn a_task_that_waits_for_itself_gets_an_error() {
    run(1, |rt| async move {
        let got = Flag::default();
        let inside = got.clone();
        spawn_with_itself(&rt, |itself| async move {
            let error = itself.await.expect_err("it cannot have ended");
            assert!(matches!(&error, JoinError::WouldDeadlock { task } if task == "selfish"), "{error}");
            inside.set();
        });
        rt.sleep(ms(1)).await;
        assert!(got.is_set());
    });
}

#[test]
fn a_task_that_cancels_itself_gets_an_error_and_ends_at_its_next_await() {
    run(1, |rt| async move {
        let (got, went_on) = (Flag::default(), Flag::default());
        let (inside, after) = (got.clone(), went_on.clone());
        let dropped = spawn_with_itself(&rt, |itself| async move {
            let error = itself.cancel().await.expect_err("it cannot have ended");
            assert!(matches!(error, JoinError::WouldDeadlock { .. }), "{error}");
            inside.set();
            yield_now().await;
            after.set();
        });
        rt.sleep(ms(1)).await;
        assert!(got.is_set() && dropped.is_set() && !went_on.is_set());
    });
}

#[test]
fn a_handle_is_polled_put_aside_and_awaited_later() {
    run(1, |rt| async move {
        let inner = rt.clone();
        let mut task = rt.spawn("slow", async move {
            inner.sleep(secs(5)).await;
            "done"
        });
        assert!((&mut task).now_or_never().is_none());
        assert!(rt.timeout(secs(1), &mut task).await.is_err());
        assert_eq!((&mut task).await.expect("no panic"), "done");
        // Ended, and its value taken: as ended as it can be.
        assert!((&mut task).await.expect_err("taken").is_cancelled());
    });
}

#[test]
fn the_last_who_awaits_is_woken() {
    run(1, |rt| async move {
        let (sender, receiver) = oneshot::channel::<()>();
        let mut task = rt.spawn("task", async move { receiver.await.is_ok() });
        assert!((&mut task).now_or_never().is_none());
        let joiner = rt.spawn("joiner", task);
        rt.sleep(ms(1)).await;
        sender.send(()).expect("it waits");
        assert!(joiner.await.expect("no panic").expect("no panic"));
    });
}

#[test]
fn who_awaited_a_task_and_let_it_go_is_not_kept_alive_by_it() {
    struct Nobody;
    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }
    run(1, |rt| async move {
        let who = Arc::new(Nobody);
        let mut task = rt.spawn("task", pending::<()>());
        assert!(task.poll_unpin(&mut Context::from_waker(&who.clone().into())).is_pending());
        assert_eq!(Arc::strong_count(&who), 2);
        task.detach();
        let tasks = TaskManager::new(&rt, task::Config::default()).expect("a good config");
        let mut job = tasks.submit("job", pending::<()>());
        assert!(job.poll_unpin(&mut Context::from_waker(&who.clone().into())).is_pending());
        assert_eq!(Arc::strong_count(&who), 2);
        drop(job);
        assert_eq!(Arc::strong_count(&who), 1);
    });
}

#[test]
fn a_value_nobody_takes_is_dropped() {
    run(1, |rt| async move {
        for detach in [true, false] {
            let dropped = Flag::default();
            let value = dropped.on_drop();
            let task = rt.spawn("giver", async move { value });
            if detach {
                task.detach();
                rt.sleep(ms(1)).await;
            } else {
                rt.sleep(ms(1)).await;
                assert!(!dropped.is_set());
                drop(task);
            }
            assert!(dropped.is_set());
        }
    });
}

#[test]
fn the_future_is_dropped_before_its_result_is_seen() {
    for_each_seed(0..20, |rt| async move {
        let dropped = Flag::default();
        let guard = dropped.on_drop();
        let future = async move {
            let _guard = guard;
            poll_fn(|_cx| std::task::Poll::Ready(())).await;
        };
        rt.spawn("task", future).await.expect("no panic");
        assert!(dropped.is_set());
    });
}

#[test]
fn a_hundred_thousand_tasks() {
    run(1, |rt| async move {
        let sum = Arc::new(Mutex::new(0_u64));
        let tasks: Vec<_> = (0..100_000)
            .map(|number| {
                let sum = Arc::clone(&sum);
                rt.spawn("adder", async move {
                    yield_now().await;
                    *sum.lock() += number;
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        assert_eq!(*sum.lock(), 4_999_950_000);
    });
}
