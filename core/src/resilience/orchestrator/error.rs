use std::{error::Error, fmt};

use crate::{
    resilience::{
        PolicyError,
        breaker::TooManyBreakers,
        budget::TooManyBudgets,
        policy::{Cause, Layer, Refusal},
        retry::Stop,
    },
    rt::{Panic, TaskName},
    time::DeadlineExceeded,
};

/// A plan was refused; nothing of it was started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Two tasks have one name.
    #[error("two tasks are named `{name}`; names tell tasks apart, give each its own")]
    Duplicate {
        /// The name.
        name: TaskName,
    },
    /// A task comes after one that is not in the plan.
    #[error("`{task}` comes after `{after}`, which is not in the plan")]
    Unknown {
        /// The task.
        task: TaskName,
        /// What it comes after.
        after: TaskName,
    },
    /// Tasks wait for each other.
    #[error("no task of this cycle could ever start: {}", Cycle(.tasks))]
    Cycle {
        /// The cycle: each comes after the next, and the last is the first again.
        tasks: Vec<TaskName>,
    },
    /// There are too many tasks.
    #[error("the plan has {tasks} tasks and may have {tasks_max}; run it in parts, or raise `tasks_max`")]
    TooManyTasks {
        /// How many.
        tasks: usize,
        /// How many there may be.
        tasks_max: usize,
    },
    /// The quorum is more than there are tasks.
    #[error("a quorum of {quorum} cannot be had of {tasks} tasks")]
    Quorum {
        /// The quorum.
        quorum: usize,
        /// How many tasks there are.
        tasks: usize,
    },
    /// There are too many dependencies.
    #[error(transparent)]
    TooManyDependencies(#[from] TooManyBreakers),
    /// There are too many dependencies with retry budgets.
    #[error(transparent)]
    TooManyBudgets(#[from] TooManyBudgets),
}

struct Cycle<'a>(&'a [TaskName]);

impl fmt::Display for Cycle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            write!(f, "{}`{name}`", if index == 0 { "" } else { " after " })?;
        }
        Ok(())
    }
}

/// Why a task did not succeed.
#[derive(Debug)]
#[non_exhaustive]
pub enum TaskError<E> {
    /// Its policy gave it up.
    Failed(PolicyError<E>),
    /// The task of that name, which it comes after, failed: it was not started.
    DependencyFailed(TaskName),
    /// It was cancelled because of that task: its failure, or its success that made the quorum.
    Cancelled(TaskName),
    /// The deadline of the run was over before it could start or end.
    DeadlineExceeded(DeadlineExceeded),
    /// It panicked.
    Panicked(Panic),
}

/// The reason in a word, for counting and for deciding what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// It failed for good, or as often as it may.
    Failed,
    /// The breaker of what it calls is open.
    Open,
    /// A layer of its policy other than the breaker let it not through.
    Refused(Layer),
    /// The retry budget is used up.
    Budget,
    /// A deadline came first.
    Deadline,
    /// It was cancelled.
    Cancelled,
    /// A task that it comes after failed.
    DependencyFailed,
    /// It panicked.
    Panicked,
}

impl<E> TaskError<E> {
    /// The reason in a word.
    pub fn why(&self) -> Why {
        match self {
            Self::Failed(error) => match (&error.cause, error.stop) {
                (Cause::Refused(Refusal::Breaker(_)), _) => Why::Open,
                (Cause::Refused(refusal), _) => Why::Refused(refusal.layer()),
                (Cause::DeadlineExceeded(_), _) | (_, Stop::Deadline) => Why::Deadline,
                (_, Stop::Budget) => Why::Budget,
                _ => Why::Failed,
            },
            Self::DependencyFailed(_) => Why::DependencyFailed,
            Self::Cancelled(_) => Why::Cancelled,
            Self::DeadlineExceeded(_) => Why::Deadline,
            Self::Panicked(_) => Why::Panicked,
        }
    }
}

impl<E> fmt::Display for TaskError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::DependencyFailed(name) => write!(f, "not started, because `{name}` failed"),
            Self::Cancelled(name) => write!(f, "cancelled, because of how `{name}` ended"),
            Self::DeadlineExceeded(exceeded) => write!(f, "{exceeded}"),
            Self::Panicked(panic) => write!(f, "{panic}"),
        }
    }
}

impl<E: Error + 'static> Error for TaskError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => error.source(),
            _ => None,
        }
    }
}
