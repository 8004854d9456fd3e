use std::{error::Error, fmt, sync::Arc, time::Duration};

use super::Holder;
use crate::time::{DeadlineExceeded, Shown};

/// Why a [`Pool::get`](super::Pool::get) gave no lease.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError<E: Error + 'static> {
    /// Time was over. It says what went on.
    #[error(transparent)]
    TimedOut(Box<TimedOut<E>>),
    /// A connect failed in a way that another try would not mend: [`Manager::is_fatal`](super::Manager::is_fatal).
    #[error(transparent)]
    ConnectFailed(ConnectFailed<E>),
    /// As many callers wait as may.
    #[error(
        "{waiting} callers wait for a connection already and no more may; \
         ask for less at once, or raise `waiters_max`"
    )]
    QueueFull {
        /// How many.
        waiting: usize,
    },
    /// The pool was closed, or its runtime has ended.
    #[error("the pool is closed")]
    Closed,
}

/// A [`Pool::get`](super::Pool::get) that ran out of time: where, and who or what is to blame.
///
/// Its text says why the last connect failed, if it did, and its [`source`](Error::source) goes on with the cause of that.
#[derive(Debug)]
#[non_exhaustive]
pub struct TimedOut<E: Error + 'static> {
    /// What it was waiting for in the end.
    pub phase: Phase,
    /// For how long, from the call.
    pub waited: Duration,
    /// The deadline of the caller, if that was earlier than [`Config::acquire_timeout`](super::Config::acquire_timeout).
    pub deadline: Option<DeadlineExceeded>,
    /// How many others were in line.
    pub waiting: usize,
    /// How many connections were leased.
    pub in_use: usize,
    /// How many there may be.
    pub max: usize,
    /// Of the leases that are out, the oldest.
    pub oldest: Option<Holder>,
    /// Why the last connect failed, if none succeeded since.
    pub last_connect_error: Option<Arc<ConnectError<E>>>,
}

/// A [`Pool::get`](super::Pool::get) that failed before its time because the manager called the error of a connect
/// [fatal](super::Manager::is_fatal).
///
/// Its text says what the connect said, and its [`source`](Error::source) goes on with the cause of that.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectFailed<E: Error + 'static> {
    /// Why the connect failed.
    pub error: Arc<ConnectError<E>>,
    /// For how long the caller had waited.
    pub waited: Duration,
}

/// What a [`Pool::get`](super::Pool::get) waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// A connection that others hold.
    Queue,
    /// A connect that is under way.
    Connect,
    /// The pause after a failed connect.
    Backoff,
    /// The check of a connection that was idle for long.
    Check,
}

/// Why a connect failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError<E: Error + 'static> {
    /// The manager's own error.
    #[error(transparent)]
    Failed(E),
    /// It took too long.
    #[error("no connection was made within {limit:?} (`connect_timeout`)")]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// The manager panicked.
    #[error("the manager panicked while it connected: {message}")]
    Panicked {
        /// What it said.
        message: String,
    },
}

/// Why a [`Pool::try_get`](super::Pool::try_get) gave no lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TryGetError {
    /// No connection is idle, or others wait for those that come back.
    #[error("no connection is idle; wait for one with `get`")]
    Busy,
    /// Those that are idle have to be checked first, which takes an await.
    #[error("the idle connections have to be checked first; `get` does that")]
    CheckDue,
    /// The pool was closed, or its runtime has ended.
    #[error("the pool is closed")]
    Closed,
}

/// Why a [`Pool::warm`](super::Pool::warm) did not open all connections.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WarmError<E: Error + 'static> {
    /// A connect failed. The pool goes on trying as it needs to.
    #[error("a connect failed with {open} of {wanted} connections open")]
    Connect {
        /// How many were open by then.
        open: usize,
        /// How many were asked for.
        wanted: usize,
        /// Why.
        source: Arc<ConnectError<E>>,
    },
    /// The pool was closed, or its runtime has ended.
    #[error("the pool is closed")]
    Closed,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queue => "waiting for a connection that others hold",
            Self::Connect => "waiting for a connect",
            Self::Backoff => "waiting for the pause after a failed connect",
            Self::Check => "waiting for the check of an idle connection",
        })
    }
}

impl<E: Error + 'static> fmt::Display for TimedOut<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, waited, deadline, waiting, in_use, max, oldest, last_connect_error } = self;
        if let Some(deadline) = deadline {
            write!(f, "{deadline}: ")?;
        }
        write!(
            f,
            "no connection within {}, {phase}; {in_use} of {max} in use, {waiting} others wait",
            Shown(*waited)
        )?;
        if let Some(oldest) = oldest {
            write!(f, "; the oldest lease is {oldest}")?;
        }
        if let Some(error) = last_connect_error {
            write!(f, "; the last connect failed: {error}")?;
        }
        Ok(())
    }
}

impl<E: Error + 'static> fmt::Display for ConnectFailed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { error, waited } = self;
        write!(
            f,
            "no connection can be made, and another try would not help (after {}): {error}",
            Shown(*waited)
        )
    }
}

impl<E: Error + 'static> Error for ConnectFailed<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

impl<E: Error + 'static> Error for TimedOut<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.last_connect_error.as_deref()?.source()
    }
}

impl<E: Error + 'static> AcquireError<E> {
    /// Whether time was over.
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut(_))
    }

    /// Why the last connect failed, if that is why there is no lease.
    pub fn last_connect_error(&self) -> Option<&ConnectError<E>> {
        match self {
            Self::TimedOut(timed_out) => timed_out.last_connect_error.as_deref(),
            Self::ConnectFailed(failed) => Some(&failed.error),
            _ => None,
        }
    }
}
