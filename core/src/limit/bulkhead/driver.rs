//! It locks, asks the machine, and wakes whom it names when the lock is released. No waker is cloned, woken or dropped
//! under the lock.

use std::{
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};

use super::{
    BulkheadFull, Config,
    state::{Claim, Machine},
    watch,
};
use crate::{
    limit::{rate::nanos, wake::wake_all},
    rt::{Rt, Task},
    wait::{Key, Ticket},
};

pub(super) struct Inner {
    pub(super) rt: Rt,
    /// All times are nanoseconds since then.
    epoch: Instant,
    pub(super) machine: Mutex<Machine>,
    pub(super) watch: Mutex<Option<Task<()>>>,
}

/// One who wants a permit.
#[derive(Debug)]
pub(super) struct Caller {
    priority: i32,
    /// Its place in line for good, once it had one.
    key: Option<Key>,
    ticket: Option<Ticket>,
}

impl Caller {
    pub(super) fn new(priority: i32) -> Self {
        Self { priority, key: None, ticket: None }
    }

    pub(super) fn waits(&self) -> bool {
        self.ticket.is_some()
    }
}

impl Inner {
    pub(super) fn new(rt: &Rt, config: &Config) -> Self {
        let machine = Mutex::new(Machine::new(config));
        Self { rt: rt.clone(), epoch: rt.now(), machine, watch: Mutex::default() }
    }

    pub(super) fn try_take(&self) -> Result<(), BulkheadFull> {
        let mut machine = self.machine.lock();
        if machine.take() {
            return Ok(());
        }
        machine.counts.rejected += 1;
        Err(machine.full())
    }

    /// Takes a permit, the one that was handed over or one that is free; or takes a place in line.
    pub(super) fn poll(&self, caller: &mut Caller, waker: &Waker) -> Result<bool, BulkheadFull> {
        if caller.waits() {
            let mut waker = waker.clone();
            // Bound first: the lock is released before the waker is dropped.
            let claim = self.machine.lock().claim(&mut caller.ticket, &mut waker);
            match claim {
                Claim::Granted => return Ok(true),
                Claim::Wait => return Ok(false),
                Claim::Again => {}
            }
        }
        if self.machine.lock().take() {
            return Ok(true);
        }
        let (now, waker) = (self.now(), waker.clone());
        let mut machine = self.machine.lock();
        if machine.take() {
            return Ok(true);
        }
        if let Some(key) = caller.key {
            caller.ticket = machine.come_again(key, waker);
            return Ok(false);
        }
        // Asked first: a place that is refused would drop the waker under the lock.
        if machine.is_line_full() {
            machine.counts.rejected += 1;
            return Err(machine.full());
        }
        let (key, ticket) = machine.join(now, caller.priority, waker);
        (caller.key, caller.ticket) = (Some(key), ticket);
        Ok(false)
    }

    pub(super) fn release(self: &Arc<Self>) {
        if self.machine.lock().release_unwanted() {
            return;
        }
        let now = self.now();
        let mut machine = self.machine.lock();
        let next = machine.release(now);
        self.settle(machine, next);
    }

    pub(super) fn leave(self: &Arc<Self>, caller: &mut Caller) {
        let Some(ticket) = caller.ticket.take() else { return };
        let now = self.now();
        let mut machine = self.machine.lock();
        let (left, next) = machine.leave(now, ticket);
        self.settle(machine, next);
        drop(left);
    }

    /// Gives up the place in line, unless a permit was handed over in the meantime.
    pub(super) fn time_out(&self, caller: &mut Caller) -> Result<(), BulkheadFull> {
        let mut machine = self.machine.lock();
        let full = machine.full();
        let Some(ticket) = caller.ticket.take() else { return Err(full) };
        let (left, is_granted) = machine.time_out(ticket);
        drop(machine);
        drop(left);
        if is_granted { Ok(()) } else { Err(full) }
    }

    pub(super) fn resize(self: &Arc<Self>, permits: usize) {
        let now = self.now();
        let mut machine = self.machine.lock();
        let wakers = machine.resize(now, permits);
        self.settle(machine, wakers);
    }

    /// What the watch does: passes on what was not picked up in time, and says when to come again. `None` ends it.
    pub(super) fn pass_on(self: &Arc<Self>) -> Option<Instant> {
        let now = self.now();
        let mut machine = self.machine.lock();
        let before = machine.counts.handovers_missed;
        let (wakers, next) = machine.pass_on(now);
        let (missed, full) = (machine.counts.handovers_missed - before, machine.full());
        self.settle(machine, wakers);
        if missed > 0 {
            tracing::debug!(
                name: "seaworthy.bulkhead.handover_missed", missed, %full,
                "permits were passed on: the tasks that waited for them are not being polled"
            );
        }
        let instant = |next| self.epoch.checked_add(Duration::from_nanos(next));
        next.map(|next| instant(next).unwrap_or_else(|| self.rt.instant_after(Duration::MAX)))
    }

    /// Wakes those to whom something was handed over, and sees to it that somebody looks after that. Every handover ends
    /// with it.
    fn settle(
        self: &Arc<Self>,
        mut machine: MutexGuard<'_, Machine>,
        wakers: impl IntoIterator<Item = Waker>,
    ) {
        let is_to_be_watched = machine.is_to_be_watched();
        drop(machine);
        wake_all(&self.rt, wakers);
        if is_to_be_watched {
            watch::start(self);
        }
    }

    fn now(&self) -> u64 {
        nanos(self.epoch, self.rt.now())
    }
}
