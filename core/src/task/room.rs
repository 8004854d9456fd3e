use std::{
    error::Error,
    fmt,
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use parking_lot::MutexGuard;

use super::{
    Job, Spec,
    driver::{Inner, State},
    job::Control,
    slot::BoxWork,
    state::Machine,
    work::error_chain,
};
use crate::{
    rt::Rejection,
    wait::{Key, Ticket, WaitQueue, wake_all},
};

/// A place in the queue of a [`TaskManager`](super::TaskManager), by [`reserve`](super::TaskManager::reserve): kept until
/// it is used or dropped.
#[must_use = "dropping a reservation gives its place to the next in line"]
pub struct Reservation<'a> {
    inner: &'a Arc<Inner>,
    /// Whether there is a place: a manager that is shut down has none to keep.
    kept: bool,
}

impl Reservation<'_> {
    /// As [`TaskManager::submit`](super::TaskManager::submit), in the reserved place: it is not rejected for lack of room.
    ///
    /// # Cancel safety
    ///
    /// Dropping the [`Job`] lets its task run.
    pub fn submit<F>(self, spec: impl Into<Spec>, future: F) -> Job<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.inner.submit(spec.into(), future, |_| None, Some(self))
    }

    /// As [`TaskManager::submit_fallible`](super::TaskManager::submit_fallible), in the reserved place: it is not rejected
    /// for lack of room.
    ///
    /// # Cancel safety
    ///
    /// Dropping the [`Job`] lets its task run.
    pub fn submit_fallible<F, T, E>(self, spec: impl Into<Spec>, future: F) -> Job<Result<T, E>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Error + Send + 'static,
    {
        self.inner.submit(spec.into(), future, error_chain, Some(self))
    }

    fn give_back(mut self, state: &mut State) {
        state.room.reserved -= usize::from(std::mem::take(&mut self.kept));
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.kept {
            let mut state = self.inner.state.lock();
            state.room.reserved -= 1;
            settle(self.inner, state);
        }
    }
}

impl fmt::Debug for Reservation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation").field("kept", &self.kept).finish_non_exhaustive()
    }
}

/// Those who wait for a place in a full queue, and the places that are kept for them.
pub(super) struct Room {
    line: WaitQueue<()>,
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

fn settle(inner: &Inner, mut state: MutexGuard<'_, State>) {
    let State { room, machine, .. } = &mut *state;
    let wakers = room.settle(machine);
    drop(state);
    wake_all(&inner.rt, wakers);
}

impl State {
    /// Whether a task may be queued; in a reserved place it may, unless the manager is shut down.
    pub(super) fn admit(&mut self, reservation: Option<Reservation<'_>>) -> Result<(), Rejection> {
        if let Some(reservation) = reservation {
            reservation.give_back(self);
            return if self.machine.is_closed() { Err(Rejection::ShutDown) } else { Ok(()) };
        }
        // Whoever waits for room is not overtaken.
        let promised = if self.room.line.is_empty() { self.room.promised() } else { usize::MAX / 2 };
        self.machine.admits(promised)
    }
}

struct Waiter<'a> {
    inner: &'a Arc<Inner>,
    key: Key,
    ticket: Option<Ticket>,
}

impl Inner {
    /// Waits for a place in the queue. A manager that is shut down lets everyone through: the submission is rejected.
    pub(super) fn reserve(
        self: &Arc<Self>,
        priority: i32,
    ) -> impl Future<Output = Reservation<'_>> + Send + use<'_> {
        let mut waiter = Waiter { inner: self, key: Key::strict(priority), ticket: None };
        poll_fn(move |cx| waiter.poll(cx))
    }
}

impl<'a> Waiter<'a> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Reservation<'a>> {
        let inner = self.inner;
        // Before the guard, so that it is dropped after it.
        let mut waker = cx.waker().clone();
        let mut state = inner.state.lock();
        let State { room, machine, .. } = &mut *state;
        if machine.is_closed() {
            return Poll::Ready(Reservation { inner, kept: false });
        }
        if self.ticket.is_some() {
            if room.line.poll_with(&mut self.ticket, &mut waker).is_pending() {
                return Poll::Pending;
            }
        } else if !room.line.is_empty() || machine.admits(room.promised()).is_err() {
            self.ticket = room.line.join(self.key, waker).ok();
            return Poll::Pending;
        }
        room.reserved += 1;
        Poll::Ready(Reservation { inner, kept: true })
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        let mut state = self.inner.state.lock();
        // A place that was granted and not taken goes to the next.
        let _left = state.room.line.leave(ticket);
        settle(self.inner, state);
    }
}
