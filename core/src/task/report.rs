use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::rt::TaskName;

/// The number of a task within its manager, in order of submission from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Where a task is. It moves from left to right only, and ends once:
/// `Pending → Running → Completed | Failed | Cancelled | TimedOut`. A pending task may also be cancelled or time out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Waiting for its turn.
    Pending,
    /// Running.
    Running,
    /// Finished with a result.
    Completed,
    /// Panicked, or finished with an error that its manager was told to look at.
    Failed,
    /// Cancelled while pending or running, or never accepted.
    Cancelled,
    /// Waited or ran too long.
    TimedOut,
}

impl Status {
    /// Whether the task has ended.
    pub fn is_end(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed out",
        })
    }
}

/// What is known of a task; plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Its number.
    pub id: TaskId,
    /// Its name.
    pub name: TaskName,
    /// Its priority.
    pub priority: i32,
    /// Where it is.
    pub status: Status,
    /// How often it was started: 0 or 1.
    pub attempts: u32,
    /// When it was submitted.
    pub created: Instant,
    /// When it started.
    pub started: Option<Instant>,
    /// When it ended.
    pub ended: Option<Instant>,
    /// Why it failed, was cancelled or timed out: the error and what caused it, outermost first.
    pub errors: Vec<String>,
}

impl Report {
    /// How long it waited for its turn, if that is over.
    pub fn queue_wait(&self) -> Option<Duration> {
        let over = self.started.or(self.ended)?;
        Some(over.saturating_duration_since(self.created))
    }

    /// How long it ran, if it ran and that is over.
    pub fn run_time(&self) -> Option<Duration> {
        Some(self.ended?.saturating_duration_since(self.started?))
    }
}

/// How many tasks a manager has seen, by where they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Accepted since the manager was made: the sum of all below up to `timed_out`.
    pub submitted: u64,
    /// Waiting for their turn now.
    pub pending: usize,
    /// Running now.
    pub running: usize,
    /// Finished with a result.
    pub completed: u64,
    /// Panicked, or finished with an error.
    pub failed: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// Waited or ran too long.
    pub timed_out: u64,
    /// Not accepted.
    pub rejected: u64,
    /// Reports that made room for later ones.
    pub reports_dropped: u64,
    /// The present bound of `running`.
    pub concurrency: usize,
}

impl Stats {
    pub(super) fn count(&mut self, end: Status) {
        match end {
            Status::Completed => self.completed += 1,
            Status::Failed => self.failed += 1,
            Status::Cancelled => self.cancelled += 1,
            Status::TimedOut => self.timed_out += 1,
            Status::Pending | Status::Running => {}
        }
    }
}
