//! Those who wait.

use std::{panic::Location, time::Duration};

use super::{
    super::{Order, TryGetError},
    Effects, IMMEDIATE_MAX, Machine, NEVER, Stage,
};
use crate::wait::{Key, Ordered, Place};

/// Waiters in order. It is not a [`WaitQueue`](crate::wait::WaitQueue) because a grant can be taken away again here.
#[derive(Debug)]
pub(super) struct Line<W> {
    /// In line, or out of it with a connection that lies ready or was taken away again.
    waiters: Ordered<Waiter<W>>,
    /// No waiter's deadline is before.
    next_deadline: u64,
    /// When the last one came, by its own account.
    last_came: u64,
}

#[derive(Debug)]
struct Waiter<W> {
    waker: Option<W>,
    state: State,
    deadline: u64,
    holder: &'static Location<'static>,
}

#[derive(Debug)]
enum State {
    Waiting,
    /// The connection in that slot lies ready.
    Ready(usize),
    /// It did, and went to somebody else.
    Revoked,
    TimedOut,
}

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
    Leased(usize, C),
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
    Leased(usize, C),
    /// Not yet.
    Wait(Place),
    /// Not yet, and it has another waker by now.
    Stale(Place),
    /// Its connection went to somebody else, so it has to enter again, in its old place.
    Again,
    TimedOut,
    Closed,
}

/// For whom a connection lies ready.
#[derive(Debug)]
pub(super) struct HandedOver {
    pub(super) place: Place,
    pub(super) holder: &'static Location<'static>,
}

impl<W> Default for Line<W> {
    fn default() -> Self {
        Self { waiters: Ordered::default(), next_deadline: NEVER, last_came: 0 }
    }
}

impl<W> Line<W> {
    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    pub(super) fn next_deadline(&self) -> u64 {
        self.next_deadline
    }

    /// Lays the connection in slot `index` ready for the first in line.
    pub(super) fn hand_over<C>(&mut self, index: usize, effects: &mut Effects<C, W>) -> Option<HandedOver> {
        let place = self.waiters.advance()?;
        let waiter = self.waiters.get_mut(&place)?;
        waiter.state = State::Ready(index);
        if let Some(waker) = waiter.waker.take() {
            effects.wake(waker);
        }
        let holder = waiter.holder;
        Some(HandedOver { place, holder })
    }

    pub(super) fn revoke(&mut self, place: &Place) {
        if let Some(waiter) = self.waiters.get_mut(place) {
            waiter.state = State::Revoked;
        }
    }

    /// Tells all whose deadline is over, and finds out who comes next.
    pub(super) fn expire<C>(&mut self, now: u64, effects: &mut Effects<C, W>) {
        if now < self.next_deadline && !self.is_empty() {
            return;
        }
        self.next_deadline = NEVER;
        for waiter in self.waiters.iter_mut() {
            if !matches!(waiter.state, State::Waiting) {
                continue;
            }
            if waiter.deadline > now {
                self.next_deadline = self.next_deadline.min(waiter.deadline);
                continue;
            }
            waiter.state = State::TimedOut;
            if let Some(waker) = waiter.waker.take() {
                effects.wake(waker);
            }
        }
    }

    pub(super) fn wake_all<C>(&mut self, effects: &mut Effects<C, W>) {
        for waker in self.waiters.iter_mut().filter_map(|waiter| waiter.waker.take()) {
            effects.wake(waker);
        }
    }
}

impl<C, W> Machine<C, W> {
    /// A caller comes, for the first time or again. It takes `waker` if it has to wait.
    pub(in super::super) fn enter(
        &mut self,
        now: u64,
        request: &mut Request,
        waker: &mut Option<W>,
        effects: &mut Effects<C, W>,
    ) -> Enter<C> {
        if self.closed {
            return Enter::Closed;
        }
        let key = self.key(now, request);
        if self.line.is_empty() {
            if self.immediate >= IMMEDIATE_MAX && !request.yielded && !self.idle.is_empty() {
                self.immediate = 0;
                request.yielded = true;
                return Enter::Yield;
            }
            if let Some(index) = self.next_idle(now, effects) {
                let taken = if self.is_check_due(now, index) {
                    self.begin_check(now, index, request.holder).map(|(index, c)| Enter::Check(index, c))
                } else {
                    self.lease(now, index, request.holder).map(|(index, c)| Enter::Leased(index, c))
                };
                self.settle(now, effects);
                if let Some(taken) = taken {
                    return taken;
                }
            }
        }
        if request.deadline <= now {
            self.counts.timed_out += 1;
            return Enter::TimedOut;
        }
        let is_new = !std::mem::replace(&mut request.waited, true);
        if is_new && self.line.len() >= self.rules.waiters_max {
            self.counts.rejected += 1;
            return Enter::Full(self.line.len());
        }
        self.immediate = 0;
        self.counts.waited += u64::from(is_new);
        let Request { deadline, holder, .. } = *request;
        self.line.next_deadline = self.line.next_deadline.min(deadline);
        self.alarms.deadline_by(deadline);
        let waiter = Waiter { waker: waker.take(), state: State::Waiting, deadline, holder };
        let place = self.line.waiters.insert(key, waiter);
        self.settle(now, effects);
        Enter::Wait(place)
    }

