//! The pure machine: who holds what, who waits, what is to be made or ended. It is told the time and what happened, and
//! says what to do; it never sleeps, reads a clock, wakes, or runs code of a user.
//!
//! `C` is a connection and `W` what wakes a waiter. Times are nanoseconds since the pool was made, but for what is
//! written down at each lease.

mod aside;
mod callers;
mod connects;
mod effects;
mod leases;
mod line;
mod report;
mod retiring;
mod rules;
mod slot;
mod upkeep;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use slab::Slab;

pub(super) use self::{
    callers::{Claim, Enter, Request},
    effects::{Departure, Effects},
    upkeep::Leak,
};
use self::{
    connects::Connects,
    line::Line,
    rules::Rules,
    slot::{Slot, Stage},
    upkeep::Alarms,
};
use super::{Config, stats::Retired};
use crate::rt::Rng;

pub(super) const NEVER: u64 = u64::MAX;

/// A point in time, as it was read and as the machine counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) instant: Instant,
    /// Since the pool was made.
    pub(super) nanos: u64,
}

/// How many leases are given out without a wait before others get a chance to run.
const IMMEDIATE_MAX: u32 = 128;

#[derive(Debug)]
pub(super) struct Machine<C, W> {
    rules: Rules,
    epoch: Instant,
    max: usize,
    slots: Slab<Slot<C>>,
    /// In the order in which they came back.
    idle: VecDeque<usize>,
    line: Line<W>,
    connects: Connects,
    alarms: Alarms,
    rng: Rng,
    checking: usize,
    closing: usize,
    /// Handed over and not picked up.
    handed: usize,
    /// Whether a connection is being checked although nobody asks for it.
    keeps_alive: bool,
    generation: u64,
    immediate: u32,
    closed: bool,
    /// Open, and what comes back needs no clock.
    is_plain: bool,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    leased: u64,
    waited: u64,
    timed_out: u64,
    failed_fast: u64,
    rejected: u64,
    handovers_missed: u64,
    connected: u64,
    checks: u64,
    resets: u64,
    leaks: u64,
    panics: u64,
    retired: Retired,
}

impl<C, W> Machine<C, W> {
    pub(super) fn new(epoch: Instant, config: &Config, rng: Rng) -> Self {
        let rules = Rules::new(config);
        Self {
            alarms: Alarms::new(epoch, 0, rules.is_exact),
            is_plain: !rules.is_exact,
            rules,
            epoch,
            max: config.max,
            slots: Slab::new(),
            idle: VecDeque::new(),
            line: Line::new(config.ageing_step),
            connects: Connects::new(config.connect_backoff, rng.fork("backoff", 0)),
            rng,
            checking: 0,
            closing: 0,
            handed: 0,
            keeps_alive: false,
            generation: 0,
            immediate: 0,
            closed: false,
            counts: Counts::default(),
        }
    }

    fn with(&self, stage: Stage) -> impl Iterator<Item = usize> + '_ {
        self.slots.iter().filter(move |(_, slot)| slot.stage == stage).map(|(index, _)| index)
    }

    fn nanos(&self, at: Instant) -> u64 {
        nanos(at.saturating_duration_since(self.epoch))
    }

    /// Hands out what is idle, makes what is missing, and says by when to look again. Every change ends with it.
    fn settle(&mut self, now: Now, effects: &mut Effects<C, W>) {
        effects.changed = true;
        if self.closed {
            return;
        }
        self.line.expire(now.nanos, effects);
        while !self.line.is_empty() {
            let Some(index) = self.pop_idle() else { break };
            match self.verdict_on_idle(now, index, self.idle.len()) {
                Some(reason) => self.retire_kept(index, reason, effects),
                None => self.place(now, index, effects),
            }
        }
        self.start_connects(now, effects);
    }
}

impl Now {
    pub(super) fn new(epoch: Instant, instant: Instant) -> Self {
        Self { instant, nanos: nanos(instant.saturating_duration_since(epoch)) }
    }

    pub(super) fn after(self, nanos: u64) -> u64 {
        self.nanos.saturating_add(nanos)
    }
}

/// Some 584 years at most.
pub(super) fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(duration.subsec_nanos()))
}
