use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures::task::{ArcWake, AtomicWaker};

/// Stands between a connection and the task that drives it.
///
/// A connection that moves from task to task has always the same waker, and what its task does to it while it drives it
/// anyway does not wake that task once more.
#[derive(Default)]
pub(super) struct Gate {
    task: AtomicWaker,
    is_shut: AtomicBool,
}

impl Gate {
    /// Whom to wake from now on.
    pub(super) fn register(&self, waker: &std::task::Waker) {
        self.task.register(waker);
    }

    /// Nobody is to be woken: nobody waits.
    pub(super) fn forget(&self) {
        drop(self.task.take());
    }

    /// Runs `act`; if that wakes the connection, nobody hears of it. Whoever calls this drives the connection next.
    pub(super) fn shut<T>(&self, act: impl FnOnce() -> T) -> T {
        self.is_shut.store(true, Ordering::Relaxed);
        let acted = act();
        // What came from elsewhere meanwhile is found when the connection is driven, which happens after this.
        self.is_shut.store(false, Ordering::SeqCst);
        acted
    }
}

impl ArcWake for Gate {
    fn wake_by_ref(gate: &Arc<Self>) {
        if !gate.is_shut.load(Ordering::SeqCst) {
            gate.task.wake();
        }
    }
}
