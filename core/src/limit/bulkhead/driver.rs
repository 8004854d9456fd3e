//! It locks, asks the machine, and wakes whom it names when the lock is released. No waker is cloned, woken or dropped
//! under the lock.

use std::task::{Poll, Waker};

use parking_lot::Mutex;

use super::{BulkheadFull, state::Machine};
use crate::{
    limit::wake::wake_all,
    rt::Rt,
    wait::{Key, Left, Ticket},
};

pub(super) struct Inner {
    pub(super) rt: Rt,
    pub(super) machine: Mutex<Machine>,
}

impl Inner {
    pub(super) fn try_take(&self) -> Result<(), BulkheadFull> {
        let mut machine = self.machine.lock();
        if machine.take() {
            return Ok(());
        }
        machine.counts.rejected += 1;
        Err(machine.full())
    }

    /// Takes a permit, or a place in line.
    pub(super) fn take_or_join(
        &self,
        key: Key,
        waker: &Waker,
        ticket: &mut Option<Ticket>,
    ) -> Result<bool, BulkheadFull> {
        if self.machine.lock().take() {
            return Ok(true);
        }
        let waker = waker.clone();
        let mut machine = self.machine.lock();
        if machine.take() {
            return Ok(true);
        }
        // Asked first: a place that is refused would drop the waker under the lock.
        if machine.is_line_full() {
            machine.counts.rejected += 1;
            return Err(machine.full());
        }
        *ticket = machine.join(key, waker).ok();
        Ok(false)
    }

    pub(super) fn poll(&self, ticket: &mut Option<Ticket>, waker: &Waker) -> Poll<()> {
        let mut waker = waker.clone();
        self.machine.lock().poll(ticket, &mut waker)
    }

    pub(super) fn release(&self) {
        let next = self.machine.lock().release();
        wake_all(&self.rt, next);
    }

    pub(super) fn leave(&self, ticket: Ticket) {
        let (left, next) = self.machine.lock().leave(ticket);
        wake_all(&self.rt, next);
        drop(left);
    }

    /// Gives up the place in line, unless a permit was granted in the meantime.
    pub(super) fn time_out(&self, ticket: Option<Ticket>) -> Result<(), BulkheadFull> {
        let mut machine = self.machine.lock();
        let full = machine.full();
        let Some(ticket) = ticket else { return Err(full) };
        let left = machine.time_out(ticket);
        drop(machine);
        match left {
            Left::Granted(()) => Ok(()),
            Left::Waiting(_) => Err(full),
        }
    }

    pub(super) fn resize(&self, permits: usize) {
        let wakers = self.machine.lock().resize(permits);
        wake_all(&self.rt, wakers);
    }
}
