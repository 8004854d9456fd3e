use std::{any::Any, fmt};

use parking_lot::Mutex;

/// Why a task gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// It was cancelled, or its runtime ended, before it finished.
    #[error("task `{task}` was cancelled before it finished")]
    Cancelled {
        /// The name it was spawned under.
        task: &'static str,
    },
    /// It panicked.
    #[error("{0}")]
    Panicked(Panic),
    /// It would have to wait for itself: a task that awaits or cancels its own handle.
    #[error("task `{task}` waits for itself and would do so for ever")]
    WouldDeadlock {
        /// The name it was spawned under.
        task: &'static str,
    },
}

impl JoinError {
    /// Whether the task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled { .. })
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

/// A panic that was caught: which task, and what it said.
pub struct Panic {
    task: &'static str,
    payload: Mutex<Box<dyn Any + Send>>,
}

impl Panic {
    /// Wraps what `catch_unwind` returned.
    pub fn new(task: &'static str, payload: Box<dyn Any + Send>) -> Self {
        Self { task, payload: Mutex::new(payload) }
    }

    /// The name the task was spawned under.
    pub fn task(&self) -> &'static str {
        self.task
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
