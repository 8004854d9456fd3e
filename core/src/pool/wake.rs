use std::task::Waker;

use crate::rt::wake_each;

/// Wakes everyone. A waker that panics is logged: the others are woken all the same, and whoever came by is not harmed.
/// It needs nothing of the pool, which may be gone.
pub(super) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    wake_each(wakers, |panic| {
        let (what, message) = ("a waker", panic.message());
        tracing::warn!(name: "seaworthy.pool.panicked", what, message, "a waker that the pool woke panicked");
    });
}
