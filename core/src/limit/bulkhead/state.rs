//! Who holds a permit and who waits for one: the pure machine. Time is nanoseconds since the bulkhead's epoch. It reads no
//! clock, and wakes nobody: it returns wakers, to be woken when the lock is released.

use std::{
    collections::BTreeMap,
    task::{Poll, Waker},
};

use super::{BulkheadFull, Config, Stats};
use crate::{
    canary,
    limit::order::Order,
    wait::{Key, Left, Ticket, WaitQueue},
};

/// Nobody waits while a permit is free.
#[derive(Debug)]
pub(super) struct Machine {
    permits: usize,
    /// Those held, and those handed over to waiters that have not come for them.
    in_use: usize,
    line: WaitQueue<Handover>,
    waiters_max: usize,
    order: Order,
    /// How long a permit that was handed over may lie there. `None` is for ever.
    handover_max: Option<u64>,
    /// Until when each permit may lie there that was handed over, in the order in which they were. What was passed on is
    /// not in here.
    handed: BTreeMap<u64, u64>,
    handovers: u64,
    /// Whether somebody [looks](Self::pass_on) after what lies there.
    is_watched: bool,
    pub(super) counts: Counts,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) granted: u64,
    pub(super) rejected: u64,
    pub(super) timed_out: u64,
    pub(super) handovers_missed: u64,
}

/// A permit that lies there for a waiter, by the number of its handover. It counts as long as that is in `handed`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Handover(u64);

/// What becomes of one who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    Granted,
    Wait,
    /// Its permit went to somebody else, because it did not come for it. It has to [come again](Machine::come_again).
    Again,
}

impl Machine {
    pub(super) fn new(config: &Config) -> Self {
        let Config { permits, waiters_max, handover_max, ageing_step } = *config;
        let nanos = handover_max.map(|max| u64::try_from(max.as_nanos()).unwrap_or(u64::MAX));
        Self {
            permits,
            in_use: 0,
            // Those who come back may be beyond the bound.
            line: WaitQueue::new(usize::MAX),
            waiters_max,
            order: Order::new(ageing_step),
            handover_max: nanos.filter(|nanos| *nanos > 0),
            handed: BTreeMap::new(),
            handovers: 0,
            is_watched: false,
            counts: Counts::default(),
        }
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

    /// Takes a place in a line that is not full. The key is its place for good.
    pub(super) fn join(&mut self, now: u64, priority: i32, waker: Waker) -> (Key, Option<Ticket>) {
        let key = self.order.key(now, priority);
        (key, self.line.join(key, waker).ok())
    }

    /// Takes the place again that one had whose permit was passed on.
    pub(super) fn come_again(&mut self, key: Key, waker: Waker) -> Option<Ticket> {
        self.line.join(Order::again(key), waker).ok()
    }

    /// Takes what was handed over, and with it the ticket; or keeps `waker` for when it is.
    pub(super) fn claim(&mut self, ticket: &mut Option<Ticket>, waker: &mut Waker) -> Claim {
        match self.line.poll_with(ticket, waker) {
            Poll::Ready(handover) if self.pick_up(&handover) => Claim::Granted,
            Poll::Ready(_) => Claim::Again,
            Poll::Pending => Claim::Wait,
        }
    }

    /// Gives a permit back if nobody waits for it, and says whether it did.
    pub(super) fn release_unwanted(&mut self) -> bool {
        let is_unwanted = self.line.is_empty();
        self.in_use -= usize::from(is_unwanted);
        is_unwanted
    }

    /// Gives a permit back. It goes to the first in line.
    pub(super) fn release(&mut self, now: u64) -> Option<Waker> {
        self.in_use -= 1;
        self.hand_over(now)
    }

    /// A waiter gives up. A permit that lies there for it goes to the next in line. Drop what comes back first when the
    /// lock is released.
    pub(super) fn leave(&mut self, now: u64, ticket: Ticket) -> (Left<Handover>, Option<Waker>) {
        let left = self.line.leave(ticket);
        let next = match &left {
            Left::Granted(_) if canary::is_on("bulkhead.loses-the-permit-of-a-dropped-waiter") => None,
            Left::Granted(handover) if self.pick_up(handover) => {
                self.counts.granted -= 1;
                self.release(now)
            }
            Left::Granted(_) | Left::Waiting(_) => None,
        };
        (left, next)
    }

    /// A waiter's time is up. A permit that was handed over in the meantime stays its own: whether there is one.
    pub(super) fn time_out(&mut self, ticket: Ticket) -> (Left<Handover>, bool) {
        let left = self.line.leave(ticket);
        let is_granted = matches!(&left, Left::Granted(handover) if self.pick_up(handover));
        self.counts.timed_out += u64::from(!is_granted);
        (left, is_granted)
    }

    pub(super) fn resize(&mut self, now: u64, permits: usize) -> Vec<Waker> {
        self.permits = permits;
        std::iter::from_fn(|| self.hand_over(now)).collect()
    }

    /// Whether somebody has to begin to look after what lies there. It is told once.
    pub(super) fn is_to_be_watched(&mut self) -> bool {
        let is_needed = self.handover_max.is_some() && !self.handed.is_empty();
        is_needed && !std::mem::replace(&mut self.is_watched, true)
    }

    /// Passes on what was not picked up in time, and says when to look again: never, if nothing lies there.
    pub(super) fn pass_on(&mut self, now: u64) -> (Vec<Waker>, Option<u64>) {
        let mut wakers = Vec::new();
        let next = loop {
            let Some(oldest) = self.handed.first_entry() else { break None };
            if *oldest.get() > now {
                break Some(*oldest.get());
            }
            oldest.remove();
            self.counts.granted -= 1;
            self.counts.handovers_missed += 1;
            wakers.extend(self.release(now));
        };
        self.is_watched = next.is_some();
        (wakers, next)
    }

    fn hand_over(&mut self, now: u64) -> Option<Waker> {
        if self.line.is_empty() || !self.take() {
            return None;
        }
        let until = self.handover_max.map_or(u64::MAX, |max| now.saturating_add(max));
        let number = self.handovers;
        self.handovers += 1;
        self.handed.insert(number, until);
        self.line.grant(Handover(number)).ok()
    }

    /// Whether it is still there.
    fn pick_up(&mut self, handover: &Handover) -> bool {
        self.handed.remove(&handover.0).is_some()
    }

    pub(super) fn full(&self) -> BulkheadFull {
        let Self { permits, in_use, waiters_max, .. } = *self;
        BulkheadFull { permits, in_use, waiting: self.line.len(), waiters_max }
    }

    pub(super) fn stats(&self) -> Stats {
        let Counts { granted, rejected, timed_out, handovers_missed } = self.counts;
        let Self { permits, in_use, .. } = *self;
        Stats { permits, in_use, waiting: self.line.len(), granted, rejected, timed_out, handovers_missed }
    }
}
