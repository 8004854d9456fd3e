//! Who holds a permit and who waits for one. It wakes nobody: it returns wakers, to be woken when the lock is released.

use std::task::{Poll, Waker};

use super::{BulkheadFull, Config, Stats};
use crate::wait::{Key, Left, QueueFull, Ticket, WaitQueue};

/// Nobody waits while a permit is free.
#[derive(Debug)]
pub(super) struct Machine {
    permits: usize,
    /// Those held, and those granted to waiters that have not come for them.
    in_use: usize,
    line: WaitQueue<()>,
    waiters_max: usize,
    pub(super) counts: Counts,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) granted: u64,
    pub(super) rejected: u64,
    pub(super) timed_out: u64,
}

impl Machine {
    pub(super) fn new(config: &Config) -> Self {
        let Config { permits, waiters_max } = *config;
        Self { permits, in_use: 0, line: WaitQueue::new(waiters_max), waiters_max, counts: Counts::default() }
    }

    /// Takes a permit if one is free.
    pub(super) fn take(&mut self) -> bool {
        let is_free = self.in_use < self.permits;
        if is_free {
            self.in_use += 1;
            self.counts.granted += 1;
        }
        is_free
    }

    pub(super) fn is_line_full(&self) -> bool {
        self.line.len() >= self.waiters_max
    }

    pub(super) fn join(&mut self, key: Key, waker: Waker) -> Result<Ticket, QueueFull> {
        self.line.join(key, waker)
    }

    pub(super) fn poll(&mut self, ticket: &mut Option<Ticket>, waker: &mut Waker) -> Poll<()> {
        self.line.poll_with(ticket, waker)
    }

    /// Gives a permit back. It goes to the first in line.
    pub(super) fn release(&mut self) -> Option<Waker> {
        self.in_use -= 1;
        self.grant()
    }

    /// A waiter gives up. A permit that it was granted and did not come for goes to the next in line. Drop what comes
    /// back first when the lock is released.
    pub(super) fn leave(&mut self, ticket: Ticket) -> (Left<()>, Option<Waker>) {
        let left = self.line.leave(ticket);
        let next = match left {
            Left::Granted(()) => {
                self.counts.granted -= 1;
                self.release()
            }
            Left::Waiting(_) => None,
        };
        (left, next)
    }

    /// A waiter's time is up. A permit that it was granted in the meantime stays its own.
    pub(super) fn time_out(&mut self, ticket: Ticket) -> Left<()> {
        let left = self.line.leave(ticket);
        self.counts.timed_out += u64::from(matches!(left, Left::Waiting(_)));
        left
    }

    pub(super) fn resize(&mut self, permits: usize) -> Vec<Waker> {
        self.permits = permits;
        std::iter::from_fn(|| self.grant()).collect()
    }

    fn grant(&mut self) -> Option<Waker> {
        if self.line.is_empty() || !self.take() {
            return None;
        }
        self.line.grant(()).ok()
    }

    pub(super) fn full(&self) -> BulkheadFull {
        let Self { permits, in_use, waiters_max, .. } = *self;
        BulkheadFull { permits, in_use, waiting: self.line.len(), waiters_max }
    }

    pub(super) fn stats(&self) -> Stats {
        let Counts { granted, rejected, timed_out } = self.counts;
        let Self { permits, in_use, .. } = *self;
        Stats { permits, in_use, waiting: self.line.len(), granted, rejected, timed_out }
    }
}
