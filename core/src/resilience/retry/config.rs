use std::time::Duration;

use super::Attempt;
use crate::{ConfigError, time::Backoff};

/// How often and when a [`Retry`](super::Retry) tries again. Checked once, when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// How many attempts are made at most, the first one included; at least 1. Default: 3.
    pub attempts_max: u32,
    /// The pauses between attempts. Default: 100 ms, doubled each time up to 10 s, with full jitter.
    pub backoff: Backoff,
    /// The longest pause the other side may ask for by [`Verdict::RetryAfter`](super::Verdict::RetryAfter). It gets it, and
    /// some of the backoff on top; who asks for more is not asked again: the call fails at once. Default: 30 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text"))]
    pub retry_after_max: Duration,
    /// What to do inside an attempt of another retry. Default: [`Nested::Once`].
    pub nested: Nested,
    /// How many attempts the ledger keeps, 1 to 10,000: the latest; those before are counted. Default: 16, some 100 bytes
    /// each.
    pub ledger_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            attempts_max: 3,
            backoff: Backoff::default(),
            retry_after_max: Duration::from_secs(30),
            nested: Nested::default(),
            ledger_max: 16,
        }
    }
}

impl Config {
    pub(in crate::resilience) fn check(&self) -> Result<(), ConfigError> {
        if self.attempts_max == 0 {
            let allowed = "at least 1: the first attempt counts";
            return Err(ConfigError::new("resilience::retry::Config::attempts_max", 0, allowed));
        }
        if !(1..=10_000).contains(&self.ledger_max) {
            let field = "resilience::retry::Config::ledger_max";
            return Err(ConfigError::new(field, self.ledger_max, "1 to 10000"));
        }
        self.backoff.check()
    }

    /// Whether a call inside `parent` leaves retrying to the call around it.
    pub(in crate::resilience) fn is_nested_in(&self, parent: Option<&Attempt>) -> bool {
        self.nested == Nested::Once && parent.is_some_and(Attempt::is_retried)
    }
}

/// What a retry does inside an attempt of another one that may itself try again.
///
/// Three layers of three attempts each are 27 requests to a backend that is down. One layer should retry: the outermost
/// that is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Nested {
    /// Makes one attempt and leaves the rest to the outer retry.
    #[default]
    Once,
    /// Retries as if there were no other. The attempts multiply.
    Multiply,
}
