use std::sync::atomic::{AtomicU64, Ordering};

use super::Layer;

/// What the calls of a [`Policy`](super::Policy) and its clones came to.
///
/// `calls = answered + failed + timed_out + refused_by_breaker + refused_by_bulkhead + refused_by_limiter +
/// deadline_exceeded + dropped` + those still running. A fallback does not change how its call is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls that began.
    pub calls: u64,
    /// Calls that the operation answered.
    pub answered: u64,
    /// Calls whose last attempt failed.
    pub failed: u64,
    /// Calls whose last attempt took too long.
    pub timed_out: u64,
    /// Calls that the breaker ended.
    pub refused_by_breaker: u64,
    /// Calls that the bulkhead ended.
    pub refused_by_bulkhead: u64,
    /// Calls that the limiter ended.
    pub refused_by_limiter: u64,
    /// Calls whose deadline came first.
    pub deadline_exceeded: u64,
    /// Calls dropped by their caller, or ended by a panic.
    pub dropped: u64,
    /// Attempts made, by all of them, hedges included.
    pub attempts: u64,
    /// Hedges begun.
    pub hedges: u64,
    /// Hedges that were quicker than the attempt they were made beside.
    pub hedges_won: u64,
    /// Calls that were given up and that the fallback answered.
    pub fallbacks: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    calls: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    refused_by_breaker: AtomicU64,
    refused_by_bulkhead: AtomicU64,
    refused_by_limiter: AtomicU64,
    deadline_exceeded: AtomicU64,
    dropped: AtomicU64,
    pub(super) attempts: AtomicU64,
    pub(super) hedges: AtomicU64,
    pub(super) hedges_won: AtomicU64,
    pub(super) fallbacks: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(super) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            calls: read(&self.calls),
            answered: read(&self.answered),
            failed: read(&self.failed),
            timed_out: read(&self.timed_out),
            refused_by_breaker: read(&self.refused_by_breaker),
            refused_by_bulkhead: read(&self.refused_by_bulkhead),
            refused_by_limiter: read(&self.refused_by_limiter),
            deadline_exceeded: read(&self.deadline_exceeded),
            dropped: read(&self.dropped),
            attempts: read(&self.attempts),
            hedges: read(&self.hedges),
            hedges_won: read(&self.hedges_won),
            fallbacks: read(&self.fallbacks),
        }
    }
}

/// A call under way. It is counted by how it ends, or as dropped.
pub(super) struct Counted<'a> {
    counters: &'a Counters,
    is_over: bool,
}

impl<'a> Counted<'a> {
    pub(super) fn new(counters: &'a Counters) -> Self {
        count(&counters.calls);
        Self { counters, is_over: false }
    }

    /// The call ended: with an answer, or by that layer.
    pub(super) fn end(mut self, by: Option<Layer>) {
        count(match by {
            None => &self.counters.answered,
            Some(Layer::Operation) => &self.counters.failed,
            Some(Layer::AttemptTimeout) => &self.counters.timed_out,
            Some(Layer::Breaker) => &self.counters.refused_by_breaker,
            Some(Layer::Bulkhead) => &self.counters.refused_by_bulkhead,
            Some(Layer::Limiter) => &self.counters.refused_by_limiter,
            Some(Layer::Deadline) => &self.counters.deadline_exceeded,
        });
        self.is_over = true;
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            count(&self.counters.dropped);
        }
    }
}
