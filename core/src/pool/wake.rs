use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::Waker,
};

use crate::rt::Panic;

/// Wakes everyone. A waker that panics is logged: the others are woken all the same, and whoever came by is not harmed.
/// It needs nothing of the pool, which may be gone.
pub(super) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            let (what, message) = ("a waker", Panic::new("pool.waker", payload).message());
            tracing::warn!(name: "seaworthy.pool.panicked", what, message, "a waker that the pool woke panicked");
        }
    }
}
