use std::{error::Error, time::Duration};

/// What the `main` of a host ends with. An error fails the run.
pub type HostResult = Result<(), Box<dyn Error + Send + Sync>>;

/// Why a run failed, first of all: the seed to repeat it, when, and what.
#[derive(Debug, thiserror::Error)]
#[error("seed {seed:#x}, after {at:?} of simulated time: {cause}")]
#[non_exhaustive]
pub struct Failure {
    /// The seed of the run.
    pub seed: u64,
    /// The simulated time since the start, to the tick.
    pub at: Duration,
    /// What failed.
    pub cause: Cause,
}

/// What failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// There is no client, so nothing says when the run is over.
    #[error("the simulation has no client, so nothing says when it is over")]
    NoClient,
    /// The `main` of a host returned an error.
    #[error("host `{host}` failed: {error}")]
    HostFailed {
        /// The host.
        host: String,
        /// What it returned.
        error: Box<dyn Error + Send + Sync>,
    },
    /// The `main` of a host panicked.
    #[error("host `{host}` panicked: {message}")]
    HostPanicked {
        /// The host.
        host: String,
        /// What the panic said.
        message: String,
    },
    /// A task panicked and nobody was left to take the panic: it was detached, or its handle dropped.
    #[error("task `{task}` of host `{host}` panicked and nobody took it: {message}")]
    TaskPanicked {
        /// The host.
        host: String,
        /// The name the task was spawned under.
        task: String,
        /// What the panic said.
        message: String,
    },
    /// A task, the last of many polls, lets no time pass.
    #[error(
        "host `{host}` polled its tasks {polls} times within a tick, the last one `{task}`: does it yield for ever?"
    )]
    Livelock {
        /// The host.
        host: String,
        /// The name of the task that was polled last.
        task: &'static str,
        /// The limit of the configuration.
        polls: u64,
    },
    /// Clients had not ended when the time was up.
    #[error("not over within {limit:?}: these clients still run: {}", clients.join(", "))]
    NotOver {
        /// The limit of the configuration.
        limit: Duration,
        /// The clients.
        clients: Vec<String>,
    },
    /// turmoil or tokio gave up, or code that neither a host's `main` nor a task of `Rt::spawn` is.
    #[error("the simulator failed: {0}")]
    Simulator(String),
}
