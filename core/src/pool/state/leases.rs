//! Connections on their way to those who use them, and back.

use std::{panic::Location, time::Instant};

use super::{
    super::{Order, stats::Reason},
    Effects, IMMEDIATE_MAX, Leak, Machine, Now, Stage,
};

impl<C, W> Machine<C, W> {
    /// Takes an idle connection if nothing at all speaks against it and nothing else follows from it. `now` was read when
    /// the pool had been looked after `tick` times.
    #[inline]
    pub(in super::super) fn take(
        &mut self,
        now: Instant,
        tick: u32,
        holder: &'static Location<'static>,
    ) -> Option<C> {
        // Nothing has expired since somebody looked.
        let is_quiet = tick == self.alarms.tick && now < self.alarms.quiet_until;
        let is_calm = self.idle.len() > self.rules.min_idle && self.immediate < IMMEDIATE_MAX;
        if !is_quiet || !is_calm {
            return None;
        }
        let index = match self.rules.order {
            Order::Lifo => *self.idle.back()?,
            Order::Fifo => *self.idle.front()?,
        };
        let slot = self.slots.get_mut(index).filter(|slot| !slot.stale)?;
        let connection = slot.connection.take()?;
        (slot.stage, slot.since, slot.tick) = (Stage::Leased, now, tick);
        slot.holder = Some(holder);
        slot.uses += 1;
        self.immediate += 1;
        self.counts.leased += 1;
        self.pop_idle();
        Some(connection)
    }

    /// Takes a connection that is not broken back, if nothing at all speaks against keeping it and nobody waits for it.
    #[inline]
    pub(in super::super) fn keep(&mut self, index: usize, connection: C) -> Result<(), C> {
        let is_calm = self.line.is_empty() && self.is_within_max() && self.is_plain;
        if !is_calm {
            return Err(connection);
        }
        let Some(slot) = self.slots.get_mut(index) else { return Err(connection) };
        let is_good = slot.tick == self.alarms.tick
            && slot.uses < self.rules.uses_max
            && slot.generation == self.generation;
        if !is_good {
            return Err(connection);
        }
        slot.stage = Stage::Idle;
        slot.connection = Some(connection);
        self.idle.push_back(index);
        Ok(())
    }

    /// Hands a connection that is not broken to the first in line, if there is one and nothing at all speaks against it.
    /// Returns whom to wake.
    #[inline]
    pub(in super::super) fn pass_on(
        &mut self,
        now: Now,
        index: usize,
        connection: C,
    ) -> Result<Option<W>, C> {
        // Nothing has expired since somebody looked, and somebody looks in time if this is not picked up.
        let is_quiet = now.instant < self.alarms.quiet_until && self.alarms.is_handover_watched;
        let is_anyone_late = now.nanos >= self.line.next_deadline();
        if !is_quiet || is_anyone_late || self.line.is_empty() || self.closed || !self.is_within_max() {
            return Err(connection);
        }
        let Some(slot) = self.slots.get_mut(index) else { return Err(connection) };
        // It may have expired while it was out, if somebody looked meanwhile.
        let is_good = slot.tick == self.alarms.tick
            && slot.uses < self.rules.uses_max
            && slot.generation == self.generation;
        if !is_good {
            return Err(connection);
        }
        let Some(handed) = self.line.hand_over(index) else { return Err(connection) };
        slot.connection = Some(connection);
        slot.reported = false;
        slot.hand_over(now.instant, self.alarms.tick, handed.place, handed.holder);
        self.handed += 1;
        Ok(handed.waker)
    }

    /// A connection comes back, and `reason` says if and why it is of no use any more.
    pub(in super::super) fn give_back(
        &mut self,
        now: Now,
        index: usize,
        connection: C,
        reason: Option<Reason>,
        effects: &mut Effects<C, W>,
    ) {
        self.end_lease(now, index, effects);
        if let Some(reason) = reason.or_else(|| self.verdict(now, index)) {
            self.retire(index, connection, reason, effects);
        } else {
            self.slots[index].connection = Some(connection);
            self.place(now, index, effects);
        }
        self.settle(now, effects);
    }

    pub(super) fn end_lease(&mut self, now: Now, index: usize, effects: &mut Effects<C, W>) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        slot.stage = Stage::Idle;
        // If it was reported, the pool was looked after, so it comes this way.
        if std::mem::take(&mut slot.reported)
            && let Some(location) = slot.holder
        {
            let age = now.instant.saturating_duration_since(slot.since);
            effects.returned = Some(Leak { location, age });
        }
        // It was used until now, if the pool was looked after since it was taken.
        if slot.tick != self.alarms.tick || self.rules.is_exact {
            slot.since = now.instant;
        }
    }

    /// A holder keeps its connection for good.
    pub(in super::super) fn detach(&mut self, now: Now, index: usize, effects: &mut Effects<C, W>) {
        self.depart(index, Reason::Detached);
        self.gone(now, index, effects);
    }

    /// Gives a connection that is kept in its slot to the first in line, or makes it idle.
    pub(super) fn place(&mut self, now: Now, index: usize, effects: &mut Effects<C, W>) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        // Nobody is served past its deadline.
        self.line.expire(now.nanos, effects);
        let Some(handed) = self.line.hand_over(index) else {
            slot.stage = Stage::Idle;
            slot.stale |= self.rules.check_always;
            self.idle.push_back(index);
            let at = self.due_at(index);
            self.alarms.upkeep_by(at);
            return;
        };
        slot.stale |= self.rules.check_always && slot.uses > 0;
        slot.hand_over(now.instant, self.alarms.tick, handed.place, handed.holder);
        if let Some(waker) = handed.waker {
            effects.wake(waker);
        }
        self.handed += 1;
        self.alarms.watch_handovers(now.after(self.rules.handover_max));
    }

    /// Takes a connection that was handed over away again. It belongs nowhere then.
    pub(super) fn revoke(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        slot.stage = Stage::Idle;
        self.handed -= 1;
        if let Some(place) = slot.handed_to.take() {
            self.line.revoke(&place);
        }
    }

    #[inline]
    pub(super) fn pop_idle(&mut self) -> Option<usize> {
        match self.rules.order {
            Order::Lifo => self.idle.pop_back(),
            Order::Fifo => self.idle.pop_front(),
        }
    }
}
