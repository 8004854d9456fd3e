use crate::ConfigError;

/// How many items of a stream are worked on at once, and in which order their results come. Checked once, when the
/// adapter is made.
///
/// # Examples
///
/// ```
/// use seaworthy_core::stream::{Concurrency, Order};
///
/// let concurrency = Concurrency { tasks_max: 8, order: Order::AsCompleted, ..Concurrency::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Concurrency {
    /// How many items are worked on at once, 1 to 1,000,000. Default: 16.
    pub tasks_max: usize,
    /// How many results may wait for the consumer, beside the items that are worked on, 0 to 1,000,000. Default: 64.
    ///
    /// At most `tasks_max + read_ahead_max` items are taken from the source and not yet handed over. With 0 a result that
    /// nobody takes keeps its task from the next item; with [`Order::Kept`] one slow item soon stops all others.
    pub read_ahead_max: usize,
    /// In which order results come. Default: [`Order::Kept`].
    pub order: Order,
}

/// In which order results come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Order {
    /// In that of the items: a result waits for those before it.
    #[default]
    Kept,
    /// In that in which they are completed.
    AsCompleted,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self { tasks_max: 16, read_ahead_max: 64, order: Order::default() }
    }
}

impl Concurrency {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !(1..=1_000_000).contains(&self.tasks_max) {
            return Err(ConfigError::new("stream::Concurrency::tasks_max", self.tasks_max, "1 to 1000000"));
        }
        if self.read_ahead_max > 1_000_000 {
            let field = "stream::Concurrency::read_ahead_max";
            return Err(ConfigError::new(field, self.read_ahead_max, "0 to 1000000"));
        }
        Ok(())
    }
}
