use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use super::Verdict;

/// Failures in a row, without a lock. A success while there are none is one load.
///
/// One word holds the low half of the number of the era and the failures; every change compares the era, so a late report
/// changes nothing.
#[derive(Debug)]
pub(in super::super) struct Streak {
    word: AtomicU64,
    failures_max: u32,
}

fn pack(era: u64, failures: u32) -> u64 {
    (era << 32) | u64::from(failures)
}

impl Streak {
    pub(in super::super) fn new(failures_max: u32) -> Self {
        Self { word: AtomicU64::new(0), failures_max }
    }

    /// Forgets all, for a new era. Under the machine's lock.
    pub(in super::super) fn start(&self, era: u64) {
        self.word.store(pack(era, 0), SeqCst);
    }

    #[inline]
    pub(in super::super) fn report(&self, era: u64, failed: bool) -> Verdict {
        let mut word = self.word.load(SeqCst);
        loop {
            if (word >> 32) as u32 != era as u32 {
                return Verdict::Late;
            }
            let failures = word as u32;
            let now = if failed { failures.saturating_add(1) } else { 0 };
            if now == failures {
                return Verdict::Counted;
            }
            match self.word.compare_exchange_weak(word, pack(era, now), SeqCst, SeqCst) {
                Ok(_) if now >= self.failures_max => {
                    return Verdict::Exceeded { failures: now, calls: now };
                }
                Ok(_) => return Verdict::Counted,
                Err(current) => word = current,
            }
        }
    }

    pub(in super::super) fn count(&self) -> (u32, u32) {
        let failures = self.word.load(SeqCst) as u32;
        (failures, failures)
    }
}
