//! Those who ask for a connection: at first, while they wait, and when they go.

use std::{panic::Location, time::Instant};

use super::{
    super::{Order, TryGetError},
    Effects, IMMEDIATE_MAX, Machine, Now, Stage,
    line::{State, Waiter},
};
use crate::{
    canary,
    wait::{Key, Place},
};

/// What a caller wants.
#[derive(Debug)]
pub(in super::super) struct Request {
    pub(in super::super) priority: i32,
    pub(in super::super) holder: &'static Location<'static>,
    pub(in super::super) deadline: u64,
    /// Its place in line for good, from its first poll on.
    pub(in super::super) key: Option<Key>,
    /// Whether it stood in line before.
    pub(in super::super) waited: bool,
    /// Whether it has let others run already.
    pub(in super::super) yielded: bool,
}

/// What becomes of a caller at first.
#[derive(Debug)]
pub(in super::super) enum Enter<C> {
    Leased(C),
    Check(usize, C),
    Wait(Place),
    Yield,
    TimedOut,
    Full(usize),
    Closed,
}

/// What becomes of a caller in line.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum Claim<C> {
    Leased(C),
    /// It has to be checked first.
    Check(usize, C),
    /// Not yet.
    Wait(Place),
    /// Not yet, and it has another waker by now.
    Stale(Place),
    /// Its connection went to somebody else, so it has to enter again, in its old place.
    Again,
    TimedOut,
    ConnectFailed,
    Closed,
}

impl<C, W> Machine<C, W> {
    /// A caller comes, for the first time or again. It takes `waker` if it has to wait.
    pub(in super::super) fn enter(
        &mut self,
        now: Now,
        request: &mut Request,
        waker: &mut Option<W>,
        effects: &mut Effects<C, W>,
    ) -> Enter<C> {
        if self.closed {
            return Enter::Closed;
        }
        let key = *request.key.get_or_insert_with(|| self.line.key(now.nanos, request.priority));
        if self.line.is_empty() {
            if self.immediate >= IMMEDIATE_MAX && !request.yielded && !self.idle.is_empty() {
                self.immediate = 0;
                request.yielded = true;
                return Enter::Yield;
            }
            let next = self.next_idle(now, effects);
            let is_over = request.deadline <= now.nanos;
            if let Some(index) = next.filter(|index| is_over && self.is_check_due(now, *index)) {
                // There is no time left to find out whether it is good, so it stays for those who have some.
                self.leave_idle(index);
                self.settle(now, effects);
            } else if let Some(index) = next {
                let taken = if self.is_check_due(now, index) {
                    self.begin_check(now, index, request.holder).map(|(index, c)| Enter::Check(index, c))
                } else {
                    self.lease(now.instant, index, request.holder).map(Enter::Leased)
                };
                self.settle(now, effects);
                if let Some(taken) = taken {
                    return taken;
                }
            }
        }
        if request.deadline <= now.nanos {
            self.counts.timed_out += 1;
            return Enter::TimedOut;
        }
        let is_new = !std::mem::replace(&mut request.waited, true);
        // Whoever enters again keeps its place, and had not given it up meanwhile.
        if is_new && self.line.members >= self.rules.waiters_max {
            self.counts.rejected += 1;
            return Enter::Full(self.line.members);
        }
        self.counts.waited += u64::from(is_new);
        let place = self.join(key, request, waker);
        self.settle(now, effects);
        Enter::Wait(place)
    }

    /// A caller comes for the first time and has to wait, and nothing else follows from it.
    #[inline]
    pub(in super::super) fn line_up(
        &mut self,
        now: Now,
        request: &mut Request,
        waker: &mut Option<W>,
    ) -> Option<Place> {
        let is_plain = !self.closed && !self.line.is_empty() && self.slots.len() >= self.max;
        if !is_plain || request.deadline <= now.nanos || self.line.members >= self.rules.waiters_max {
            return None;
        }
        let key = self.line.key(now.nanos, request.priority);
        (request.key, request.waited) = (Some(key), true);
        self.counts.waited += 1;
        Some(self.join(key, request, waker))
    }

    fn join(&mut self, key: Key, request: &Request, waker: &mut Option<W>) -> Place {
        self.immediate = 0;
        let Request { deadline, holder, .. } = *request;
        self.line.next_deadline = self.line.next_deadline.min(deadline);
        self.alarms.deadline_by(deadline);
        let waiter = Waiter { waker: waker.take(), state: State::Waiting, deadline, holder };
        self.line.members += 1;
        self.line.waiters.insert(key, waiter)
    }

    /// Takes an idle connection for somebody who does not wait.
    pub(in super::super) fn try_take(
        &mut self,
        now: Now,
        holder: &'static Location<'static>,
        effects: &mut Effects<C, W>,
    ) -> Result<C, TryGetError> {
        if self.closed {
            return Err(TryGetError::Closed);
        }
        if !self.line.is_empty() {
            return Err(TryGetError::Busy);
        }
        let taken = match self.next_idle(now, effects) {
            None => Err(TryGetError::Busy),
            Some(index) if self.is_check_due(now, index) => {
                self.leave_idle(index);
                Err(TryGetError::CheckDue)
            }
            Some(index) => self.lease(now.instant, index, holder).ok_or(TryGetError::Busy),
        };
        self.settle(now, effects);
        taken
    }

