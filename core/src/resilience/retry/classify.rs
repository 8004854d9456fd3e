use std::time::Duration;

use crate::resilience::breaker::Outcome;

/// What a result means to a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This is the answer, be it a value or an error ("no such user"): the other side did its work.
    Done,
    /// It failed, and another attempt may do better.
    Retry,
    /// It failed, and the other side said to come back no earlier than after this time. Nor will it be: the pause is that
    /// long and a pause of the backoff, or the call fails at once, if that is too long.
    RetryAfter(Duration),
    /// It failed, and another attempt would fail as well, or do harm.
    Fail,
}

/// Judges results. Closures `Fn(&Result<T, E>) -> Verdict` do.
pub trait Classify<T, E> {
    /// What `result` means. It runs after each attempt, under no lock.
    fn verdict(&self, result: &Result<T, E>) -> Verdict;

    /// What `result`, judged so, says of the other side to the breaker of a [`Policy`](crate::resilience::Policy).
    ///
    /// Unless it is overridden: what is [`Done`](Verdict::Done) is a success, the rest are failures. A type of one's own
    /// can ignore errors that are the caller's fault.
    fn outcome(&self, result: &Result<T, E>, verdict: Verdict) -> Outcome {
        let _ = result;
        if verdict == Verdict::Done { Outcome::Success } else { Outcome::Failure }
    }
}

/// Retries every error and takes every value for an answer: the judge unless another is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryErrors;

impl<T, E> Classify<T, E> for RetryErrors {
    fn verdict(&self, result: &Result<T, E>) -> Verdict {
        if result.is_ok() { Verdict::Done } else { Verdict::Retry }
    }
}

impl<T, E, F> Classify<T, E> for F
where
    F: Fn(&Result<T, E>) -> Verdict,
{
    fn verdict(&self, result: &Result<T, E>) -> Verdict {
        self(result)
    }
}
