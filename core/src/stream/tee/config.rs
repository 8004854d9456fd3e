use crate::ConfigError;

/// How a [`Tee`](super::Tee) works. Checked once, when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// How many items the slowest reader may lag behind the fastest, 1 to 1,000,000. Default: 1,024. So many items are
    /// kept at most; nothing is allocated ahead.
    pub lag_max: usize,
    /// What happens when it lags as far as that. Default: the fastest waits.
    pub on_lag: OnLag,
}

/// What happens when a reader lags behind as far as it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum OnLag {
    /// The fastest readers wait for it, so nobody misses an item. A reader that is kept and never read holds all others up.
    #[default]
    Wait,
    /// The oldest items are dropped, and it is told how many it [missed](super::TeeError::Missed).
    Skip,
}

impl Default for Config {
    fn default() -> Self {
        Self { lag_max: 1_024, on_lag: OnLag::default() }
    }
}

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if (1..=1_000_000).contains(&self.lag_max) {
            return Ok(());
        }
        Err(ConfigError::new("stream::tee::Config::lag_max", self.lag_max, "1 to 1000000"))
    }
}
