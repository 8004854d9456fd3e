use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use parking_lot::Mutex;

use super::{
    Config,
    config::{ONE, billionths},
};

/// The token bucket, in billionths of a token: pure, and shared between threads.
///
/// A full bucket, as it is while all goes well, is only read. The reserve is added when someone asks for a token, which is
/// early enough: until then nobody can tell.
#[derive(Debug)]
pub(super) struct Tokens {
    level: AtomicU64,
    level_max: u64,
    /// What a first attempt adds.
    deposit: u64,
    /// What a nanosecond adds: billionths of a token a nanosecond are tokens a second.
    reserve: u64,
    /// Up to when the reserve has been added. Whoever withdraws holds it, so that no two add the same time.
    added_until: Mutex<Instant>,
}

impl Tokens {
    pub(super) fn new(config: &Config, now: Instant) -> Self {
        let level_max = u64::from(config.tokens_max) * ONE;
        Self {
            level: AtomicU64::new(level_max),
            level_max,
            deposit: billionths(config.ratio),
            reserve: u64::from(config.reserve_per_second),
            added_until: Mutex::new(now),
        }
    }

    /// A first attempt was made.
    pub(super) fn deposit(&self) {
        self.add(self.deposit);
    }

    /// Takes a token if there is one.
    pub(super) fn withdraw(&self, now: Instant) -> bool {
        let mut added_until = self.added_until.lock();
        self.add(self.reserve_since(*added_until, now));
        *added_until = now.max(*added_until);
        self.level.try_update(Ordering::Relaxed, Ordering::Relaxed, |level| level.checked_sub(ONE)).is_ok()
    }

    /// Whole tokens that could be taken now.
    pub(super) fn available(&self, now: Instant) -> u64 {
        let added_until = self.added_until.lock();
        let reserve = self.reserve_since(*added_until, now);
        self.level.load(Ordering::Relaxed).saturating_add(reserve).min(self.level_max) / ONE
    }

    /// As of the last withdrawal and the deposits since.
    pub(super) fn is_half_full(&self) -> bool {
        self.level.load(Ordering::Relaxed) >= self.level_max / 2
    }

    fn reserve_since(&self, then: Instant, now: Instant) -> u64 {
        let nanos = now.saturating_duration_since(then).as_nanos();
        u64::try_from(nanos.saturating_mul(u128::from(self.reserve))).unwrap_or(u64::MAX)
    }

    fn add(&self, amount: u64) {
        let filled =
            |level: u64| (level < self.level_max).then(|| level.saturating_add(amount).min(self.level_max));
        if amount > 0 && self.level.load(Ordering::Relaxed) < self.level_max {
            self.level.try_update(Ordering::Relaxed, Ordering::Relaxed, filled).ok();
        }
    }
}
