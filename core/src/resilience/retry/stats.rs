use std::sync::atomic::{AtomicU64, Ordering};

use super::Stop;

/// What the calls of a [`Retry`](super::Retry) and its clones came to.
///
/// A call whose first attempt is its answer is not counted: it costs nothing. So
/// `failed_first = recovered + attempts + deadline + budget + retry_after + final + nested +
/// dropped` + those still running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls whose first attempt was not their answer.
    pub failed_first: u64,
    /// Retries that were made, by all of them.
    pub retries: u64,
    /// Of these calls, those that a later attempt answered.
    pub recovered: u64,
    /// Given up because no attempts were left.
    pub attempts: u64,
    /// Given up because of their deadline.
    pub deadline: u64,
    /// Given up because the budget was used up.
    pub budget: u64,
    /// Given up because a longer pause was asked for than may be.
    pub retry_after: u64,
    /// Given up because the failure was final.
    pub r#final: u64,
    /// Left to the retry around them.
    pub nested: u64,
    /// Dropped by their caller.
    pub dropped: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    failed_first: AtomicU64,
    retries: AtomicU64,
    recovered: AtomicU64,
    attempts: AtomicU64,
    deadline: AtomicU64,
    budget: AtomicU64,
    retry_after: AtomicU64,
    r#final: AtomicU64,
    nested: AtomicU64,
    dropped: AtomicU64,
}

impl Counters {
    pub(super) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            failed_first: read(&self.failed_first),
            retries: read(&self.retries),
            recovered: read(&self.recovered),
            attempts: read(&self.attempts),
            deadline: read(&self.deadline),
            budget: read(&self.budget),
            retry_after: read(&self.retry_after),
            r#final: read(&self.r#final),
            nested: read(&self.nested),
            dropped: read(&self.dropped),
        }
    }
}

/// A call that has failed once. It is counted by how it ends, or as dropped.
pub(super) struct Tally<'a> {
    counters: &'a Counters,
    number: u64,
    is_over: bool,
}

impl<'a> Tally<'a> {
    /// The first attempt failed.
    pub(super) fn new(counters: &'a Counters) -> Self {
        let number = counters.failed_first.fetch_add(1, Ordering::Relaxed);
        Self { counters, number, is_over: false }
    }

    /// The number of the call among those that failed, from 0.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn retry(&self) {
        self.counters.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// The call ended, with an answer or for that reason.
    pub(super) fn end(mut self, stop: Option<Stop>) {
        let Counters { recovered, attempts, deadline, budget, retry_after, r#final, nested, .. } =
            self.counters;
        let counter = match stop {
            None => recovered,
            Some(Stop::Attempts) => attempts,
            Some(Stop::Deadline) => deadline,
            Some(Stop::Budget) => budget,
            Some(Stop::RetryAfter { .. }) => retry_after,
            Some(Stop::Final) => r#final,
            // A retry alone refuses nothing, and repeats all.
            Some(Stop::Nested | Stop::Refused | Stop::Unrepeatable) => nested,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.is_over = true;
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
