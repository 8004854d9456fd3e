use std::time::Duration;

use crate::ConfigError;

/// How a [`Bulkhead`](super::Bulkhead) works. Checked once, when the bulkhead is made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// How many hold a permit at once, 1 to 1,000,000. Default: 16.
    ///
    /// It can be changed while permits are held, also to 0, by [`resize`](super::Bulkhead::resize).
    pub permits: usize,
    /// How many may wait for one, 0 to 100,000,000; at 0 nobody waits. Whoever had a place and did not come for its permit
    /// in time comes back beyond it. Default: 10,000, some 100 bytes each beside their futures.
    pub waiters_max: usize,
    /// How long a permit that was handed over may lie there before the next in line gets it: the task that waited for it is
    /// not being polled. `None` and zero mean for ever. Default: 1 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub handover_max: Option<Duration>,
    /// By how much earlier one seems to have come for each point of priority. Zero makes priorities void. `None` is no
    /// ageing: the higher priority goes first however long others have waited, so low ones may starve. Default: 1 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub ageing_step: Option<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self { permits: 16, waiters_max: 10_000, handover_max: Some(second), ageing_step: Some(second) }
    }
}

const PERMITS_MAX: usize = 1_000_000;

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Self { permits, waiters_max, .. } = *self;
        if permits == 0 {
            let allowed = "1 to 1000000; to start closed, resize it to 0 later";
            return Err(ConfigError::new("limit::bulkhead::Config::permits", permits, allowed));
        }
        if waiters_max > 100_000_000 {
            let allowed = "0 to 100000000";
            return Err(ConfigError::new("limit::bulkhead::Config::waiters_max", waiters_max, allowed));
        }
        check_permits(permits)
    }
}

/// Of a bulkhead that is there already, 0 permits are fine.
pub(super) fn check_permits(permits: usize) -> Result<(), ConfigError> {
    if permits > PERMITS_MAX {
        return Err(ConfigError::new("limit::bulkhead::Config::permits", permits, "0 to 1000000"));
    }
    Ok(())
}
