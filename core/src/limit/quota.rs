use std::{fmt, time::Duration};

use crate::ConfigError;

/// How much per how long, and how much of it at once: 100 per second with a burst of 20.
///
/// A bucket holds `burst` tokens and starts full; each acquisition takes some out; they come back evenly, `tokens` in a
/// `period`, to the nanosecond and without drift. Any interval `T` sees at most `burst + tokens × T / period` go through:
/// there are no windows, at whose edge twice the burst would pass.
///
/// Checked when it is given to a limiter.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use seaworthy_core::limit::Quota;
///
/// let even = Quota::per_second(100); // one each 10 ms
/// let bursts = Quota::per_second(100).burst(20); // up to 20 at once
/// let slow = Quota::per(5, Duration::from_secs(3600));
/// let nothing = Quota::paused();
/// # let _ = (even, bursts, slow, nothing);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Quota {
    /// How many tokens come back in a `period`. At 0 the limiter is paused: nothing goes through, and those who come wait.
    pub tokens: u32,
    /// In which time, from 1 ns to 366 days.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text"))]
    pub period: Duration,
    /// How many may go through at once after a while of rest; at least 1. Default: 1, everything evenly spaced.
    #[cfg_attr(feature = "serde", serde(default = "one"))]
    pub burst: u32,
}

#[cfg(feature = "serde")]
fn one() -> u32 {
    1
}

impl Default for Quota {
    /// [`paused`](Self::paused).
    fn default() -> Self {
        Self::paused()
    }
}

const PERIOD_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

impl Quota {
    /// So many a second, evenly spaced.
    pub fn per_second(tokens: u32) -> Self {
        Self::per(tokens, Duration::from_secs(1))
    }

    /// So many a minute, evenly spaced.
    pub fn per_minute(tokens: u32) -> Self {
        Self::per(tokens, Duration::from_secs(60))
    }

    /// So many in a period, evenly spaced.
    pub fn per(tokens: u32, period: Duration) -> Self {
        Self { tokens, period, burst: 1 }
    }

    /// Nothing at all, until [`set_quota`](super::RateLimiter::set_quota) says otherwise.
    pub fn paused() -> Self {
        Self::per_second(0)
    }

    /// So many at once after a while of rest.
    #[must_use]
    pub fn burst(mut self, burst: u32) -> Self {
        self.burst = burst;
        self
    }

    /// Whether it lets nothing through.
    pub fn is_paused(&self) -> bool {
        self.tokens == 0
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Self { period, burst, .. } = *self;
        if burst == 0 {
            return Err(ConfigError::new("limit::Quota::burst", burst, "at least 1"));
        }
        if period.is_zero() || period > PERIOD_MAX {
            return Err(ConfigError::new("limit::Quota::period", format!("{period:?}"), "1 ns to 366 days"));
        }
        Ok(())
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tokens, period, burst } = self;
        if self.is_paused() {
            return f.write_str("nothing (paused)");
        }
        write!(f, "{tokens} per {period:?}, {burst} at once")
    }
}
