//! How many connections are to be made, and when.

use std::time::Duration;

use super::{Effects, Machine, NEVER, Now, Slot, Stage, nanos};
use crate::{
    rt::Rng,
    time::{Backoff, Delays},
};

#[derive(Debug)]
pub(super) struct Connects {
    pub(super) under_way: usize,
    pub(super) failures: u64,
    /// How many connections are asked for beforehand, by those who wait for that.
    pub(super) warm: usize,
    backoff: Backoff,
    rng: Rng,
    /// The trouble there is, since the last success.
    trouble: Option<Trouble>,
}

#[derive(Debug)]
struct Trouble {
    delays: Delays,
    since: u64,
    retry_at: u64,
    /// Not worth another try unless somebody asks for one.
    is_fatal: bool,
}

impl Connects {
    pub(super) fn new(backoff: Backoff, rng: Rng) -> Self {
        Self { under_way: 0, failures: 0, warm: 0, backoff, rng, trouble: None }
    }

    pub(super) fn succeeded(&mut self) {
        self.under_way -= 1;
        self.trouble = None;
    }

    pub(super) fn failed(&mut self, now: Now, started: u64, is_fatal: bool) {
        self.under_way -= 1;
        self.failures += 1;
        let (backoff, rng, failures) = (self.backoff, &self.rng, self.failures);
        let trouble = self.trouble.get_or_insert_with(|| Trouble {
            delays: backoff.delays(rng.fork("delays", failures)),
            since: 0,
            retry_at: 0,
            is_fatal: false,
        });
        trouble.is_fatal = is_fatal;
        // Those that were under way when the first of them failed have nothing new to say.
        if started >= trouble.since {
            let pause = trouble.delays.next().unwrap_or(backoff.max);
            trouble.since = now.nanos.max(1);
            trouble.retry_at = now.after(nanos(pause));
        }
    }

    /// Something has changed, so what was not worth another try may be.
    pub(super) fn forgive(&mut self) {
        if let Some(trouble) = &mut self.trouble {
            trouble.is_fatal = false;
        }
    }

    pub(super) fn is_backing_off(&self, now: Now) -> bool {
        self.retry_at().is_some_and(|at| now.nanos < at)
    }

    fn retry_at(&self) -> Option<u64> {
        self.trouble.as_ref().map(|trouble| trouble.retry_at)
    }
}

impl<C, W> Machine<C, W> {
    /// A connect succeeded.
    pub(in super::super) fn connected(
        &mut self,
        now: Now,
        index: usize,
        connection: C,
        effects: &mut Effects<C, W>,
    ) {
        self.connects.succeeded();
        self.counts.connected += 1;
        let jitter = nanos(self.rng.duration(Duration::ZERO, self.rules.lifetime_jitter));
        let Some(slot) = self.slots.get_mut(index) else { return };
        slot.stage = Stage::Idle;
        (slot.since, slot.born, slot.proved) = (now.instant, now.instant, now.instant);
        if self.rules.lifetime_max != NEVER {
            slot.retire_at = now.after(self.rules.lifetime_max - jitter);
        }
        self.alarms.upkeep_by(slot.retire_at.min(now.after(self.rules.period)));
        if let Some(reason) = self.verdict(now, index) {
            self.retire(index, connection, reason, effects);
        } else {
            self.slots[index].connection = Some(connection);
            self.place(now, index, effects);
        }
        self.settle(now, effects);
    }

    /// A connect failed, and if that `is_fatal` nobody waits for another one.
    pub(in super::super) fn connect_failed(
        &mut self,
        now: Now,
        index: usize,
        is_fatal: bool,
        effects: &mut Effects<C, W>,
    ) {
        let Some(slot) = self.slots.try_remove(index) else { return };
        // What was fatal then says nothing of what is asked for since all was declared outdated.
        let is_fatal = is_fatal && slot.generation == self.generation;
        self.connects.failed(now, self.nanos(slot.since), is_fatal);
        if is_fatal && !self.closed {
            self.line.fail(effects);
        }
        self.settle(now, effects);
    }

    /// A connect was given up because nobody wants it any more.
    pub(in super::super) fn connect_dropped(&mut self, now: Now, index: usize, effects: &mut Effects<C, W>) {
        if self.slots.try_remove(index).is_some() {
            self.connects.under_way -= 1;
            self.settle(now, effects);
        }
    }

    /// How many more connections there should be.
    fn wanted(&self) -> usize {
        let made = self.connects.under_way;
        let is_fatal = self.connects.trouble.as_ref().is_some_and(|trouble| trouble.is_fatal);
        // The one that is being kept alive comes back.
        let idle = self.idle.len() + usize::from(self.keeps_alive);
        let spare = if is_fatal { 0 } else { self.rules.min_idle.saturating_sub(idle) };
        let cold = self.connects.warm.min(self.max).saturating_sub(self.open() + made);
        (self.line.len() + spare).saturating_sub(made).max(cold)
    }

    /// How many connections are open.
    pub(in super::super) fn open(&self) -> usize {
        self.slots.len() - self.connects.under_way - self.closing
    }

    pub(super) fn start_connects(&mut self, now: Now, effects: &mut Effects<C, W>) {
        let room = self.max.saturating_sub(self.slots.len());
        let wanted = self.wanted().min(room);
        if wanted == 0 {
            return;
        }
        if let Some(retry_at) = self.connects.retry_at()
            && now.nanos < retry_at
        {
            if self.line.is_empty() && self.connects.warm == 0 {
                self.alarms.upkeep_by(retry_at);
            } else {
                self.alarms.deadline_by(retry_at);
            }
            return;
        }
        // In trouble one goes ahead and finds out.
        let concurrency = if self.connects.trouble.is_some() { 1 } else { self.rules.connect_concurrency };
        for _ in 0..wanted.min(concurrency.saturating_sub(self.connects.under_way)) {
            let index = self.slots.insert(Slot::new(now, self.generation));
            self.connects.under_way += 1;
            effects.connects.push(index);
        }
    }

    /// Asks for `count` open connections, or for what others ask for if that is more.
    pub(in super::super) fn warm(&mut self, now: Now, count: usize, effects: &mut Effects<C, W>) {
        self.connects.warm = count;
        self.settle(now, effects);
    }
}