    /// Takes the next idle connection that is good for something out of its stack, retiring those that are not.
    fn next_idle(&mut self, now: Now, effects: &mut Effects<C, W>) -> Option<usize> {
        while let Some(index) = self.pop_idle() {
            let Some(reason) = self.verdict_on_idle(now, index, self.idle.len()) else { return Some(index) };
            self.retire_kept(index, reason, effects);
        }
        None
    }

    /// Puts the next idle connection back to where it was taken from.
    fn leave_idle(&mut self, index: usize) {
        match self.rules.order {
            Order::Lifo => self.idle.push_back(index),
            Order::Fifo => self.idle.push_front(index),
        }
    }

    fn is_check_due(&self, now: Now, index: usize) -> bool {
        self.rules.check_always || self.unproved(now, index) >= self.rules.check_after
    }

    fn lease(&mut self, now: Instant, index: usize, holder: &'static Location<'static>) -> Option<C> {
        let tick = self.alarms.tick;
        let slot = self.slots.get_mut(index)?;
        let connection = slot.connection.take()?;
        (slot.stage, slot.since, slot.tick) = (Stage::Leased, now, tick);
        slot.stale = false;
        slot.holder = Some(holder);
        slot.uses += 1;
        self.immediate += 1;
        self.counts.leased += 1;
        Some(connection)
    }

    fn begin_check(
        &mut self,
        now: Now,
        index: usize,
        holder: &'static Location<'static>,
    ) -> Option<(usize, C)> {
        let slot = self.slots.get_mut(index)?;
        let connection = slot.connection.take()?;
        (slot.stage, slot.since, slot.stale) = (Stage::Checking, now.instant, false);
        slot.holder = Some(holder);
        self.checking += 1;
        self.counts.checks += 1;
        Some((index, connection))
    }

    /// A caller in line asks. If it goes on waiting, `fresh` becomes its waker if the present one is not current, and the
    /// old one is left in `fresh`.
    pub(in super::super) fn claim(
        &mut self,
        place: Place,
        fresh: &mut Option<W>,
        is_current: impl FnOnce(&W) -> bool,
    ) -> Claim<C> {
        let Some(waiter) = self.line.waiters.get_mut(&place) else { return Claim::Again };
        let claim = match waiter.state {
            State::Ready(index) => self.pick_up(index),
            _ if self.closed => Claim::Closed,
            State::Revoked => Claim::Again,
            State::TimedOut => {
                self.counts.timed_out += 1;
                Claim::TimedOut
            }
            State::ConnectFailed => {
                self.counts.failed_fast += 1;
                Claim::ConnectFailed
            }
            State::Waiting if waiter.waker.as_ref().is_some_and(is_current) => return Claim::Wait(place),
            State::Waiting if fresh.is_some() => {
                std::mem::swap(&mut waiter.waker, fresh);
                return Claim::Wait(place);
            }
            State::Waiting => return Claim::Stale(place),
        };
        // It has no waker any more: that was taken when its state changed.
        self.line.remove(place);
        claim
    }

    fn pick_up(&mut self, index: usize) -> Claim<C> {
        let Some(slot) = self.slots.get_mut(index) else { return Claim::Again };
        let Some(connection) = slot.connection.take() else { return Claim::Again };
        slot.handed_to = None;
        self.handed -= 1;
        if std::mem::take(&mut slot.stale) {
            slot.stage = Stage::Checking;
            self.checking += 1;
            self.counts.checks += 1;
            return Claim::Check(index, connection);
        }
        slot.stage = Stage::Leased;
        slot.uses += 1;
        self.counts.leased += 1;
        Claim::Leased(connection)
    }

    /// A caller in line goes. What lay ready for it goes to the next. Returns its waker.
    pub(in super::super) fn leave(
        &mut self,
        now: Now,
        place: Place,
        effects: &mut Effects<C, W>,
    ) -> Option<W> {
        let waiter = self.line.remove(place)?;
        if let State::Ready(index) = waiter.state {
            if let Some(slot) = self.slots.get_mut(index) {
                slot.handed_to = None;
                self.handed -= 1;
            }
            if canary::is_on("pool.leaks-a-place-when-a-get-is-dropped") {
                return waiter.waker;
            }
            if canary::is_on("pool.loses-the-wake-of-a-dropped-waiter") {
                self.leave_idle(index);
                return waiter.waker;
            }
            self.place_again(now, index, effects);
            self.settle(now, effects);
        }
        waiter.waker
    }

    /// A connection that was handed over in vain goes on.
    pub(super) fn place_again(&mut self, now: Now, index: usize, effects: &mut Effects<C, W>) {
        match self.verdict(now, index) {
            Some(reason) => self.retire_kept(index, reason, effects),
            None => self.place(now, index, effects),
        }
    }
}
