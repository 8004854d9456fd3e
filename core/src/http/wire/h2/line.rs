use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use futures::task::AtomicWaker;

use super::super::io::Counts;

/// How many streams of one connection may be reset from this side. The other side may go on sending on each for a while,
/// so each has to be remembered; then the connection takes no more.
pub(super) const RESETS_MAX: usize = 1000;

/// The peer has not said yet how many streams it takes. What it may say has 32 bits, and no limit is `usize::MAX`.
pub(super) const UNKNOWN: usize = usize::MAX - 1;

/// What the task of a connection and those who use it know of it.
pub(in crate::http) struct Line {
    /// How many streams the peer takes at once.
    streams_max: AtomicUsize,
    /// How many streams there are.
    streams: AtomicUsize,
    /// How many places there are that may have one.
    places: AtomicUsize,
    /// It takes no more streams: it is closed, is being closed, or is not wanted any more.
    is_retired: AtomicBool,
    /// How many places are in use.
    active: AtomicUsize,
    uses: AtomicUsize,
    resets: AtomicUsize,
    pub(super) driver: AtomicWaker,
    counts: Arc<Counts>,
}

impl Line {
    pub(super) fn new(counts: Arc<Counts>) -> Self {
        Self {
            streams_max: AtomicUsize::new(UNKNOWN),
            streams: AtomicUsize::new(0),
            places: AtomicUsize::new(0),
            is_retired: AtomicBool::new(false),
            active: AtomicUsize::new(0),
            uses: AtomicUsize::new(0),
            resets: AtomicUsize::new(0),
            driver: AtomicWaker::new(),
            counts,
        }
    }

    pub(super) fn set_streams_max(&self, streams_max: usize) {
        self.streams_max.store(streams_max, Ordering::Relaxed);
    }

    /// How many streams the peer takes at once, at least one.
    pub(in crate::http) fn streams_max(&self) -> usize {
        self.streams_max.load(Ordering::Relaxed).max(1)
    }

    pub(in crate::http) fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    /// Another stream may be begun.
    pub(in crate::http) fn add_stream(&self) {
        self.streams.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::http) fn remove_stream(&self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }

    pub(in crate::http) fn add_place(&self) {
        self.places.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether that was the last one.
    pub(in crate::http) fn remove_place(&self) -> bool {
        let was_last = self.places.fetch_sub(1, Ordering::AcqRel) == 1;
        if was_last {
            self.driver.wake();
        }
        was_last
    }

    pub(in crate::http) fn is_deserted(&self) -> bool {
        self.places.load(Ordering::Acquire) == 0
    }

    /// Takes no more streams. Those there are come to their end.
    pub(in crate::http) fn retire(&self) {
        self.is_retired.store(true, Ordering::Release);
    }

    pub(in crate::http) fn is_retired(&self) -> bool {
        self.is_retired.load(Ordering::Acquire)
    }

    /// Somebody uses a place. Returns how often one was used before.
    pub(in crate::http) fn begin_use(&self) -> usize {
        self.active.fetch_add(1, Ordering::Relaxed);
        self.uses.fetch_add(1, Ordering::Relaxed)
    }

    pub(in crate::http) fn end_use(&self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
    }

    pub(in crate::http) fn is_idle(&self) -> bool {
        self.active.load(Ordering::Relaxed) == 0
    }

    pub(in crate::http) fn count_reset(&self) {
        if self.resets.fetch_add(1, Ordering::Relaxed) + 1 >= RESETS_MAX {
            self.retire();
        }
    }

    pub(super) fn written(&self) -> u64 {
        self.counts.written()
    }

    /// How many bytes have come in.
    pub(in crate::http) fn received(&self) -> u64 {
        self.counts.read()
    }
}
