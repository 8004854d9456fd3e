//! The way for whoever comes while nobody waits: one number, exchanged atomically, and no lock.
//!
//! The number is the bucket's `full_at`, or [`CLOSED`] while the machine under the lock has it: as long as some wait, so
//! that nobody overtakes them, and while the limiter is paused.
//!
//! # Why a torn read does no harm
//!
//! The rate can change between the load of the number and that of the rate. Whoever changes it closes first, and opens
//! with a number that is above all before: numbers count from a `base` in time, where they are at `start`. So no number of
//! one rate comes back under another (within one it may, when a slot is given back, and means the same): a
//! compare-exchange that succeeds has seen no other rate than its own, and a refusal is believed only if the number is
//! still the same after the rate was read.
//!
//! # When the numbers are used up
//!
//! Then they begin again, from a later base, at most once in [`RUN_MIN`]. Only a thread that stands still for so long
//! between two neighbouring instructions, and goes on in the moment in which the very number is there that it has read
//! before, of some 2^61, could mistake the one for the other.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering, fence},
    time::Duration,
};

use super::bucket::{Bucket, Rate};

const CLOSED: u64 = u64::MAX;
/// Sums of two numbers below it do not overflow.
const TICKS_MAX: u64 = 1 << 62;
/// For how long numbers have to last: 1 minute. A rate that counts so finely that they do not stays closed.
const RUN_MIN: u64 = 60_000_000_000;

#[derive(Debug)]
#[repr(align(64))]
pub(in crate::limit) struct Fast {
    full_at: AtomicU64,
    scale: AtomicU64,
    /// Where the numbers count from, in nanoseconds since the epoch.
    base: AtomicU64,
    /// The number that stands for the base.
    start: AtomicU64,
    cost: AtomicU64,
    tolerance: AtomicU64,
    /// For how many nanoseconds from the base numbers fit; 0 if it can not be opened.
    span: AtomicU64,
    burst: AtomicU32,
    /// No number since they began was above it.
    highest: AtomicU64,
    /// When numbers may begin again.
    again_at: AtomicU64,
    /// How far before now the base is when it is set: no slot is caught up that is later.
    catch_up_max: u64,
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
    pub(in crate::limit) fn new(catch_up_max: Duration) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            full_at: AtomicU64::new(CLOSED),
            scale: zero(),
            base: zero(),
            start: zero(),
            cost: zero(),
            tolerance: zero(),
            span: zero(),
            burst: AtomicU32::new(0),
            highest: zero(),
            again_at: zero(),
            catch_up_max: u64::try_from(catch_up_max.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    #[inline]
    pub(in crate::limit) fn take(&self, now: u64, tokens: u32) -> Way {
        let mut full_at = self.full_at.load(Ordering::Acquire);
        loop {
            let (scale, start) = (self.scale.load(Ordering::Relaxed), self.start.load(Ordering::Relaxed));
            let (cost, tolerance) =
                (self.cost.load(Ordering::Relaxed), self.tolerance.load(Ordering::Relaxed));
            // Far too great if the clock was read before the base.
            let since = now.wrapping_sub(self.base.load(Ordering::Relaxed));
            if full_at == CLOSED
                || since >= self.span.load(Ordering::Relaxed)
                || tokens > self.burst.load(Ordering::Relaxed)
            {
                return Way::Closed;
            }
            // None of these overflows unless the read is torn, and then it does not count.
            let ticks = since.wrapping_mul(scale).wrapping_add(start);
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
        let since = full_at - self.start.load(Ordering::Relaxed);
        Some(Bucket { full_at: self.base_ticks() + u128::from(since) })
    }

    fn base_ticks(&self) -> u128 {
        u128::from(self.base.load(Ordering::Relaxed)) * u128::from(self.scale.load(Ordering::Relaxed))
    }

    #[cfg(test)]
    pub(in crate::limit) fn number_max(&self) -> u64 {
        self.highest.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(in crate::limit) fn number(&self) -> u64 {
        self.full_at.load(Ordering::Relaxed)
    }

    /// Opens it again at the rate it had. What was full before the base is as good as full at the base.
    pub(in crate::limit) fn open(&self, bucket: Bucket) {
        let since = bucket.full_at.saturating_sub(self.base_ticks());
        let number = u64::try_from(since + u128::from(self.start.load(Ordering::Relaxed)));
        let fits = |number: &u64| *number < TICKS_MAX && self.span.load(Ordering::Relaxed) > 0;
        if let Some(full_at) = number.ok().filter(fits) {
            self.full_at.store(full_at, Ordering::Release);
        }
    }

    /// Whether the numbers are used up, so that the rate has to be set anew.
    pub(in crate::limit) fn is_used_up(&self, now: u64) -> bool {
        now.saturating_sub(self.base.load(Ordering::Relaxed)) >= self.span.load(Ordering::Relaxed)
    }

    /// Sets a rate while it is closed, of which `bucket` is the state. If its numbers would not fit it can not be opened.
    pub(in crate::limit) fn set_rate(&self, rate: &Rate, bucket: Bucket, now: u64) {
        // For those who read the old number: if they read anything of the new rate, they find that it was closed.
        fence(Ordering::Release);
        let base = now.saturating_sub(self.catch_up_max);
        let tolerance = u64::try_from(rate.tolerance()).unwrap_or(TICKS_MAX);
        let span = |start: u64| TICKS_MAX.saturating_sub(start).saturating_sub(tolerance) / rate.scale;
        let lasts = |span: u64| span >= now - base + RUN_MIN;
        // The bucket's number is to be above all before, and the base is some way below it.
        let since = u64::try_from(bucket.full_at.saturating_sub(rate.ticks(base))).unwrap_or(u64::MAX);
        let mut start = (self.highest.load(Ordering::Relaxed) + 1).saturating_sub(since);
        if !lasts(span(start)) && lasts(span(0)) && now >= self.again_at.load(Ordering::Relaxed) {
            start = 0;
            self.highest.store(0, Ordering::Relaxed);
            self.again_at.store(now.saturating_add(RUN_MIN), Ordering::Relaxed);
        }
        let span = Some(span(start)).filter(|span| lasts(*span)).unwrap_or_default();
        self.base.store(base, Ordering::Relaxed);
        self.start.store(start, Ordering::Relaxed);
        self.scale.store(rate.scale, Ordering::Relaxed);
        self.cost.store(rate.cost, Ordering::Relaxed);
        self.tolerance.store(tolerance, Ordering::Relaxed);
        self.span.store(span, Ordering::Relaxed);
        self.burst.store(rate.burst, Ordering::Relaxed);
    }
}
