//! What a merge and the wakers of its sources share.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
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
    pub(super) link: Arc<Link>,
}

/// For so many slots a wake is one bit, and needs no lock. That is what makes a merge of few sources cheap.
pub(super) const BITS: usize = 63;

/// The merge waits: whoever sets the next bit wakes it.
const WAITS: u64 = 1 << BITS;

#[derive(Default)]
pub(super) struct Shared {
    /// Which of the first slots were woken since the merge last asked.
    bits: AtomicU64,
    /// Whether `woken` has any. It changes under the lock, and spares the poller the lock.
    is_listed: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Which of the other slots were.
    woken: Woken,
    /// There while the merge waits. `WAITS` is set with it, and may be left over when it was taken.
    parent: Option<Waker>,
}

impl Shared {
    /// Makes the link of a new source.
    pub(super) fn link(self: &Arc<Self>, slot: usize) -> Arc<Link> {
        Arc::new(Link { shared: Arc::clone(self), slot, is_cut: AtomicBool::new(false) })
    }

    /// Wakes whoever polls the merge, if it waits.
    pub(super) fn wake_parent(&self) {
        let parent = self.state.lock().parent.take();
        if let Some(parent) = parent {
            parent.wake();
        }
    }

    fn wake(&self, slot: usize) {
        if slot < BITS {
            let set = |bits: u64| Some((bits | 1 << slot) & !WAITS);
            let before = self.bits.fetch_update(Ordering::AcqRel, Ordering::Relaxed, set);
            if before.is_ok_and(|bits| bits & WAITS != 0) {
                self.wake_parent();
            }
            return;
        }
        let mut state = self.state.lock();
        let parent = if state.woken.wake(slot) { state.parent.take() } else { None };
        self.is_listed.store(true, Ordering::Release);
        drop(state);
        if let Some(parent) = parent {
            parent.wake();
        }
    }

    /// Moves those that were woken to `round`. If there are none and the merge would `wait`, `parent` is kept and woken by
    /// the next wake; whether it is so.
    pub(super) fn take_woken(&self, round: &mut Vec<usize>, wait: bool, parent: &mut Option<Waker>) -> bool {
        loop {
            let bits = self.take_bits();
            if (bits != 0 || !wait) && !self.is_listed.load(Ordering::Acquire) {
                list(bits, round);
                return false;
            }
            let mut state = self.state.lock();
            self.is_listed.store(false, Ordering::Relaxed);
            state.woken.take(round);
            list(bits, round);
            if !wait || !round.is_empty() {
                return false;
            }
            if self.set_waits() {
                // The one before comes back to the caller, who drops it when the lock is released.
                mem::swap(&mut state.parent, parent);
                return true;
            }
        }
    }

    fn take_bits(&self) -> u64 {
        if self.bits.load(Ordering::Relaxed) & !WAITS == 0 {
            return 0;
        }
        self.bits.swap(0, Ordering::AcqRel) & !WAITS
    }

    /// Whether no bit is set; then whoever sets the next one wakes the merge. It is asked under the lock, so that the parent is
    /// there when that one comes for it.
    fn set_waits(&self) -> bool {
        self.bits.load(Ordering::Acquire) == WAITS
            || self.bits.compare_exchange(0, WAITS, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Wakers of sources may outlive the merge; from now on they do nothing and hold nobody.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        let _gone = mem::take(&mut *state);
        drop(state);
    }
}

/// Adds the slots of bits that are set.
fn list(mut bits: u64, slots: &mut Vec<usize>) {
    while bits != 0 {
        slots.push(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

/// From a source to its merge.
pub(super) struct Link {
    shared: Arc<Shared>,
    slot: usize,
    /// The source is gone, and another may have its slot.
    is_cut: AtomicBool,
}

impl Link {
    /// From now on wakes do nothing. One that is on its way in another thread may still come to whoever has the slot next,
    /// which costs that one a poll.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }
}

impl Wake for Link {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_cut.load(Ordering::Relaxed) {
            self.shared.wake(self.slot);
        }
    }
}
