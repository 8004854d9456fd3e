use std::time::{Duration, SystemTime};

/// What a [`Simulation`](crate::Simulation) is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where all chance of the run comes from. Default: 0.
    pub seed: u64,
    /// How far time moves in one step, in whole milliseconds. Default: 1 ms.
    ///
    /// Hosts take turns once a step, so two of them agree on the time to within a tick; a message takes at least one.
    /// A longer tick costs proportionally less.
    pub tick: Duration,
    /// The least a message takes between two hosts. Default: 1 ms.
    pub latency_min: Duration,
    /// The most a message takes between two hosts. Default: 5 ms.
    ///
    /// Most take little of the range: the distribution is exponential, a fifth of the range on average.
    pub latency_max: Duration,
    /// How much simulated time the clients may take before the run fails. Default: 10 min.
    pub limit: Duration,
    /// How often the tasks of one host may be polled within one tick before the run fails: a task that yields without
    /// end keeps simulated time from passing, and would hang the run. Default: 2,000,000.
    pub polls_per_tick_max: u64,
    /// The date at the start. Default: 14 November 2023, 22:13:20 UTC.
    pub epoch: SystemTime,
    /// Whether the network is IPv6 rather than IPv4; a simulation has one family. Default: no.
    pub ipv6: bool,
    /// Whether the seed also decides in which order hosts take turns, and which task that is ready lets others pass, so
    /// that seeds try different orders. Without it, it is always first come, first served. Default: yes.
    pub jitter: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 0,
            tick: Duration::from_millis(1),
            latency_min: Duration::from_millis(1),
            latency_max: Duration::from_millis(5),
            limit: Duration::from_secs(600),
            polls_per_tick_max: 2_000_000,
            epoch: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            ipv6: false,
            jitter: true,
        }
    }
}

/// A [`Config`] that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Time moves in whole milliseconds, because that is what tokio's timers can tell apart.
    #[error("`tick` is {tick:?}: it must be a whole number of milliseconds, at least one")]
    Tick {
        /// The value.
        tick: Duration,
    },
    /// The range of latencies is empty.
    #[error("`latency_min` is {min:?}: it must not be above `latency_max`, which is {max:?}")]
    Latency {
        /// The least.
        min: Duration,
        /// The most.
        max: Duration,
    },
    /// The date is before 1970.
    #[error("`epoch` must not be before 1970")]
    Epoch,
}

impl Config {
    /// The defaults with this seed.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let Self { tick, latency_min: min, latency_max: max, .. } = *self;
        if tick.is_zero() || !tick.as_nanos().is_multiple_of(1_000_000) {
            return Err(ConfigError::Tick { tick });
        }
        if min > max {
            return Err(ConfigError::Latency { min, max });
        }
        if self.epoch < SystemTime::UNIX_EPOCH {
            return Err(ConfigError::Epoch);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_that_makes_no_sense_is_refused_by_field() {
        let ms = Duration::from_millis;
        assert_eq!(Config::default().check(), Ok(()));
        for tick in [Duration::ZERO, Duration::from_micros(1500)] {
            assert_eq!(Config { tick, ..Config::default() }.check(), Err(ConfigError::Tick { tick }));
        }
        let latency = Config { latency_min: ms(7), latency_max: ms(6), ..Config::default() };
        assert_eq!(latency.check(), Err(ConfigError::Latency { min: ms(7), max: ms(6) }));
        let old = SystemTime::UNIX_EPOCH - ms(1);
        assert_eq!(Config { epoch: old, ..Config::default() }.check(), Err(ConfigError::Epoch));
    }
}
