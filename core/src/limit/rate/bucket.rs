//! The arithmetic of one quota: the generic cell rate algorithm (ITU-T I.371) in whole numbers.
//!
//! It keeps one number, the *theoretical arrival time*: when the bucket is full again. Time is counted in ticks of
//! `1 / scale` nanoseconds, so that a token costs a whole number of them: 7 a second are 7 ticks a nanosecond and
//! 1,000,000,000 ticks a token. Nothing is rounded, so nothing drifts.

use super::super::Quota;

/// A quota that lets something through, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::limit) struct Rate {
    /// Ticks in a nanosecond.
    pub(in crate::limit) scale: u64,
    /// Ticks in a token.
    pub(in crate::limit) cost: u64,
    pub(in crate::limit) burst: u32,
}

impl Rate {
    /// `None` if it is paused. The quota has been checked: the period is some 2^55 ns at most, and not zero.
    pub(in crate::limit) fn new(quota: &Quota) -> Option<Self> {
        let (tokens, period) = (u64::from(quota.tokens), quota.period.as_nanos() as u64);
        if tokens == 0 {
            return None;
        }
        let divisor = gcd(tokens, period);
        Some(Self { scale: tokens / divisor, cost: period / divisor, burst: quota.burst })
    }

    pub(in crate::limit) fn ticks(&self, nanos: u64) -> u128 {
        u128::from(nanos) * u128::from(self.scale)
    }

    pub(in crate::limit) fn cost_of(&self, tokens: u64) -> u128 {
        u128::from(tokens) * u128::from(self.cost)
    }

    /// How far ahead of the clock the bucket may be promised.
    pub(in crate::limit) fn tolerance(&self) -> u128 {
        self.cost_of(u64::from(self.burst))
    }

    /// Rounded up: never early.
    pub(in crate::limit) fn nanos(&self, ticks: u128) -> u64 {
        u64::try_from(ticks.div_ceil(u128::from(self.scale))).unwrap_or(u64::MAX)
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// What a bucket holds: `full_at` is when it is full again, in ticks since the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::limit) struct Bucket {
    pub(in crate::limit) full_at: u128,
}

impl Bucket {
    /// When, in ticks, there is room for `tokens` more if nothing is left over from before `floor`.
    pub(in crate::limit) fn due(&self, rate: &Rate, floor: u128, tokens: u64) -> u128 {
        (self.full_at.max(floor) + rate.cost_of(tokens)).saturating_sub(rate.tolerance())
    }

    /// Takes `tokens`, due or not. Returns by how much it was ahead of `floor` before.
    pub(in crate::limit) fn take(&mut self, rate: &Rate, floor: u128, tokens: u64) -> u128 {
        let base = self.full_at.max(floor);
        self.full_at = base + rate.cost_of(tokens);
        base - floor
    }

    /// The bucket of another rate with as many tokens in it, fractions included, as far as it holds so many.
    pub(in crate::limit) fn convert(&self, from: &Rate, then: u64, to: &Rate, now: u64) -> Self {
        let (then, now) = (from.ticks(then), to.ticks(now));
        let held = from.tolerance().saturating_sub(self.full_at.saturating_sub(then));
        let (whole, part) = (held / u128::from(from.cost), held % u128::from(from.cost));
        // A part of a token is less than 2^55 ticks, and so is the cost it is multiplied with.
        let held = whole * u128::from(to.cost) + part * u128::from(to.cost) / u128::from(from.cost);
        Self { full_at: now + to.tolerance().saturating_sub(held) }
    }
}
