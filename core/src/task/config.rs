use std::time::Duration;

use crate::{ConfigError, rt::TaskName, wait::Key};

/// How a [`TaskManager`](super::TaskManager) works. Checked once, when the manager is made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// How many tasks run at once, 1 to 1,000,000. Default: 16.
    ///
    /// It can be changed while tasks run, also to 0, by
    /// [`set_concurrency`](super::TaskManager::set_concurrency).
    pub concurrency: usize,
    /// How many tasks may be queued, 1 to 100,000,000. Default: 1,000,000, at most half a KiB each beside their futures.
    pub pending_max: usize,
    /// Which queued task starts first. Default: [`Order::Ageing`] with a step of one second.
    pub order: Order,
    /// What the failure of one task does to the others. Default: nothing.
    pub on_failure: OnFailure,
    /// How many reports of ended tasks are kept, the latest; 0 keeps none. Default: 10,000, some 150 bytes each.
    pub reports_max: usize,
    /// How many events a slow reader of [`events`](super::TaskManager::events) may lag behind, 1 to 1,000,000.
    /// Default: 1,024. Nothing is kept while nobody reads.
    pub events_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            concurrency: 16,
            pending_max: 1_000_000,
            order: Order::default(),
            on_failure: OnFailure::default(),
            reports_max: 10_000,
            events_max: 1_024,
        }
    }
}

pub(super) const CONCURRENCY_MAX: usize = 1_000_000;

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Self { concurrency, pending_max, events_max, .. } = *self;
        if !(1..=CONCURRENCY_MAX).contains(&concurrency) {
            let allowed = "1 to 1000000; to start paused, set it to 0 later";
            return Err(ConfigError::new("task::Config::concurrency", concurrency, allowed));
        }
        if !(1..=100_000_000).contains(&pending_max) {
            return Err(ConfigError::new("task::Config::pending_max", pending_max, "1 to 100000000"));
        }
        if !(1..=1_000_000).contains(&events_max) {
            return Err(ConfigError::new("task::Config::events_max", events_max, "1 to 1000000"));
        }
        Ok(())
    }
}

/// Which of the queued tasks starts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Order {
    /// The highest priority first, then the first submitted. Low priorities may starve.
    Strict,
    /// As if a task had been submitted `step` earlier for each point of its priority, then the first submitted.
    ///
    /// A task is passed only by those submitted within the difference of their boosts after it, so none starves as long
    /// as running tasks end. A step of zero is first in, first out.
    Ageing {
        /// What a point of priority is worth. Default: 1 s.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::text"))]
        step: Duration,
    },
}

impl Default for Order {
    fn default() -> Self {
        Self::Ageing { step: Duration::from_secs(1) }
    }
}

impl Order {
    pub(super) fn key(self, since_epoch: Duration, priority: i32) -> Key {
        match self {
            Self::Strict => Key::strict(priority),
            Self::Ageing { step } => Key::ageing(since_epoch, priority, step),
        }
    }
}

/// What the failure of one task (a panic, or an error of [`submit_fallible`](super::TaskManager::submit_fallible)) does
/// to the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum OnFailure {
    /// Nothing.
    #[default]
    Continue,
    /// All others, queued and running, are cancelled. Tasks submitted later run.
    CancelAll,
}

/// What a manager should know of a task: its name, and how urgent and how patient it is.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use seaworthy_core::task::Spec;
///
/// let spec = Spec::new("thumbnails").priority(5).run_timeout(Duration::from_secs(30));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    pub(super) name: TaskName,
    pub(super) priority: i32,
    pub(super) queue_timeout: Option<Duration>,
    pub(super) run_timeout: Option<Duration>,
}

impl Spec {
    /// A task with that name, of priority 0, without limits.
    pub fn new(name: impl Into<TaskName>) -> Self {
        Self { name: name.into(), priority: 0, queue_timeout: None, run_timeout: None }
    }

    /// Higher starts earlier. Default: 0.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// How long it may wait for its turn; then it ends as timed out, unpolled. Default: no limit.
    #[must_use]
    pub fn queue_timeout(mut self, limit: Duration) -> Self {
        self.queue_timeout = Some(limit);
        self
    }

    /// How long it may run, counted from its first `Pending`; then it is dropped and ends as timed out. Default: no
    /// limit. A task that blocks its thread cannot be stopped by this.
    #[must_use]
    pub fn run_timeout(mut self, limit: Duration) -> Self {
        self.run_timeout = Some(limit);
        self
    }
}

impl<N: Into<TaskName>> From<N> for Spec {
    fn from(name: N) -> Self {
        Self::new(name)
    }
}
