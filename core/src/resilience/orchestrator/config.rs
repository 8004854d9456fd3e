use crate::{
    ConfigError,
    resilience::{breaker, budget},
};

/// How an [`Orchestrator`](super::Orchestrator) works. Checked once, when it is made.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// How many tasks of a run are under way at once, 1 to 1,000,000, their pauses included. Default: 16.
    pub concurrency: usize,
    /// How many tasks a plan may have, 1 to 1,000,000. Default: 10,000.
    pub tasks_max: usize,
    /// What a failure does to the other tasks. Default: nothing.
    pub mode: Mode,
    /// How the breakers of dependencies work. One that is to work otherwise is put in by
    /// [`breakers`](super::Orchestrator::breakers).
    pub breaker: breaker::Config,
    /// How many retries and hedges there may be for one dependency. One that is to be otherwise is put in by
    /// [`budgets`](super::Orchestrator::budgets).
    pub budget: budget::Config,
    /// How many dependencies there may be, in all runs together, 1 to 1,000,000. Default: 1,000.
    pub dependencies_max: usize,
}

/// What the end of one task means to the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Mode {
    /// Nothing, but to those that come after it. All is run that can be.
    #[default]
    CollectAll,
    /// The first failure cancels the rest.
    FailFast,
    /// So many successes are enough: then the rest is cancelled; also as soon as so many can no longer be had.
    Quorum(usize),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            concurrency: 16,
            tasks_max: 10_000,
            mode: Mode::default(),
            breaker: breaker::Config::default(),
            budget: budget::Config::default(),
            dependencies_max: 1_000,
        }
    }
}

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refused = |field, value: usize| Err(ConfigError::new(field, value, "1 to 1000000"));
        let allowed = 1..=1_000_000;
        if !allowed.contains(&self.concurrency) {
            return refused("resilience::orchestrator::Config::concurrency", self.concurrency);
        }
        if !allowed.contains(&self.tasks_max) {
            return refused("resilience::orchestrator::Config::tasks_max", self.tasks_max);
        }
        if !allowed.contains(&self.dependencies_max) {
            return refused("resilience::orchestrator::Config::dependencies_max", self.dependencies_max);
        }
        if self.mode == Mode::Quorum(0) {
            let allowed = "at least 1: a quorum of none is met before it begins";
            return Err(ConfigError::new("resilience::orchestrator::Config::mode", "Quorum(0)", allowed));
        }
        Ok(())
    }
}
