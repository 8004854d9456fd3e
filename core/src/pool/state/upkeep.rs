//! What happens by itself as time passes.

use std::{panic::Location, time::Duration};

use super::{Effects, Machine, NEVER, Stage};

/// By when somebody has to look after the pool.
#[derive(Debug)]
pub(in super::super) struct Alarms {
    /// How often somebody has.
    pub(in super::super) tick: u32,
    /// Because a caller waits for what happens then.
    pub(in super::super) deadline: u64,
    /// For the sake of order only.
    pub(in super::super) upkeep: u64,
    /// Whether one of them is earlier than whoever looks after the pool knows.
    pub(in super::super) earlier: bool,
}

/// A lease that is held for suspiciously long.
#[derive(Debug)]
pub(in super::super) struct Leak {
    pub(in super::super) location: &'static Location<'static>,
    pub(in super::super) age: Duration,
}

impl Default for Alarms {
    fn default() -> Self {
        Self { tick: 0, deadline: NEVER, upkeep: NEVER, earlier: false }
    }
}

impl Alarms {
    pub(super) fn deadline_by(&mut self, at: u64) {
        if at < self.deadline {
            self.deadline = at;
            self.earlier = true;
        }
    }

    pub(super) fn upkeep_by(&mut self, at: u64) {
        if at < self.upkeep {
            self.upkeep = at;
            self.earlier = true;
        }
    }
}

impl<C, W> Machine<C, W> {
    #[inline]
    pub(in super::super) fn tick(&self) -> u32 {
        self.alarms.tick
    }

    /// Whether whoever looks after the pool has to be told that it is needed earlier.
    #[inline]
    pub(in super::super) fn take_earlier(&mut self) -> bool {
        std::mem::take(&mut self.alarms.earlier)
    }

    /// By when to look after the pool: because somebody waits for it, and for the sake of order.
    pub(in super::super) fn alarms(&self) -> (u64, u64) {
        (self.alarms.deadline, self.alarms.upkeep)
    }

    /// Looks after the pool. The alarms are set anew.
    pub(in super::super) fn look_after(
        &mut self,
        now: u64,
        leaks: &mut Vec<Leak>,
        effects: &mut Effects<C, W>,
    ) {
        let tick = self.alarms.tick.wrapping_add(1);
        self.alarms = Alarms { tick, ..Alarms::default() };
        self.line.expire(now, effects);
        self.alarms.deadline_by(self.line.next_deadline());
        if self.handed > 0 {
            self.pass_on_what_lies(now, effects);
        }
        self.retire_expired(now, effects);
        self.find_leaks(now, leaks);
        if !self.slots.is_empty() {
            self.alarms.upkeep_by(now.saturating_add(self.rules.period));
        }
        self.settle(now, effects);
        // Whoever looks after the pool reads them next.
        self.alarms.earlier = false;
    }

    /// What was handed over and is not picked up goes to the next in line.
    fn pass_on_what_lies(&mut self, now: u64, effects: &mut Effects<C, W>) {
        let handed: Vec<_> = self.with(Stage::Handed).collect();
        for index in handed {
            let until = self.slots[index].since.saturating_add(self.rules.handover_max);
            if now < until {
                self.alarms.deadline_by(until);
                continue;
            }
            self.counts.handovers_missed += 1;
            self.revoke(index);
            self.place_again(now, index, effects);
        }
    }

    fn retire_expired(&mut self, now: u64, effects: &mut Effects<C, W>) {
        let mut idle = std::mem::take(&mut self.idle);
        let mut left = idle.len();
        // The least needed stand in front.
        idle.retain(|index| {
            if let Some(reason) = self.verdict_on_idle(now, *index, left - 1) {
                self.retire_kept(*index, reason, effects);
                left -= 1;
                return false;
            }
            let idle_until = self.slots[*index].since.saturating_add(self.rules.idle_max);
            if now < idle_until {
                self.alarms.upkeep_by(idle_until);
            }
            true
        });
        self.idle = idle;
        for (_, slot) in &self.slots {
            // Those that are leased retire when they come back, which is noticed by the tick.
            if now < slot.retire_at {
                self.alarms.upkeep_by(slot.retire_at);
            }
        }
    }

    fn find_leaks(&mut self, now: u64, leaks: &mut Vec<Leak>) {
        let leak_after = self.rules.leak_after;
        if leak_after == NEVER {
            return;
        }
        for (_, slot) in &mut self.slots {
            if slot.stage != Stage::Leased || slot.reported {
                continue;
            }
            let at = slot.since.saturating_add(leak_after);
            if now < at {
                self.alarms.upkeep_by(at);
            } else if let Some(location) = slot.holder {
                slot.reported = true;
                self.counts.leaks += 1;
                leaks.push(Leak { location, age: Duration::from_nanos(now - slot.since) });
            }
        }
    }
}
