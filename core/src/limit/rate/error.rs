use std::{borrow::Cow, time::Duration};

use crate::time::{DeadlineExceeded, Shown};

/// Why [`RateLimiter::try_acquire`](super::RateLimiter::try_acquire) let nothing through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TryAcquireError {
    /// The quota is used up for now, or others wait for what there is.
    #[error("the quota is used up; come back in {}, or wait with `acquire`", Shown(*retry_after))]
    NoRoomYet {
        /// When there will be room if nobody else comes.
        retry_after: Duration,
    },
    /// More than ever goes through at once.
    #[error("{asked} at once is more than the burst of {burst}; ask for less, or raise `Quota::burst`")]
    TooMany {
        /// How much was asked for.
        asked: u32,
        /// How much goes through at once.
        burst: u32,
    },
    /// The limiter is paused: its rate is 0.
    #[error("the limiter is paused; nothing goes through until its quota is changed")]
    Paused,
    /// Of a limiter with keys: this key is not among those that are kept, and there is no room for it.
    #[error("{keys_max} keys are kept and none is idle; come back in {}, or raise `keys_max`", Shown(*retry_after))]
    TooManyKeys {
        /// The bound.
        keys_max: usize,
        /// When one may be idle, at the earliest.
        retry_after: Duration,
    },
}

impl TryAcquireError {
    /// When to come back. `None` if nobody can know.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NoRoomYet { retry_after } | Self::TooManyKeys { retry_after, .. } => Some(*retry_after),
            Self::TooMany { .. } | Self::Paused => None,
        }
    }
}

/// Why [`RateLimiter::acquire`](super::RateLimiter::acquire) let nothing through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// More than ever goes through at once.
    #[error("{asked} at once is more than the burst of {burst}; ask for less, or raise `Quota::burst`")]
    TooMany {
        /// How much was asked for.
        asked: u32,
        /// How much goes through at once.
        burst: u32,
    },
    /// As many wait as may.
    #[error(
        "{waiters_max} wait for the limiter already and no more may; come back later, or raise `waiters_max`"
    )]
    QueueFull {
        /// The bound.
        waiters_max: usize,
        /// How long the wait at the end of the line would be. `None` while the limiter is paused.
        wait: Option<Duration>,
    },
    /// The wait could not end before the deadline, so it did not begin; or it could not after a change of the quota, so
    /// it ended.
    #[error(
        "the limiter would make `{scope}` wait {} and it has only {}; come back later",
        Shown(*wait),
        Shown(*remaining)
    )]
    DeadlineTooSoon {
        /// The scope of the deadline.
        scope: Cow<'static, str>,
        /// How long the wait would be.
        wait: Duration,
        /// How much time is left.
        remaining: Duration,
    },
    /// The deadline came first: the limiter was paused, or more urgent ones went before.
    #[error("{deadline}: waiting for the limiter, as one of {waiting}")]
    DeadlineExceeded {
        /// Which deadline, and what was under way.
        deadline: DeadlineExceeded,
        /// How many were waiting then, the one whose time was up included.
        waiting: usize,
    },
    /// Of a limiter with keys: this key is not among those that are kept, and there is no room for it.
    #[error("{keys_max} keys are kept and none is idle; come back in {}, or raise `keys_max`", Shown(*retry_after))]
    TooManyKeys {
        /// The bound.
        keys_max: usize,
        /// When one may be idle, at the earliest.
        retry_after: Duration,
    },
}

impl AcquireError {
    /// When to come back. `None` if nobody can know.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::QueueFull { wait, .. } => *wait,
            Self::DeadlineTooSoon { wait: retry_after, .. } | Self::TooManyKeys { retry_after, .. } => {
                Some(*retry_after)
            }
            Self::TooMany { .. } | Self::DeadlineExceeded { .. } => None,
        }
    }
}
