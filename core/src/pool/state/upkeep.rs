//! What happens by itself as time passes.

use std::{
    panic::Location,
    time::{Duration, Instant},
};

use super::{Effects, Machine, NEVER, Now, Rules, Stage, nanos};

/// By when somebody has to look after the pool.
#[derive(Debug)]
pub(in super::super) struct Alarms {
    /// How often somebody has.
    pub(in super::super) tick: u32,
    /// Because a caller waits for what happens then.
    pub(in super::super) deadline: u64,
    /// Whether somebody looks in time after whatever is handed over from now on.
    pub(super) is_handover_watched: bool,
    /// For the sake of order only.
    pub(in super::super) upkeep: u64,
    /// The same, to be compared with a clock: until then all that is idle and not stale can be lent as it is.
    pub(super) quiet_until: Instant,
    epoch: Instant,
    /// Whether one of them is earlier than whoever looks after the pool knows.
    pub(in super::super) earlier: bool,
}

/// A lease that is held for suspiciously long.
#[derive(Debug)]
pub(in super::super) struct Leak {
    pub(in super::super) location: &'static Location<'static>,
    pub(in super::super) age: Duration,
}

/// Far enough to mean never.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

impl Alarms {
    /// Nothing is lent without a look at the clock if that `is_exact`.
    pub(super) fn new(epoch: Instant, tick: u32, is_exact: bool) -> Self {
        Self {
            tick,
            deadline: NEVER,
            is_handover_watched: false,
            upkeep: NEVER,
            quiet_until: if is_exact { epoch } else { epoch + FAR },
            epoch,
            earlier: false,
        }
    }

    pub(super) fn deadline_by(&mut self, at: u64) {
        if at < self.deadline {
            self.deadline = at;
            self.earlier = true;
        }
    }

    /// Something was handed over that must be picked up by then. What is handed over later may lie for longer.
    pub(super) fn watch_handovers(&mut self, until: u64) {
        self.is_handover_watched = true;
        self.deadline_by(until);
    }

    pub(super) fn upkeep_by(&mut self, at: u64) {
        if at < self.upkeep {
            self.upkeep = at;
            self.quiet_until = self.quiet_until.min(self.epoch + Duration::from_nanos(at).min(FAR));
            self.earlier = true;
        }
    }
}

impl<C, W> Machine<C, W> {
    /// For how long a slot is in its stage.
    pub(super) fn age(&self, now: Now, index: usize) -> u64 {
        self.slots.get(index).map_or(0, |slot| now.nanos.saturating_sub(self.nanos(slot.since)))
    }

    /// For how long it was neither used nor found to work.
    pub(super) fn unproved(&self, now: Now, index: usize) -> u64 {
        let proved = self.slots.get(index).map_or(now.instant, |slot| slot.since.max(slot.proved));
        now.nanos.saturating_sub(self.nanos(proved))
    }

    /// By when somebody has to look at an idle connection. That a check or a keepalive is due is found out by whoever
    /// looks after the pool, once per period.
    pub(super) fn due_at(&self, index: usize) -> u64 {
        let since = self.slots.get(index).map_or(NEVER, |slot| self.nanos(slot.since));
        since.saturating_add(self.rules.idle_max)
    }

    #[inline]
    pub(in super::super) fn tick(&self) -> u32 {
        self.alarms.tick
    }

    /// Whether whoever looks after the pool has to be told that it is needed earlier.
    #[inline]
    pub(in super::super) fn take_earlier(&mut self) -> bool {
        std::mem::take(&mut self.alarms.earlier)
    }

    /// As [`take_earlier`](Self::take_earlier), until that is asked.
    #[inline]
    pub(in super::super) fn is_earlier(&self) -> bool {
        self.alarms.earlier
    }

    /// By when to look after the pool: because somebody waits for it, and for the sake of order.
    pub(in super::super) fn alarms(&self) -> (u64, u64) {
        (self.alarms.deadline, self.alarms.upkeep)
    }

    /// Looks after the pool. The alarms are set anew.
    pub(in super::super) fn look_after(
        &mut self,
        now: Now,
        leaks: &mut Vec<Leak>,
        effects: &mut Effects<C, W>,
    ) {
        let tick = self.alarms.tick.wrapping_add(1);
        self.alarms = Alarms::new(self.epoch, tick, self.rules.is_exact);
        self.line.expire(now.nanos, effects);
        self.alarms.deadline_by(self.line.next_deadline());
        if self.handed > 0 {
            self.pass_on_what_lies(now, effects);
        }
        self.retire_expired(now, effects);
        self.keep_alive(now, effects);
        self.find_leaks(now, leaks);
        if !self.slots.is_empty() {
            self.alarms.upkeep_by(now.after(self.rules.period));
        }
        self.settle(now, effects);
        // Whoever looks after the pool reads them next.
        self.alarms.earlier = false;
    }

    /// What was handed over and is not picked up goes to the next in line.
    fn pass_on_what_lies(&mut self, now: Now, effects: &mut Effects<C, W>) {
        let handed: Vec<_> = self.with(Stage::Handed).collect();
        for index in handed {
            let until = self.nanos(self.slots[index].since).saturating_add(self.rules.handover_max);
            if now.nanos < until {
                self.alarms.watch_handovers(until);
                continue;
            }
            self.counts.handovers_missed += 1;
            self.revoke(index);
            self.place_again(now, index, effects);
        }
    }

    fn retire_expired(&mut self, now: Now, effects: &mut Effects<C, W>) {
        let mut idle = std::mem::take(&mut self.idle);
        let mut left = idle.len();
        // The least needed stand in front.
        idle.retain(|index| {
            if let Some(reason) = self.verdict_on_idle(now, *index, left - 1) {
                self.retire_kept(*index, reason, effects);
                left -= 1;
                return false;
            }
            let (age, unproved) = (self.age(now, *index), self.unproved(now, *index));
            let Rules { check_always, is_exact, check_after, idle_max, keepalive, .. } = self.rules;
            self.slots[*index].stale = check_always || unproved >= check_after || age >= idle_max;
            let check_after = if is_exact { NEVER } else { check_after };
            for (so_far, limit) in [(age, idle_max), (unproved, check_after), (unproved, keepalive)] {
                if so_far < limit {
                    self.alarms.upkeep_by(now.after(limit - so_far));
                }
            }
            true
        });
        self.idle = idle;
        for (_, slot) in &self.slots {
            // Those that are leased retire when they come back, which is noticed by the tick.
            if now.nanos < slot.retire_at {
                self.alarms.upkeep_by(slot.retire_at);
            }
        }
    }

    fn find_leaks(&mut self, now: Now, leaks: &mut Vec<Leak>) {
        let leak_after = self.rules.leak_after;
        if leak_after == NEVER {
            return;
        }
        for (_, slot) in &mut self.slots {
            if slot.stage != Stage::Leased || slot.reported {
                continue;
            }
            let age = now.instant.saturating_duration_since(slot.since);
            let left = leak_after.saturating_sub(nanos(age));
            if left > 0 {
                self.alarms.upkeep_by(now.after(left));
            } else if let Some(location) = slot.holder {
                slot.reported = true;
                self.counts.leaks += 1;
                leaks.push(Leak { location, age });
            }
        }
    }
}
