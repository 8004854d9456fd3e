use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::Waker,
};

use crate::rt::{Panic, Rt};

/// Wakes everyone. A waker that panics is reported: the others are woken all the same, and whoever came by is not harmed.
pub(super) fn wake_all(rt: &Rt, wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            rt.report_panic(&Panic::new("limit.waker", payload));
        }
    }
}
