use std::time::Duration;

use crate::{ConfigError, limit::Quota};

/// How a [`KeyedRateLimiter`](super::KeyedRateLimiter) works. Checked once, when the limiter is made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// How many keys are kept, 1 to 100,000,000, in [shards](super#shards). Default: 100,000, some 120 bytes each beside the
    /// key.
    ///
    /// A key that comes when the table is full takes the place of one whose bucket is full again, of which nothing is
    /// lost. If there is none it is refused.
    pub keys_max: usize,
    /// How long a key is kept after its bucket is full again, 0 to 366 days. Default: 1 minute.
    ///
    /// Keys are dropped as others come to the same shard, two at most for each that comes.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text"))]
    pub idle_after: Duration,
    /// How many may wait for each key, 0 to 100,000,000; at 0 nobody waits. Default: 100.
    pub waiters_max: usize,
    /// How late a slot may be given out, see [`rate::Config`](crate::limit::rate::Config::catch_up_max). Default: 5 ms.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text"))]
    pub catch_up_max: Duration,
    /// What a point of priority is worth to those who wait for one key, see
    /// [`rate::Config`](crate::limit::rate::Config::ageing_step). Default: 1 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub ageing_step: Option<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            keys_max: 100_000,
            idle_after: Duration::from_secs(60),
            waiters_max: 100,
            catch_up_max: Duration::from_millis(5),
            ageing_step: Some(Duration::from_secs(1)),
        }
    }
}

impl Config {
    pub(super) fn check(&self, quota: &Quota) -> Result<(), ConfigError> {
        let Self { keys_max, idle_after, waiters_max, catch_up_max, .. } = *self;
        quota.check()?;
        if !(1..=100_000_000).contains(&keys_max) {
            return Err(ConfigError::new("limit::keyed::Config::keys_max", keys_max, "1 to 100000000"));
        }
        if idle_after > Duration::from_secs(366 * 24 * 3600) {
            let value = format!("{idle_after:?}");
            return Err(ConfigError::new("limit::keyed::Config::idle_after", value, "0 to 366 days"));
        }
        if waiters_max > 100_000_000 {
            return Err(ConfigError::new("limit::keyed::Config::waiters_max", waiters_max, "0 to 100000000"));
        }
        if catch_up_max > Duration::from_secs(60) {
            let value = format!("{catch_up_max:?}");
            return Err(ConfigError::new("limit::keyed::Config::catch_up_max", value, "0 to 1 minute"));
        }
        Ok(())
    }
}

/// There is no way to change the quota later.
pub(super) fn paused() -> ConfigError {
    ConfigError::new("limit::Quota::tokens", 0, "at least 1 for a limiter with keys")
}
