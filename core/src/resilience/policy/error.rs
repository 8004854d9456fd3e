use std::{error::Error, fmt, time::Duration};

use crate::{
    limit::{bulkhead, rate},
    resilience::{
        breaker,
        retry::{Ledger, Stop, attempts},
    },
    rt::TaskName,
    time::{DeadlineExceeded, Shown},
};

/// A part of a [`Policy`](super::Policy), from the outermost to the operation itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// The time limit of the whole call.
    Deadline,
    /// The circuit breaker.
    Breaker,
    /// How many may be under way at once.
    Bulkhead,
    /// How many may begin per second.
    Limiter,
    /// The time limit of one attempt.
    AttemptTimeout,
    /// What is called.
    Operation,
}

/// A layer did not let an attempt through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The breaker is open.
    #[error(transparent)]
    Breaker(#[from] breaker::Rejected),
    /// The bulkhead is full.
    #[error(transparent)]
    Bulkhead(#[from] bulkhead::AcquireError),
    /// The limiter would make it wait too long.
    #[error(transparent)]
    Limiter(#[from] rate::AcquireError),
}

impl Refusal {
    /// Which layer it was.
    pub fn layer(&self) -> Layer {
        match self {
            Self::Breaker(_) => Layer::Breaker,
            Self::Bulkhead(_) => Layer::Bulkhead,
            Self::Limiter(_) => Layer::Limiter,
        }
    }

    /// When to come back, if that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Breaker(rejected) => rejected.retry_after,
            Self::Bulkhead(_) => None,
            Self::Limiter(error) => error.retry_after(),
        }
    }
}

/// How the last attempt of a call ended that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// With an error, which is [`PolicyError::last`].
    Failed,
    /// It took longer than this, which is all that one attempt may.
    TimedOut(Duration),
    /// It was not made.
    Refused(Refusal),
    /// The deadline of the call came first.
    DeadlineExceeded(DeadlineExceeded),
}

/// A call that a [`Policy`](super::Policy) gave up, and why.
///
/// Its source is what refused it, or else the last error of the operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyError<E> {
    /// The name of the policy.
    pub policy: TaskName,
    /// How the last attempt ended.
    pub cause: Cause,
    /// Why there was no further one.
    pub stop: Stop,
    /// The last error of the operation, if it ever returned one.
    pub last: Option<E>,
    /// The attempts there were.
    pub ledger: Ledger,
}

impl<E> PolicyError<E> {
    /// Which layer ended the call.
    pub fn layer(&self) -> Layer {
        match &self.cause {
            Cause::Failed => Layer::Operation,
            Cause::TimedOut(_) => Layer::AttemptTimeout,
            Cause::Refused(refusal) => refusal.layer(),
            Cause::DeadlineExceeded(_) => Layer::Deadline,
        }
    }

    /// When to come back, if that is known: for a `Retry-After` of one's own.
    ///
    /// It is what a layer that refused the call says, or what the other side asked for in the last attempt, whatever ended
    /// the call then; of both the longer.
    pub fn retry_after(&self) -> Option<Duration> {
        let refused = match (&self.cause, self.stop) {
            (Cause::Refused(refusal), _) => refusal.retry_after(),
            (_, Stop::RetryAfter { asked, .. }) => Some(asked),
            _ => None,
        };
        refused.max(self.ledger.asked())
    }
}

impl<E> fmt::Display for PolicyError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, cause, stop, ledger, .. } = self;
        let attempts = attempts(ledger);
        match cause {
            Cause::Failed => write!(f, "`{policy}` failed; gave up after {attempts}: {stop}"),
            Cause::TimedOut(limit) => {
                let limit = Shown(*limit);
                write!(f, "`{policy}` did not answer within {limit}; gave up after {attempts}: {stop}")
            }
            Cause::Refused(_) if ledger.attempts() == 0 => write!(f, "`{policy}` was not called"),
            Cause::Refused(_) => write!(f, "`{policy}` failed and was not called again after {attempts}"),
            Cause::DeadlineExceeded(exceeded) if exceeded.scope == *policy => {
                write!(f, "{exceeded}, after {attempts}")
            }
            Cause::DeadlineExceeded(exceeded) => write!(f, "`{policy}`: {exceeded}, after {attempts}"),
        }
    }
}

impl<E: Error + 'static> Error for PolicyError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Refused(refusal) => Some(refusal),
            _ => self.last.as_ref().map(|error| error as _),
        }
    }
}