    fn key(&mut self, now: u64, request: &mut Request) -> Key {
        *request.key.get_or_insert_with(|| {
            // In the order of first polls, whatever the order of the calls was; and no two at once, so that whoever enters
            // again finds its old place.
            self.line.last_came = now.max(self.line.last_came + 1);
            let came = Duration::from_nanos(self.line.last_came);
            Key::ageing(came, request.priority, self.rules.ageing_step)
        })
    }

    /// Takes an idle connection for somebody who does not wait.
    pub(in super::super) fn try_take(
        &mut self,
        now: u64,
        holder: &'static Location<'static>,
        effects: &mut Effects<C, W>,
    ) -> Result<(usize, C), TryGetError> {
        if self.closed {
            return Err(TryGetError::Closed);
        }
        if !self.line.is_empty() {
            return Err(TryGetError::Busy);
        }
        let taken = match self.next_idle(now, effects) {
            None => Err(TryGetError::Busy),
            Some(index) if self.is_check_due(now, index) => {
                match self.rules.order {
                    Order::Lifo => self.idle.push_back(index),
                    Order::Fifo => self.idle.push_front(index),
                }
                Err(TryGetError::CheckDue)
            }
            Some(index) => self.lease(now, index, holder).ok_or(TryGetError::Busy),
        };
        self.settle(now, effects);
        taken
    }

    /// Takes the next idle connection that is good for something out of its stack, retiring those that are not.
    fn next_idle(&mut self, now: u64, effects: &mut Effects<C, W>) -> Option<usize> {
        while let Some(index) = self.pop_idle() {
            let Some(reason) = self.verdict_on_idle(now, index, self.idle.len()) else { return Some(index) };
            self.retire_kept(index, reason, effects);
        }
        None
    }

    fn is_check_due(&self, now: u64, index: usize) -> bool {
        self.slots.get(index).is_some_and(|slot| now.saturating_sub(slot.since) >= self.rules.check_after)
    }

    #[inline]
    pub(super) fn lease(
        &mut self,
        now: u64,
        index: usize,
        holder: &'static Location<'static>,
    ) -> Option<(usize, C)> {
        let tick = self.alarms.tick;
        let slot = self.slots.get_mut(index)?;
        let connection = slot.connection.take()?;
        (slot.stage, slot.since, slot.tick) = (Stage::Leased, now, tick);
        slot.holder = Some(holder);
        slot.uses += 1;
        self.immediate += 1;
        self.counts.leased += 1;
        Some((index, connection))
    }

    fn begin_check(
        &mut self,
        now: u64,
        index: usize,
        holder: &'static Location<'static>,
    ) -> Option<(usize, C)> {
        let slot = self.slots.get_mut(index)?;
        let connection = slot.connection.take()?;
        (slot.stage, slot.since) = (Stage::Checking, now);
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
            State::Waiting if waiter.waker.as_ref().is_some_and(is_current) => return Claim::Wait(place),
            State::Waiting if fresh.is_some() => {
                std::mem::swap(&mut waiter.waker, fresh);
                return Claim::Wait(place);
            }
            State::Waiting => return Claim::Stale(place),
        };
        // It has no waker any more: that was taken when its state changed.
        self.line.waiters.remove(place);
        claim
    }

    fn pick_up(&mut self, index: usize) -> Claim<C> {
        let Some(slot) = self.slots.get_mut(index) else { return Claim::Again };
        let Some(connection) = slot.connection.take() else { return Claim::Again };
        slot.stage = Stage::Leased;
        slot.handed_to = None;
        slot.uses += 1;
        self.handed -= 1;
        self.counts.leased += 1;
        Claim::Leased(index, connection)
    }

    /// A caller in line goes. What lay ready for it goes to the next. Returns its waker.
    pub(in super::super) fn leave(
        &mut self,
        now: u64,
        place: Place,
        effects: &mut Effects<C, W>,
    ) -> Option<W> {
        let waiter = self.line.waiters.remove(place)?;
        if let State::Ready(index) = waiter.state {
            if let Some(slot) = self.slots.get_mut(index) {
                slot.handed_to = None;
                self.handed -= 1;
            }
            self.place_again(now, index, effects);
            self.settle(now, effects);
        }
        waiter.waker
    }

    /// A connection that was handed over in vain goes on.
    pub(super) fn place_again(&mut self, now: u64, index: usize, effects: &mut Effects<C, W>) {
        match self.verdict(now, index) {
            Some(reason) => self.retire_kept(index, reason, effects),
            None => self.place(now, index, effects),
        }
    }
}
