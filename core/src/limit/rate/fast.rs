//! The way for whoever comes while nobody waits: one number, exchanged atomically, and no lock.
//!
//! The number is the bucket's `full_at`, or [`CLOSED`] while the machine under the lock has it: as long as some wait, so
//! that nobody overtakes them, and while the limiter is paused.
//!
//! # Why a torn read does no harm
//!
//! The rate can change between the load of the number and that of the rate. Whoever changes it closes first, and opens
//! with a number that is above all before, shifted there by an `offset`. So no number of one rate comes back under another
//! (within one it may, when a slot is given back, and means the same): a compare-exchange that succeeds has seen no other
//! rate than its own, and a refusal is believed only if the number is still the same after the rate was read.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::bucket::{Bucket, Rate};

const CLOSED: u64 = u64::MAX;
/// Sums of two numbers below it do not overflow.
const TICKS_MAX: u64 = 1 << 62;

#[derive(Debug)]
#[repr(align(64))]
pub(in crate::limit) struct Fast {
    full_at: AtomicU64,
    scale: AtomicU64,
    offset: AtomicU64,
    cost: AtomicU64,
    tolerance: AtomicU64,
    /// From when on numbers would not fit, in nanoseconds since the epoch.
    until: AtomicU64,
    burst: AtomicU32,
    /// No number so far was above it.
    highest: AtomicU64,
}

/// What there was on the fast way.
pub(in crate::limit) enum Way {
    Through,
    /// Not yet: in so many nanoseconds.
    NotYet(u64),
    /// It is closed; ask under the lock.
    Closed,
}

impl Fast {
    /// Closed.
    pub(in crate::limit) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            full_at: AtomicU64::new(CLOSED),
            scale: zero(),
            offset: zero(),
            cost: zero(),
            tolerance: zero(),
            until: zero(),
            burst: AtomicU32::new(0),
            highest: zero(),
        }
    }

    #[inline]
    pub(in crate::limit) fn take(&self, now: u64, tokens: u32) -> Way {
        let mut full_at = self.full_at.load(Ordering::Acquire);
        loop {
            let (scale, offset) = (self.scale.load(Ordering::Relaxed), self.offset.load(Ordering::Relaxed));
            let (cost, tolerance) =
                (self.cost.load(Ordering::Relaxed), self.tolerance.load(Ordering::Relaxed));
            if full_at == CLOSED
                || now >= self.until.load(Ordering::Relaxed)
                || tokens > self.burst.load(Ordering::Relaxed)
            {
                return Way::Closed;
            }
            // None of these overflows unless the read is torn, and then it does not count.
            let ticks = now.wrapping_mul(scale).wrapping_add(offset);
            let next = full_at.max(ticks).wrapping_add(cost.wrapping_mul(u64::from(tokens)));
            let ahead = next.wrapping_sub(ticks);
            if ahead <= tolerance {
                let exchanged =
                    self.full_at.compare_exchange_weak(full_at, next, Ordering::AcqRel, Ordering::Acquire);
                match exchanged {
                    Ok(_) => return Way::Through,
                    Err(other) => full_at = other,
                }
            } else {
                fence(Ordering::Acquire);
                let still = self.full_at.load(Ordering::Acquire);
                if still == full_at {
                    let late = ahead - tolerance;
                    // Most quotas count in whole nanoseconds, and a division costs as much as the rest.
                    return Way::NotYet(if scale <= 1 { late } else { late.div_ceil(scale) });
                }
                full_at = still;
            }
        }
    }

    /// Closes it, and says what is in the bucket. `None` if it was closed.
    ///
    /// Only whoever holds the lock of the machine closes and opens it.
    pub(in crate::limit) fn close(&self) -> Option<Bucket> {
        if self.full_at.load(Ordering::Relaxed) == CLOSED {
            return None;
        }
        let full_at = self.full_at.swap(CLOSED, Ordering::AcqRel);
        self.highest.fetch_max(full_at, Ordering::Relaxed);
        Some(Bucket { full_at: u128::from(full_at - self.offset.load(Ordering::Relaxed)) })
    }

    #[cfg(test)]
    pub(in crate::limit) fn number(&self) -> u64 {
        self.full_at.load(Ordering::Relaxed)
    }

    /// Opens it again at the rate it had.
    pub(in crate::limit) fn open(&self, bucket: Bucket) {
        let number = u64::try_from(bucket.full_at + u128::from(self.offset.load(Ordering::Relaxed)));
        let fits = |number: &u64| *number < TICKS_MAX && self.until.load(Ordering::Relaxed) > 0;
        if let Some(full_at) = number.ok().filter(fits) {
            self.full_at.store(full_at, Ordering::Release);
        }
    }

    /// Sets another rate while it is closed, of which `bucket` is the state. If numbers would not fit it can not be opened.
    pub(in crate::limit) fn set_rate(&self, rate: &Rate, bucket: Bucket) {
        // For those who read the old number: if they read anything of the new rate, they find that it was closed.
        fence(Ordering::Release);
        let above = u128::from(self.highest.load(Ordering::Relaxed)) + 1;
        let offset = above.saturating_sub(bucket.full_at);
        let (Ok(offset), Ok(tolerance)) = (u64::try_from(offset), u64::try_from(rate.tolerance())) else {
            self.until.store(0, Ordering::Relaxed);
            return;
        };
        let room = TICKS_MAX.saturating_sub(offset).saturating_sub(tolerance);
        self.offset.store(offset, Ordering::Relaxed);
        self.scale.store(rate.scale, Ordering::Relaxed);
        self.cost.store(rate.cost, Ordering::Relaxed);
        self.tolerance.store(tolerance, Ordering::Relaxed);
        self.until.store(room / rate.scale, Ordering::Relaxed);
        self.burst.store(rate.burst, Ordering::Relaxed);
    }
}
