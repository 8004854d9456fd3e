//! So much per second: a token bucket whose waiters reserve their slot and go through in order.
//!
//! # Laws
//!
//! 1. Slots obey the generic cell rate algorithm exactly: no windows, no rounding, no drift.
//! 2. Any interval `T` sees at most `burst + rate · (T + catch_up_max)` slots given out; without waiters,
//!    `burst + rate · T`. What a timer is late by is caught up to `catch_up_max` and then forgotten.
//! 3. Those who wait go first come, first served within their priority, and no newcomer overtakes them. With
//!    [`Config::ageing_step`] a priority is worth so much of waiting and no more, so that nobody waits for ever.
//! 4. Each waiter is woken once. The pacer, the one task that gives out slots, wakes once for a slot, a waiter that went
//!    away, or a change of the quota, and lives only while some wait. A waiter that is not polled stops nobody.
//! 5. What can never go through is refused at once: more than the burst; a wait that would end after its deadline, with how
//!    long it would be; a place in a line that is full.
//! 6. A waiter that is dropped gives its slot back, and those behind it move forward.
//! 7. A change of the quota moves everyone who waits at once, and makes and loses no token. Rate 0 is *paused*.
//! 8. A clock that stands still or jumps adds no tokens: never are there more than `burst`.
//!
//! # Sources
//!
//! The algorithm is the virtual scheduling form of GCRA, ITU-T I.371. That a limiter should reserve a slot and then wait
//! for it is the way of Go's `x/time/rate`.

mod acquiring;
mod bucket;
mod config;
mod driver;
mod error;
mod fast;
mod line;
mod pacer;
mod state;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

pub use self::{
    acquiring::Acquiring,
    config::Config,
    error::{AcquireError, TryAcquireError},
};
pub(super) use self::{
    bucket::{Bucket, Rate},
    driver::{Inner, nanos},
};
use super::{Acquire, Quota};
use crate::{ConfigError, rt::Rt};

/// Lets so much through per second, in order.
///
/// Clones are the same limiter. See the [module](self) for the laws. A token is whatever is counted: a call, a byte; `n`
/// of them at once cost as much as `n` in a row.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::limit::{Quota, RateLimiter};
///
/// let limiter = RateLimiter::new(&rt, Quota::per_second(100).burst(20))?;
/// let start = rt.now();
/// for _ in 0..120 {
///     limiter.acquire(1).await?;
/// }
/// // Twenty at once, and then one each 10 ms.
/// assert_eq!(rt.now() - start, Duration::from_secs(1));
/// let refused = limiter.try_acquire(5).unwrap_err();
/// assert_eq!(refused.retry_after(), Some(Duration::from_millis(50)));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct RateLimiter {
    inner: Arc<Inner>,
}

impl RateLimiter {
    /// A limiter with a full bucket, and the defaults of [`Config`].
    ///
    /// # Errors
    ///
    /// If the quota is out of range, by field.
    pub fn new(rt: &Rt, quota: Quota) -> Result<Self, ConfigError> {
        Self::with_config(rt, quota.into())
    }

    /// A limiter with a full bucket.
    ///
    /// # Errors
    ///
    /// If `config` is out of range, by field.
    pub fn with_config(rt: &Rt, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { inner: Arc::new(Inner::new(rt, &config)) })
    }

    /// Takes `n` tokens if there are as many and nobody waits for them. None at all is always there.
    ///
    /// It reads the clock once and, while nobody waits, takes no lock, however long the limiter lives. Its numbers of 64 bits
    /// last for 146 years of most quotas and for 8 minutes of one as awkward as 9,999,991 a second; then one call begins
    /// them again, under the lock. Where they would not last for a minute (more than some 70,000,000 tokens in a period
    /// with which they have no factor in common, or a burst that takes longer to come back than they last) each call takes
    /// a lock that is held briefly, and is as exact.
    ///
    /// # Errors
    ///
    /// Why not, and when to come back.
    #[inline]
    pub fn try_acquire(&self, n: u32) -> Result<(), TryAcquireError> {
        self.inner.try_acquire(n)
    }

    /// Waits for `n` tokens: first come, first served.
    ///
    /// # Errors
    ///
    /// At once, if `n` is more than the burst or as many wait as may.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, its place or its slot goes to the next in line.
    pub fn acquire(&self, n: u32) -> Acquiring {
        self.acquire_with(n, Acquire::default())
    }

    /// As [`acquire`](Self::acquire), with a deadline and a priority.
    ///
    /// # Errors
    ///
    /// At once, if `n` is more than the burst, as many wait as may, or the wait would end after the deadline; so also
    /// those who wait already, when the quota is changed. [`AcquireError::DeadlineExceeded`] when the deadline comes all
    /// the same, because the limiter was paused or more urgent ones came later.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, its place or its slot goes to the next in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use seaworthy_core::{limit::{Acquire, Quota, RateLimiter}, time::Deadline};
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// let limiter = RateLimiter::new(&rt, Quota::per_minute(1)).unwrap();
    /// limiter.try_acquire(1).unwrap();
    /// let deadline = Deadline::after(&rt, "checkout", Duration::from_secs(2));
    /// let how = Acquire { deadline: Some(deadline), ..Acquire::default() };
    /// assert_eq!(
    ///     limiter.acquire_with(1, how).await.unwrap_err().to_string(),
    ///     "the limiter would make `checkout` wait 60s and it has only 2s; come back later"
    /// );
    /// # });
    /// ```
    pub fn acquire_with(&self, n: u32, how: Acquire) -> Acquiring {
        Acquiring::new(&self.inner, n, how)
    }

    /// Changes the quota for everyone, those included who wait.
    ///
    /// What is in the bucket stays in it, as far as the new burst allows, and fills up at the new rate.
    ///
    /// # Errors
    ///
    /// If the quota is out of range, by field.
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use seaworthy_core::limit::{Quota, RateLimiter, TryAcquireError};
    ///
    /// let limiter = RateLimiter::new(&rt, Quota::per_second(100)).unwrap();
    /// limiter.set_quota(Quota::paused()).unwrap();
    /// assert_eq!(limiter.try_acquire(1), Err(TryAcquireError::Paused));
    /// # });
    /// ```
    pub fn set_quota(&self, quota: Quota) -> Result<(), ConfigError> {
        quota.check()?;
        self.inner.set_quota(quota);
        Ok(())
    }

    pub(in crate::limit) fn rt(&self) -> &Rt {
        &self.inner.rt
    }

    /// What there is, who waits for it, and what has become of those who came.
    pub fn stats(&self) -> Stats {
        self.inner.stats()
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// What a [`RateLimiter`] has, who waits for it, and what has become of those who came.
///
/// Those who go through at once, or do not wait, are not counted: that would cost them more than the limiter itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// What goes through.
    pub quota: Quota,
    /// How many tokens there are.
    pub available: u32,
    /// How many wait.
    pub waiting: usize,
    /// How many have waited and were let through.
    pub waited: u64,
    /// How many wanted to wait and were refused: too many tokens, a full line, a deadline too soon.
    pub refused: u64,
    /// How many waited until their deadline.
    pub timed_out: u64,
}
