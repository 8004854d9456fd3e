use std::{error::Error, fmt, time::Duration};

use super::Ledger;
use crate::time::Shown;

/// Why there was no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// As many were made as may be.
    Attempts,
    /// The pause before the next one does not fit what is left of the deadline, or the deadline ended an attempt.
    Deadline,
    /// The retry budget is used up.
    Budget,
    /// The other side asked for a longer pause than may be. To come back sooner would be against its word.
    #[non_exhaustive]
    RetryAfter {
        /// How long it asked to stay away.
        asked: Duration,
        /// The longest pause that may be asked for.
        retry_after_max: Duration,
    },
    /// The result was judged final.
    Final,
    /// The retry around this one is to try again.
    Nested,
    /// What was sent cannot be sent again.
    Unrepeatable,
    /// A layer of the policy refused the attempt, and waiting for it is of no use.
    Refused,
}

/// A call that was given up, by [`Retry::run`](super::Retry::run).
///
/// Its source is the last error of the operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryError<E> {
    /// The last error of the operation. None if no attempt that ended returned an error.
    pub last: Option<E>,
    /// Why there was no further attempt.
    pub stop: Stop,
    /// The attempts there were.
    pub ledger: Ledger,
}

impl<E> fmt::Display for RetryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gave up after {}: {}", attempts(&self.ledger), self.stop)
    }
}

impl<E: Error + 'static> Error for RetryError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.last.as_ref().map(|error| error as _)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self {
            Self::Attempts => "no more are allowed",
            Self::Deadline => "another does not fit its deadline",
            Self::Budget => "the retry budget is used up, so that retries do not keep the other side down",
            Self::Final => "another would not help",
            Self::Nested => "trying again is left to the retry around this one",
            Self::Unrepeatable => "the request cannot be sent again",
            Self::Refused => "what refused it does not say to come back in time",
            Self::RetryAfter { asked, retry_after_max } => {
                let asked = Shown(*asked);
                return write!(
                    f,
                    "asked to come back in {asked}, which is more than `retry_after_max` = {retry_after_max:?}"
                );
            }
        };
        f.write_str(why)
    }
}

/// `3 attempts in 1.2s`.
pub(in crate::resilience) fn attempts(ledger: &Ledger) -> impl fmt::Display + '_ {
    fmt::from_fn(|f| {
        match ledger.attempts() {
            1 => f.write_str("1 attempt")?,
            many => write!(f, "{many} attempts")?,
        }
        let elapsed = ledger.elapsed();
        if elapsed.is_zero() { Ok(()) } else { write!(f, " in {}", Shown(elapsed)) }
    })
}
