use crate::ConfigError;

/// How a [`Budget`](super::Budget) of tokens fills. Checked once, when the budget is made.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// Tokens that each first attempt adds, 0 to 100: 0.1 lets one call in ten be retried for long. Default: 0.1.
    pub ratio: f64,
    /// The most tokens there are, 1 to 1,000,000,000: how many retries may come at once. Default: 100.
    pub tokens_max: u32,
    /// Tokens that each second adds, 0 to 1,000,000, so that clients with few calls can retry, too. Default: 1.
    pub reserve_per_second: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { ratio: 0.1, tokens_max: 100, reserve_per_second: 1 }
    }
}

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Self { ratio, tokens_max, reserve_per_second } = *self;
        check_ratio("resilience::budget::Config::ratio", ratio)?;
        if !(1..=1_000_000_000).contains(&tokens_max) {
            let field = "resilience::budget::Config::tokens_max";
            return Err(ConfigError::new(
                field,
                tokens_max,
                "1 to 1000000000; to switch retries off, allow 1 attempt",
            ));
        }
        if reserve_per_second > 1_000_000 {
            let field = "resilience::budget::Config::reserve_per_second";
            return Err(ConfigError::new(field, reserve_per_second, "0 to 1000000"));
        }
        Ok(())
    }
}

/// How many retries a [`Budget::in_flight`](super::Budget::in_flight) lets be under way. Checked once, when the budget is
/// made.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct InFlight {
    /// Retries for each call in flight, 0 to 100. Default: 0.2.
    pub ratio: f64,
    /// Retries that may be under way however few calls are, 0 to 1,000,000. Default: 3.
    pub retries_min: u32,
}

impl Default for InFlight {
    fn default() -> Self {
        Self { ratio: 0.2, retries_min: 3 }
    }
}

impl InFlight {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        check_ratio("resilience::budget::InFlight::ratio", self.ratio)?;
        if self.retries_min > 1_000_000 {
            let field = "resilience::budget::InFlight::retries_min";
            return Err(ConfigError::new(field, self.retries_min, "0 to 1000000"));
        }
        Ok(())
    }
}

/// NaN is in no range.
fn check_ratio(field: &'static str, ratio: f64) -> Result<(), ConfigError> {
    if (0.0..=100.0).contains(&ratio) {
        Ok(())
    } else {
        Err(ConfigError::new(field, ratio, "a number from 0 to 100"))
    }
}

/// One, as this module counts: billionths.
pub(super) const ONE: u64 = 1_000_000_000;

/// A checked ratio in billionths, rounded down.
pub(super) fn billionths(ratio: f64) -> u64 {
    (ratio * ONE as f64) as u64
}
