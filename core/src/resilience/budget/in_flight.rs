use std::sync::atomic::{AtomicU64, Ordering};

use super::{
    InFlight,
    config::{ONE, billionths},
};

/// Calls and retries in flight in one word, so that a retry is compared to the calls of the very same moment: pure, and
/// shared between threads.
#[derive(Debug)]
pub(super) struct Counts {
    /// Calls in the high half, retries in the low one. Each is a future somebody holds: neither half overflows.
    word: AtomicU64,
    ratio: u64,
    retries_min: u64,
}

const CALL: u64 = 1 << 32;
const RETRY: u64 = 1;

impl Counts {
    pub(super) fn new(config: &InFlight) -> Self {
        Self {
            word: AtomicU64::new(0),
            ratio: billionths(config.ratio),
            retries_min: u64::from(config.retries_min),
        }
    }

    pub(super) fn begin_call(&self) {
        self.word.fetch_add(CALL, Ordering::Relaxed);
    }

    pub(super) fn end_call(&self) {
        self.word.fetch_sub(CALL, Ordering::Relaxed);
    }

    /// Whether one more retry may be under way; if so, it is.
    pub(super) fn begin_retry(&self) -> bool {
        let more = |word: u64| (word % CALL < self.retries_max(word)).then_some(word + RETRY);
        self.word.try_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    pub(super) fn end_retry(&self) {
        self.word.fetch_sub(RETRY, Ordering::Relaxed);
    }

    /// Calls and retries.
    pub(super) fn now(&self) -> (u32, u32) {
        let word = self.word.load(Ordering::Relaxed);
        ((word / CALL) as u32, (word % CALL) as u32)
    }

    pub(super) fn available(&self) -> u64 {
        let word = self.word.load(Ordering::Relaxed);
        self.retries_max(word).saturating_sub(word % CALL)
    }

    /// Whether as many retries as are under way could be made once more.
    pub(super) fn is_half_full(&self) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        word % CALL <= self.retries_max(word) / 2
    }

    fn retries_max(&self, word: u64) -> u64 {
        let share = u128::from(word / CALL) * u128::from(self.ratio) / u128::from(ONE);
        // At most 100 × 2^32.
        (share as u64).max(self.retries_min)
    }
}
