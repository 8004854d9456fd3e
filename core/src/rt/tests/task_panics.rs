use std::{
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
    pin::Pin,
    task::{Context, Poll},
};

use parking_lot::Mutex;

use super::*;

#[test]
fn a_panic_is_returned_to_who_awaits() {
    let number = 5;
    run(1, |rt| async move {
        let error =
            rt.spawn("broken", async move { panic!("number {number}") }).await.expect_err("it panicked");
        assert_eq!(error.to_string(), "task `broken` panicked: number 5");
        let resumed = catch_unwind(AssertUnwindSafe(|| error.resume_panic()));
        assert_eq!(resumed.expect_err("it panics").downcast_ref::<String>().expect("text"), "number 5");
        let error = rt.spawn("broken", async { panic_any(17_u8) }).await.expect_err("it panicked");
        let JoinError::Panicked(panic) = error else { panic!("{error}") };
        assert_eq!((panic.task(), panic.message().as_str()), ("broken", "(no text)"));
        assert_eq!(panic.into_payload().downcast_ref::<u8>(), Some(&17));
        assert_eq!(rt.unobserved_panics(), 0);
    });
}

#[test]
fn cancelling_a_task_that_panicked_returns_the_panic() {
    run(1, |rt| async move {
        let task = rt.spawn("broken", async { panic!("ouch") });
        rt.sleep(ms(1)).await;
        let error = task.cancel().await.expect_err("it panicked");
        assert!(matches!(error, JoinError::Panicked(_)), "{error}");
    });
}

#[test]
fn a_panic_of_a_detached_task_is_counted_and_fails_the_run() {
    let kept = Mutex::new(None);
    let reported = unobserved(1, |rt| {
        *kept.lock() = Some(rt.clone());
        async move {
            rt.spawn("detached", async { panic!("ouch") }).detach();
            rt.sleep(secs(1)).await;
        }
    });
    assert_eq!(reported, ("detached".to_owned(), "ouch".to_owned()));
    assert_eq!(kept.into_inner().expect("kept").unobserved_panics(), 1);
}

#[test]
fn a_panic_is_unobserved_when_its_handle_is_dropped() {
    let before = unobserved(1, |rt| async move {
        let task = rt.spawn("panicked before", async { panic!("ouch") });
        rt.sleep(secs(1)).await;
        drop(task);
        pending::<()>().await;
    });
    assert_eq!(before.0, "panicked before");
    // A cancelled task that has panicked already, in whatever way the handle goes.
    let at_end = unobserved(1, |rt| async move {
        let _task = rt.spawn("panicked at the end", async { panic!("ouch") });
        rt.sleep(secs(1)).await;
    });
    assert_eq!(at_end.0, "panicked at the end");
}

/// Ready at once; its destructor panics, which is after the result is there.
struct Held;

impl Future for Held {
    type Output = u32;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<u32> {
        Poll::Ready(5)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        panic!("from a destructor");
    }
}

#[test]
fn a_destructor_that_panics_is_reported_and_the_result_is_kept() {
    run(1, |inner| async move {
        // A runtime that goes on after it was told.
        let (rt, _asked) = counting(inner);
        assert_eq!(rt.spawn("held", Held).await.expect("its poll went well"), 5);
        assert_eq!(rt.unobserved_panics(), 1);
    });
    let reported = unobserved(1, |rt| async move { rt.spawn("held", Held).await });
    assert_eq!(reported, ("held".to_owned(), "from a destructor".to_owned()));
}

#[test]
fn a_destructor_of_a_value_nobody_takes_may_panic() {
    let reported = unobserved(1, |rt| async move {
        rt.spawn("giver", async { OnDrop(|| panic!("from the value")) }).detach();
        rt.sleep(secs(1)).await;
    });
    assert_eq!(reported, ("giver".to_owned(), "from the value".to_owned()));
    let reported = unobserved(1, |rt| async move {
        let task = rt.spawn("giver", async { OnDrop(|| panic!("from the value")) });
        rt.sleep(secs(1)).await;
        drop(task);
        rt.sleep(secs(1)).await;
    });
    assert_eq!(reported, ("giver".to_owned(), "from the value".to_owned()));
}

#[test]
fn a_destructor_that_panics_on_cancel_is_reported() {
    let reported = unobserved(1, |rt| async move {
        let guard = OnDrop(|| panic!("on cancel"));
        let task = rt.spawn("held", async move {
            let _guard = guard;
            pending::<()>().await;
        });
        rt.sleep(ms(1)).await;
        assert!(task.cancel().await.expect_err("cancelled").is_cancelled());
    });
    assert_eq!(reported, ("held".to_owned(), "on cancel".to_owned()));
}
