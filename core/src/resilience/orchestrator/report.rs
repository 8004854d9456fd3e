use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::{TaskError, Why};
use crate::{resilience::retry::Ledger, rt::TaskName};

/// What became of a plan.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report<T, E> {
    /// Its tasks, in the order of the plan.
    pub tasks: Vec<Outcome<T, E>>,
    /// Whether it came out as its mode asks: all have succeeded, or the quorum.
    pub is_met: bool,
    /// How long it took.
    pub elapsed: Duration,
}

/// What became of a task.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome<T, E> {
    /// Its name.
    pub name: TaskName,
    /// Its value, or why it has none.
    pub result: Result<T, TaskError<E>>,
    /// Its attempts. Empty if it was cancelled or panicked.
    pub ledger: Ledger,
    /// From the start of the run until it started: for others, and for its turn. If it never did, until that was clear.
    pub waited: Duration,
    /// How long it ran, its pauses included; nothing if it was not started.
    pub ran: Duration,
}

impl<T, E> Report<T, E> {
    /// The task of that name.
    pub fn get(&self, name: &str) -> Option<&Outcome<T, E>> {
        self.tasks.iter().find(|task| task.name == name)
    }

    /// Those that did not succeed.
    pub fn failures(&self) -> impl Iterator<Item = &Outcome<T, E>> {
        self.tasks.iter().filter(|task| task.result.is_err())
    }
}

impl<T, E> Outcome<T, E> {
    /// Its value, if it has one.
    pub fn value(&self) -> Option<&T> {
        self.result.as_ref().ok()
    }

    /// How many attempts were made.
    pub fn attempts(&self) -> u32 {
        self.ledger.attempts()
    }

    /// The last error of its operation, if it ended with one.
    pub fn last_error(&self) -> Option<&E> {
        match &self.result {
            Err(TaskError::Failed(error)) => error.last.as_ref(),
            _ => None,
        }
    }

    /// Why it did not succeed, in a word. `None` if it did.
    pub fn why(&self) -> Option<Why> {
        self.result.as_ref().err().map(TaskError::why)
    }
}

/// What the runs of an [`Orchestrator`](super::Orchestrator) came to. Of a run that was dropped, the tasks that had not
/// ended are counted nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Runs that were begun.
    pub runs: u64,
    /// Runs that came to a report.
    pub reported: u64,
    /// Tasks that have succeeded.
    pub succeeded: u64,
    /// Tasks that failed, panicked or ran out of time.
    pub failed: u64,
    /// Tasks that were not started, because one before them failed.
    pub skipped: u64,
    /// Tasks that were cancelled.
    pub cancelled: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) runs: AtomicU64,
    pub(super) reported: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    skipped: AtomicU64,
    cancelled: AtomicU64,
}

impl Counters {
    pub(super) fn count(&self, why: Option<Why>) {
        let counter = match why {
            None => &self.succeeded,
            Some(Why::DependencyFailed) => &self.skipped,
            Some(Why::Cancelled) => &self.cancelled,
            Some(_) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            runs: read(&self.runs),
            reported: read(&self.reported),
            succeeded: read(&self.succeeded),
            failed: read(&self.failed),
            skipped: read(&self.skipped),
            cancelled: read(&self.cancelled),
        }
    }
}
