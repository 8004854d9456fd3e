use std::{any::Any, borrow::Cow, fmt, time::Duration};

use parking_lot::Mutex;

/// The name of a task: text of the program, or made at run time.
pub type TaskName = Cow<'static, str>;

/// Why a task gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// It was cancelled, or its runtime ended, before it finished.
    #[error("task `{task}` was cancelled before it finished")]
    Cancelled {
        /// Its name.
        task: TaskName,
    },
    /// It panicked.
    #[error("{0}")]
    Panicked(Panic),
    /// It would have to wait for itself, directly or through the tasks of its manager that wait for each other.
    #[error("task `{task}` would wait for ever: all that could let it go on are waiting themselves")]
    WouldDeadlock {
        /// The name of the task that was awaited.
        task: TaskName,
    },
    /// It did not start, or did not finish, in the time its manager was told to give it.
    #[error("task `{task}` was still {phase} after its limit of {limit:?}")]
    TimedOut {
        /// Its name.
        task: TaskName,
        /// What took too long.
        phase: TaskPhase,
        /// The limit.
        limit: Duration,
    },
    /// Its manager did not take it, so it was dropped unpolled.
    #[error("task `{task}` was not accepted: {reason}")]
    Rejected {
        /// Its name.
        task: TaskName,
        /// Why not.
        reason: Rejection,
    },
}

/// Where a task was when its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskPhase {
    /// Waiting for its turn.
    Queued,
    /// Running.
    Running,
}

/// Why a manager does not take a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// As many tasks are queued as may be.
    #[error("{queued} tasks are queued and no more may be; submit later, or wait for room")]
    Full {
        /// How many.
        queued: usize,
    },
    /// The manager is shutting down, or gone.
    #[error("its manager is shut down")]
    ShutDown,
}

impl JoinError {
    /// Whether the task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled { .. })
    }

    /// Whether the task ran out of time.
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }

    /// Goes on with the panic of a task that panicked; gives any other error back.
    ///
    /// # Panics
    ///
    /// With the task's own payload, if it panicked.
    pub fn resume_panic(self) -> Self {
        match self {
            Self::Panicked(panic) => std::panic::resume_unwind(panic.into_payload()),
            other => other,
        }
    }
}

impl fmt::Display for TaskPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queued => "queued",
            Self::Running => "running",
        })
    }
}

/// A panic that was caught: which task, and what it said.
pub struct Panic {
    task: TaskName,
    payload: Mutex<Box<dyn Any + Send>>,
}

impl Panic {
    /// Wraps what `catch_unwind` returned.
    pub fn new(task: impl Into<TaskName>, payload: Box<dyn Any + Send>) -> Self {
        Self { task: task.into(), payload: Mutex::new(payload) }
    }

    /// The name of the task.
    pub fn task(&self) -> &str {
        &self.task
    }

    /// What `panic!` was given, if it was text, as it nearly always is.
    pub fn message(&self) -> String {
        let payload = self.payload.lock();
        payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "(no text)".to_owned())
    }

    pub(super) fn log(&self) {
        tracing::error!(
            name: "seaworthy.rt.panic",
            task = self.task(),
            message = self.message(),
            "a panic that no handle was left to take"
        );
    }

    /// The payload itself, for [`std::panic::resume_unwind`].
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.payload.into_inner()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task `{}` panicked: {}", self.task, self.message())
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panic").field("task", &self.task).field("message", &self.message()).finish()
    }
}
