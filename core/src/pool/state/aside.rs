//! Connections that are neither lent nor idle for a while: reset, checked although nobody asks, or looked at.

use super::{
    super::{Info, stats::Reason},
    Effects, Machine, NEVER, Now, Stage,
};

impl<C, W> Machine<C, W> {
    /// The check of a connection has succeeded: it is leased, unless something else speaks against it by now.
    pub(in super::super) fn checked(
        &mut self,
        now: Now,
        index: usize,
        connection: C,
        effects: &mut Effects<C, W>,
    ) -> Option<C> {
        self.end_check(index);
        if let Some(reason) = self.verdict(now, index) {
            self.retire(index, connection, reason, effects);
            self.settle(now, effects);
            return None;
        }
        let slot = self.slots.get_mut(index)?;
        slot.stage = Stage::Leased;
        (slot.since, slot.proved, slot.tick) = (now.instant, now.instant, self.alarms.tick);
        slot.uses += 1;
        self.counts.leased += 1;
        Some(connection)
    }

    /// A connection that failed its check, or whose check was cut short, is about to be dropped.
    pub(in super::super) fn check_failed(&mut self, index: usize, reason: Reason) {
        if self.slots.contains(index) {
            self.end_check(index);
            self.depart(index, reason);
        }
    }

    /// A connection comes back and has to be reset before it is lent again, unless it retires anyway.
    pub(in super::super) fn begin_reset(
        &mut self,
        now: Now,
        index: usize,
        connection: C,
        effects: &mut Effects<C, W>,
    ) -> Option<C> {
        self.end_lease(now, index, effects);
        if let Some(reason) = self.verdict(now, index) {
            self.retire(index, connection, reason, effects);
            self.settle(now, effects);
            return None;
        }
        if let Some(slot) = self.slots.get_mut(index) {
            (slot.stage, slot.holder) = (Stage::Checking, None);
            self.checking += 1;
            self.counts.resets += 1;
            effects.changed = true;
        }
        Some(connection)
    }

    /// The idle connections, the least needed first.
    pub(in super::super) fn idle(&self) -> Vec<usize> {
        self.idle.iter().copied().collect()
    }

    /// How many are neither lent nor idle, and nobody waits for just them.
    pub(in super::super) fn aside(&self) -> usize {
        self.slots.iter().filter(|(_, slot)| slot.stage == Stage::Checking && slot.holder.is_none()).count()
    }

    /// Takes a connection out of those that are idle, if it is.
    pub(in super::super) fn set_aside(&mut self, now: Now, index: usize) -> Option<(C, Info)> {
        let at = self.idle.iter().position(|idle| *idle == index)?;
        let info = self.info(now, index);
        let slot = self.slots.get_mut(index)?;
        let connection = slot.connection.take()?;
        (slot.stage, slot.holder) = (Stage::Checking, None);
        self.checking += 1;
        self.idle.remove(at);
        Some((connection, info))
    }

    /// A connection that was set aside was found to work.
    pub(in super::super) fn proved(
        &mut self,
        now: Now,
        index: usize,
        connection: C,
        effects: &mut Effects<C, W>,
    ) {
        if let Some(slot) = self.slots.get_mut(index) {
            (slot.proved, slot.stale) = (now.instant, false);
        }
        self.put_back(now, index, connection, None, effects);
    }

    /// A connection that was set aside is back, and `reason` says if and why it is of no use any more.
    pub(in super::super) fn put_back(
        &mut self,
        now: Now,
        index: usize,
        connection: C,
        reason: Option<Reason>,
        effects: &mut Effects<C, W>,
    ) {
        let was_kept_alive = self.slots.get(index).is_some_and(|slot| slot.is_kept_alive);
        self.end_check(index);
        if let Some(slot) = self.slots.get_mut(index) {
            slot.stage = Stage::Idle;
        }
        if let Some(reason) = reason.or_else(|| self.verdict(now, index)) {
            self.retire(index, connection, reason, effects);
        } else {
            self.slots[index].connection = Some(connection);
            self.place(now, index, effects);
            if was_kept_alive {
                self.cool_down(index);
            }
        }
        self.settle(now, effects);
    }

    /// A keepalive is no use: moves the connection that was made idle last back among those that are idle for as long.
    fn cool_down(&mut self, index: usize) {
        let (Some(slot), Some(last)) = (self.slots.get(index), self.idle.back()) else { return };
        if *last != index {
            // It was handed over.
            return;
        }
        let is_no_colder = |idle: &usize| self.slots.get(*idle).is_some_and(|idle| idle.since >= slot.since);
        let at = self.idle.iter().position(is_no_colder).unwrap_or(0);
        self.idle.pop_back();
        self.idle.insert(at, index);
    }

    /// A connection that was looked at will be lent, put back or dropped.
    pub(super) fn end_check(&mut self, index: usize) {
        self.checking -= 1;
        let Some(slot) = self.slots.get_mut(index) else { return };
        if std::mem::take(&mut slot.is_kept_alive) {
            self.keeps_alive = false;
            // There may be another one.
            self.alarms.upkeep_by(0);
        }
    }

    /// Has the least needed of those checked that were neither used nor checked for long, one at a time.
    pub(super) fn keep_alive(&mut self, now: Now, effects: &mut Effects<C, W>) {
        if self.rules.keepalive == NEVER || self.keeps_alive {
            return;
        }
        let due = self.idle.iter().find(|index| self.unproved(now, **index) >= self.rules.keepalive);
        let Some(index) = due.copied() else { return };
        if let Some((connection, _)) = self.set_aside(now, index) {
            self.slots[index].is_kept_alive = true;
            self.keeps_alive = true;
            self.counts.checks += 1;
            effects.keepalive = Some((index, connection));
        }
    }

    pub(in super::super) fn info(&self, now: Now, index: usize) -> Info {
        let Some(slot) = self.slots.get(index) else { return Info::default() };
        let since = |at| now.instant.saturating_duration_since(at);
        let idle = if slot.stage == Stage::Idle { since(slot.since) } else { std::time::Duration::ZERO };
        Info { age: since(slot.born), uses: slot.uses, idle }
    }
}
