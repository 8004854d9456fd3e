use std::{
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::{
    driver::{Inner, State},
    job::Control,
    slot::BoxWork,
    state::Machine,
};
use crate::{
    rt::Rejection,
    wait::{Key, Ticket, WaitQueue},
};

/// Those who wait for a place in a full queue, and the places that are kept for them.
pub(super) struct Room {
    line: WaitQueue<()>,
    /// Places whose owners are just about to submit.
    reserved: usize,
}

impl Default for Room {
    fn default() -> Self {
        // Each waiter is a future that its owner holds; the bound is theirs.
        Self { line: WaitQueue::new(usize::MAX), reserved: 0 }
    }
}

impl Room {
    fn promised(&self) -> usize {
        self.reserved + self.line.granted()
    }

    pub(super) fn wakers(&mut self) -> Vec<Waker> {
        self.line.wakers()
    }

    /// Gives free places to those who wait.
    pub(super) fn settle(&mut self, machine: &Machine<BoxWork, Arc<dyn Control>>) -> Vec<Waker> {
        let mut wakers = Vec::new();
        while !self.line.is_empty() && machine.admits(self.promised()).is_ok() {
            wakers.extend(self.line.grant(()));
        }
        wakers
    }
}

impl State {
    /// Whether a task may be queued; with a reserved place it may, unless the manager is shut down.
    pub(super) fn admit(&mut self, reserved: Option<Reserved<'_>>) -> Result<(), Rejection> {
        if let Some(reserved) = reserved {
            reserved.give_back(self);
            return match self.machine.admits(0) {
                Err(Rejection::ShutDown) => Err(Rejection::ShutDown),
                _ => Ok(()),
            };
        }
        // Whoever waits for room is not overtaken.
        let promised = if self.room.line.is_empty() { self.room.promised() } else { usize::MAX / 2 };
        self.machine.admits(promised)
    }
}

/// A place in the queue, kept until it is used or dropped.
pub(super) struct Reserved<'a>(Option<&'a Arc<Inner>>);

impl Reserved<'_> {
    fn give_back(mut self, state: &mut State) {
        state.room.reserved -= usize::from(self.0.take().is_some());
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        if let Some(inner) = self.0 {
            let mut state = inner.state.lock();
            state.room.reserved -= 1;
            inner.settle_room(state);
        }
    }
}

struct Waiter<'a> {
    inner: &'a Arc<Inner>,
    key: Key,
    ticket: Option<Ticket>,
}

impl Inner {
    /// Waits for a place in the queue. A manager that is shut down has room: the submission is then rejected.
    pub(super) fn room(self: &Arc<Self>, priority: i32) -> impl Future<Output = Reserved<'_>> + Send {
        let mut waiter = Waiter { inner: self, key: Key::strict(priority), ticket: None };
        poll_fn(move |cx| waiter.poll(cx))
    }

    fn settle_room(&self, mut state: parking_lot::MutexGuard<'_, State>) {
        let State { room, machine, .. } = &mut *state;
        let wakers = room.settle(machine);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl<'a> Waiter<'a> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Reserved<'a>> {
        let mut spent = None;
        let mut state = self.inner.state.lock();
        let State { room, machine, .. } = &mut *state;
        if machine.is_closed() {
            return Poll::Ready(Reserved(None));
        }
        if self.ticket.is_none() {
            if room.line.is_empty() && machine.admits(room.promised()).is_ok() {
                room.reserved += 1;
                return Poll::Ready(Reserved(Some(self.inner)));
            }
            self.ticket = room.line.join(self.key, cx.waker().clone()).ok();
            return Poll::Pending;
        }
        if room.line.poll(&mut self.ticket, cx.waker(), &mut spent).is_pending() {
            return Poll::Pending;
        }
        room.reserved += 1;
        Poll::Ready(Reserved(Some(self.inner)))
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        let mut state = self.inner.state.lock();
        // A place that was granted and not taken goes to the next.
        let _left = state.room.line.leave(ticket);
        self.inner.settle_room(state);
    }
}
