//! Those who wait.

use std::{panic::Location, time::Duration};

use super::{Effects, NEVER};
use crate::{
    canary,
    wait::{Key, Ordered, Place},
};

/// Waiters in order. It is not a [`WaitQueue`](crate::wait::WaitQueue) because a grant can be taken away again here.
#[derive(Debug)]
pub(super) struct Line<W> {
    /// In line, or out of it with a connection that lies ready or was taken away again.
    pub(super) waiters: Ordered<Waiter<W>>,
    /// How many there are, in line and out of it.
    pub(super) members: usize,
    /// No waiter's deadline is before.
    pub(super) next_deadline: u64,
    /// When the last one came, by its own account.
    last_came: u64,
    ageing_step: Duration,
    /// The key of one who came at the beginning of time with a priority of 0.
    first_key: u64,
}

#[derive(Debug)]
pub(super) struct Waiter<W> {
    pub(super) waker: Option<W>,
    pub(super) state: State,
    pub(super) deadline: u64,
    pub(super) holder: &'static Location<'static>,
}

#[derive(Debug)]
pub(super) enum State {
    Waiting,
    /// The connection in that slot lies ready.
    Ready(usize),
    /// It did, and went to somebody else.
    Revoked,
    TimedOut,
    ConnectFailed,
}

/// For whom a connection lies ready.
#[derive(Debug)]
pub(super) struct HandedOver<W> {
    pub(super) place: Place,
    pub(super) holder: &'static Location<'static>,
    /// None if it was woken already, because it is late.
    pub(super) waker: Option<W>,
}

impl<W> Line<W> {
    pub(super) fn new(ageing_step: Duration) -> Self {
        let Key(first_key) = Key::ageing(Duration::ZERO, 0, ageing_step);
        Self {
            waiters: Ordered::default(),
            members: 0,
            next_deadline: NEVER,
            last_came: 0,
            ageing_step,
            first_key,
        }
    }

    pub(super) fn key(&mut self, now: u64, priority: i32) -> Key {
        // In the order of first polls, whatever the order of the calls was; and no two at once, so that whoever enters again
        // finds its old place.
        self.last_came = now.max(self.last_came + 1);
        if priority == 0 {
            if canary::is_on("pool.serves-the-last-first") {
                return Key(self.first_key.saturating_sub(self.last_came));
            }
            return Key(self.first_key.saturating_add(self.last_came));
        }
        Key::ageing(Duration::from_nanos(self.last_came), priority, self.ageing_step)
    }

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
    #[inline]
    pub(super) fn hand_over(&mut self, index: usize) -> Option<HandedOver<W>> {
        let place = self.waiters.advance()?;
        let waiter = self.waiters.get_mut(&place)?;
        waiter.state = State::Ready(index);
        let (holder, waker) = (waiter.holder, waiter.waker.take());
        Some(HandedOver { place, holder, waker })
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<Waiter<W>> {
        let waiter = self.waiters.remove(place)?;
        self.members -= 1;
        Some(waiter)
    }

    pub(super) fn revoke(&mut self, place: &Place) {
        if let Some(waiter) = self.waiters.get_mut(place) {
            waiter.state = State::Revoked;
        }
    }

    /// Tells all whose deadline is over, and takes them out of the line. They count as members until they are polled or
    /// dropped.
    #[inline]
    pub(super) fn expire<C>(&mut self, now: u64, effects: &mut Effects<C, W>) {
        if now < self.next_deadline {
            return;
        }
        let mut next_deadline = NEVER;
        // Out of the line, so that nothing is done for those who are not polled.
        self.waiters.withdraw_if(|waiter| {
            if waiter.deadline > now {
                next_deadline = next_deadline.min(waiter.deadline);
                return false;
            }
            waiter.state = State::TimedOut;
            waiter.waker.take().into_iter().for_each(|waker| effects.wake(waker));
            true
        });
        self.next_deadline = next_deadline;
    }

    /// Tells all who wait that there will be no connection.
    pub(super) fn fail<C>(&mut self, effects: &mut Effects<C, W>) {
        // Out of the line, so that no connect is begun for those who are not polled.
        while let Some(place) = self.waiters.advance() {
            let Some(waiter) = self.waiters.get_mut(&place) else { continue };
            if !matches!(waiter.state, State::Waiting) {
                continue;
            }
            waiter.state = State::ConnectFailed;
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
