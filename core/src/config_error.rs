use std::fmt::Display;

/// A config was refused: which field, its value, and what is allowed.
///
/// Every component checks its config once, when it is made; nothing is clamped in silence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} = {value} is refused: {allowed}")]
#[non_exhaustive]
pub struct ConfigError {
    /// The field, with its component: `task::Config::concurrency`.
    pub field: &'static str,
    /// The value it had.
    pub value: String,
    /// What it may be.
    pub allowed: &'static str,
}

impl ConfigError {
    /// Refuses `field`. For components of your own that want to speak as these do.
    pub fn new(field: &'static str, value: impl Display, allowed: &'static str) -> Self {
        Self { field, value: value.to_string(), allowed }
    }
}
