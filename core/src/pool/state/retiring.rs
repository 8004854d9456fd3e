//! Which connections must go, and how they do.

use super::{super::stats::Reason, Departure, Effects, Machine, Now, Stage};

impl<C, W> Machine<C, W> {
    /// What was on its way out is gone.
    pub(in super::super) fn gone(&mut self, now: Now, index: usize, effects: &mut Effects<C, W>) {
        let Some(slot) = self.slots.try_remove(index) else { return };
        if let Stage::Closing(reason) = slot.stage {
            self.closing -= 1;
            self.counts.retired.count(reason);
        }
        self.settle(now, effects);
    }

    pub(in super::super) fn resize(&mut self, now: Now, max: usize, effects: &mut Effects<C, W>) {
        self.max = max;
        while !self.is_within_max() {
            // The one that is least likely to be missed.
            let Some(index) = self.idle.pop_front() else { break };
            self.retire_kept(index, Reason::Surplus, effects);
        }
        self.settle(now, effects);
    }

    /// Declares all connections outdated, also those that are only being made.
    pub(in super::super) fn expire_all(&mut self, now: Now, effects: &mut Effects<C, W>) {
        self.generation += 1;
        self.connects.forgive();
        self.retire_idle_and_handed(Reason::Expired, effects);
        self.settle(now, effects);
    }

    /// Lends no more and says so to all who wait. Whether it was open until now.
    pub(in super::super) fn close(&mut self, effects: &mut Effects<C, W>) -> bool {
        let was_open = !std::mem::replace(&mut self.closed, true);
        self.is_plain = false;
        effects.changed = true;
        self.retire_idle_and_handed(Reason::Closed, effects);
        self.line.wake_all(effects);
        was_open
    }

    pub(super) fn retire_idle_and_handed(&mut self, reason: Reason, effects: &mut Effects<C, W>) {
        for index in std::mem::take(&mut self.idle) {
            self.retire_kept(index, reason, effects);
        }
        if self.handed > 0 {
            let handed: Vec<_> = self.with(Stage::Handed).collect();
            for index in handed {
                self.revoke(index);
                self.retire_kept(index, reason, effects);
            }
        }
    }

    /// Why a connection must not be kept.
    pub(super) fn verdict(&self, now: Now, index: usize) -> Option<Reason> {
        let slot = self.slots.get(index)?;
        if self.closed {
            Some(Reason::Closed)
        } else if slot.generation != self.generation {
            Some(Reason::Expired)
        } else if now.nanos >= slot.retire_at {
            Some(Reason::Lifetime)
        } else if slot.uses >= self.rules.uses_max {
            Some(Reason::Uses)
        } else if !self.is_within_max() {
            Some(Reason::Surplus)
        } else {
            None
        }
    }

    /// Why a connection that was idle must not be lent, with `others` idle beside it. As many as are always to be idle may
    /// be so for as long as they like.
    pub(super) fn verdict_on_idle(&self, now: Now, index: usize, others: usize) -> Option<Reason> {
        let is_idle_for_long = self.age(now, index) >= self.rules.idle_max && others >= self.rules.min_idle;
        self.verdict(now, index).or_else(|| is_idle_for_long.then_some(Reason::Idle))
    }

    pub(super) fn retire(
        &mut self,
        index: usize,
        connection: C,
        reason: Reason,
        effects: &mut Effects<C, W>,
    ) {
        self.depart(index, reason);
        effects.departures.push(Departure { index, connection, reason });
    }

    /// As [`retire`](Self::retire), for one that is in its slot and nowhere else.
    pub(super) fn retire_kept(&mut self, index: usize, reason: Reason, effects: &mut Effects<C, W>) {
        let kept = self.slots.get_mut(index).and_then(|slot| slot.connection.take());
        if let Some(connection) = kept {
            self.retire(index, connection, reason, effects);
        }
    }

    pub(super) fn depart(&mut self, index: usize, reason: Reason) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.stage = Stage::Closing(reason);
            self.closing += 1;
        }
    }

    /// Those on their way out do not count: enough have been told to go.
    pub(super) fn is_within_max(&self) -> bool {
        self.slots.len() - self.closing <= self.max
    }
}
