use std::time::Duration;

use crate::{ConfigError, limit::Quota};

/// How a [`RateLimiter`](super::RateLimiter) works. Checked once, when the limiter is made.
///
/// # Examples
///
/// ```
/// use seaworthy_core::limit::{Quota, rate::Config};
///
/// let config = Config { quota: Quota::per_second(100), waiters_max: 500, ..Config::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// How much goes through. Default: [`Quota::paused`], nothing.
    ///
    /// It can be changed by [`set_quota`](super::RateLimiter::set_quota).
    pub quota: Quota,
    /// How many may wait, 0 to 100,000,000; at 0 nobody waits. Default: 10,000, some 200 bytes each beside their futures.
    pub waiters_max: usize,
    /// How late a slot may be given out, 0 to 1 minute. Default: 5 ms.
    ///
    /// Timers are late, by up to a millisecond on tokio. The slots that have come due meanwhile are given out together if
    /// they are no later than this; what is later is timed anew and never caught up. At 0 all that timers are late is
    /// lost: 10,000 a second come down to some 1,000.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text"))]
    pub catch_up_max: Duration,
    /// By how much earlier one seems to have come for each point of priority. Zero makes priorities void. `None` is no
    /// ageing: the higher priority goes first however long others have waited, so low ones may starve. Default: 1 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub ageing_step: Option<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            quota: Quota::default(),
            waiters_max: 10_000,
            catch_up_max: Duration::from_millis(5),
            ageing_step: Some(Duration::from_secs(1)),
        }
    }
}

impl From<Quota> for Config {
    fn from(quota: Quota) -> Self {
        Self { quota, ..Self::default() }
    }
}

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Self { quota, waiters_max, catch_up_max, .. } = *self;
        quota.check()?;
        if waiters_max > 100_000_000 {
            return Err(ConfigError::new("limit::rate::Config::waiters_max", waiters_max, "0 to 100000000"));
        }
        if catch_up_max > Duration::from_secs(60) {
            let value = format!("{catch_up_max:?}");
            return Err(ConfigError::new("limit::rate::Config::catch_up_max", value, "0 to 1 minute"));
        }
        Ok(())
    }
}
