//! What a merge and the wakers of its sources share.

use std::{
    mem,
    sync::Arc,
    task::{Wake, Waker},
};

use parking_lot::Mutex;

use super::state::Woken;

/// A source, as the merge keeps it.
pub(super) struct Source<K, S> {
    pub(super) key: K,
    pub(super) stream: S,
    /// Made once; every poll of the stream gets this one.
    pub(super) waker: Waker,
}

#[derive(Default)]
pub(super) struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    woken: Woken,
    /// There while the merge waits.
    parent: Option<Waker>,
}

impl Shared {
    /// Makes the waker of a new source.
    pub(super) fn occupy(self: &Arc<Self>, slot: usize, number: u64) -> Waker {
        self.0.lock().woken.occupy(slot, number);
        Waker::from(Arc::new(SourceWaker { shared: Arc::clone(self), slot, number }))
    }

    pub(super) fn vacate(&self, slot: usize) {
        self.0.lock().woken.vacate(slot);
    }

    /// Wakes whoever polls the merge, if it waits.
    pub(super) fn wake_parent(&self) {
        let parent = self.0.lock().parent.take();
        if let Some(parent) = parent {
            parent.wake();
        }
    }

    /// Moves those that were woken to `round`. If there are none and the merge would `wait`, `parent` is kept and woken by
    /// the next wake; whether it is so.
    pub(super) fn take_woken(&self, round: &mut Vec<usize>, wait: bool, parent: &mut Option<Waker>) -> bool {
        let mut state = self.0.lock();
        state.woken.take(round);
        let waits = wait && round.is_empty();
        if waits {
            // The one before comes back to the caller, who drops it when the lock is released.
            mem::swap(&mut state.parent, parent);
        }
        waits
    }

    /// Wakers of sources may outlive the merge; from now on they do nothing and hold nobody.
    pub(super) fn close(&self) {
        let mut state = self.0.lock();
        let _gone = mem::take(&mut *state);
        drop(state);
    }
}

struct SourceWaker {
    shared: Arc<Shared>,
    slot: usize,
    number: u64,
}

impl Wake for SourceWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.shared.0.lock();
        let parent = if state.woken.wake(self.slot, self.number) { state.parent.take() } else { None };
        drop(state);
        if let Some(parent) = parent {
            parent.wake();
        }
    }
}
