//! The pure machine: who holds what, who waits, what is to be made or ended. It is told the time and what happened, and
//! says what to do; it never sleeps, reads a clock, wakes, or runs code of a user.
//!
//! `C` is a connection and `W` what wakes a waiter. Times are nanoseconds since the pool was made.

mod connects;
mod effects;
mod line;
mod report;
mod upkeep;

use std::{collections::VecDeque, panic::Location, time::Duration};

use slab::Slab;

use self::{connects::Connects, line::Line, upkeep::Alarms};
pub(super) use self::{
    effects::{Departure, Effects},
    line::{Claim, Enter, Request},
};
use super::{
    Config, Order, Stats,
    config::limit,
    stats::{Reason, Retired},
};
use crate::rt::Rng;

pub(super) const NEVER: u64 = u64::MAX;

/// How many leases are given out without a wait before others get a chance to run.
const IMMEDIATE_MAX: u32 = 128;

#[derive(Debug)]
pub(super) struct Machine<C, W> {
    rules: Rules,
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
    generation: u64,
    immediate: u32,
    closed: bool,
    counts: Counts,
}

/// The config in the machine's own units; [`NEVER`] where there is no limit.
#[derive(Debug)]
struct Rules {
    order: Order,
    min_idle: usize,
    waiters_max: usize,
    connect_concurrency: usize,
    uses_max: u64,
    ageing_step: Duration,
    check_after: u64,
    idle_max: u64,
    /// The lesser of the two above: a connection that was idle for less can be lent as it is.
    fresh_for: u64,
    handover_max: u64,
    lifetime_max: u64,
    lifetime_jitter: Duration,
    leak_after: u64,
    /// How often the pool is looked after while it has connections.
    period: u64,
}

#[derive(Debug, Default)]
struct Counts {
    leased: u64,
    waited: u64,
    timed_out: u64,
    rejected: u64,
    handovers_missed: u64,
    connected: u64,
    checks: u64,
    leaks: u64,
    panics: u64,
    retired: Retired,
}

/// A place in the pool. There are never more than `max` but for a while after a `resize` down.
#[derive(Debug)]
struct Slot<C> {
    stage: Stage,
    /// Since when it is in this stage; idle ones, since when they are idle at the latest.
    since: u64,
    /// How often the pool had been looked after at `since`.
    tick: u32,
    /// There while it is idle or handed over.
    connection: Option<C>,
    retire_at: u64,
    uses: u64,
    generation: u64,
    holder: Option<&'static Location<'static>>,
    /// For whom it lies ready.
    handed_to: Option<crate::wait::Place>,
    reported: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Idle,
    Handed,
    Leased,
    Checking,
    Closing(Reason),
}

impl Rules {
    fn new(config: &Config) -> Self {
        let nanos = |duration| limit(duration).map_or(NEVER, nanos);
        let (check_after, idle_max) = (nanos(config.check_after_idle), nanos(config.idle_timeout));
        let (fresh_for, leak_after) = (check_after.min(idle_max), nanos(config.leak_warning_after));
        let shortest = fresh_for.min(leak_after);
        Self {
            order: config.order,
            min_idle: config.min_idle,
            waiters_max: config.waiters_max,
            connect_concurrency: config.connect_concurrency,
            uses_max: if config.uses_max == 0 { u64::MAX } else { config.uses_max },
            ageing_step: config.ageing_step,
            check_after,
            idle_max,
            fresh_for,
            handover_max: nanos(config.handover_max),
            lifetime_max: nanos(config.lifetime_max),
            lifetime_jitter: config.lifetime_jitter,
            leak_after,
            period: if shortest == NEVER { NEVER } else { (shortest / 4).max(1_000_000) },
        }
    }
}

impl<C> Slot<C> {
    fn new(now: u64, generation: u64) -> Self {
        Self {
            stage: Stage::Connecting,
            since: now,
            tick: 0,
            connection: None,
            retire_at: NEVER,
            uses: 0,
            generation,
            holder: None,
            handed_to: None,
            reported: false,
        }
    }
}

impl<C, W> Machine<C, W> {
    pub(super) fn new(config: &Config, rng: Rng) -> Self {
        Self {
            rules: Rules::new(config),
            max: config.max,
            slots: Slab::new(),
            idle: VecDeque::new(),
            line: Line::default(),
            connects: Connects::new(config.connect_backoff, rng.fork("backoff", 0)),
            alarms: Alarms::default(),
            rng,
            checking: 0,
            closing: 0,
            handed: 0,
            generation: 0,
            immediate: 0,
            closed: false,
            counts: Counts::default(),
        }
    }

    /// Takes an idle connection if nothing at all speaks against it and nothing else follows from it. `now` was read when
    /// the pool had been looked after `tick` times.
    #[inline]
    pub(super) fn take(
        &mut self,
        now: u64,
        tick: u32,
        holder: &'static Location<'static>,
    ) -> Option<(usize, C)> {
        let index = match self.rules.order {
            Order::Lifo => *self.idle.back()?,
            Order::Fifo => *self.idle.front()?,
        };
        let slot = self.slots.get(index)?;
        let is_fresh = now.saturating_sub(slot.since) < self.rules.fresh_for && now < slot.retire_at;
        let is_calm = self.idle.len() > self.rules.min_idle && self.immediate < IMMEDIATE_MAX;
        if !is_fresh || !is_calm || tick != self.alarms.tick {
            return None;
        }
        self.pop_idle();
        self.lease(now, index, holder)
    }

    /// Takes a connection that is not broken back, if nothing at all speaks against keeping it and nobody waits for it.
    #[inline]
    pub(super) fn keep(&mut self, index: usize, connection: C) -> Result<(), C> {
        let is_calm = self.line.is_empty() && self.is_within_max() && !self.closed;
        let Some(slot) = self.slots.get_mut(index).filter(|_| is_calm) else { return Err(connection) };
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

    /// A connection comes back, and `reason` says if and why it is of no use any more.
    pub(super) fn give_back(
        &mut self,
        now: u64,
        index: usize,
        connection: C,
        reason: Option<Reason>,
        effects: &mut Effects<C, W>,
    ) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        // It was used until now, if the pool was looked after since it was taken.
        if slot.tick != self.alarms.tick {
            slot.since = now;
        }
        slot.stage = Stage::Idle;
        slot.reported = false;
        if let Some(reason) = reason.or_else(|| self.verdict(now, index)) {
            self.retire(index, connection, reason, effects);
        } else {
            self.slots[index].connection = Some(connection);
            self.place(now, index, effects);
        }
        self.settle(now, effects);
    }

    /// A holder keeps its connection for good.
    pub(super) fn detach(&mut self, now: u64, index: usize, effects: &mut Effects<C, W>) {
        self.depart(index, Reason::Detached);
        self.gone(now, index, effects);
    }

    /// A connect succeeded.
    pub(super) fn connected(&mut self, now: u64, index: usize, connection: C, effects: &mut Effects<C, W>) {
        self.connects.succeeded();
        self.counts.connected += 1;
        let jitter = nanos(self.rng.duration(Duration::ZERO, self.rules.lifetime_jitter));
        let Some(slot) = self.slots.get_mut(index) else { return };
        slot.stage = Stage::Idle;
        slot.since = now;
        if self.rules.lifetime_max != NEVER {
            slot.retire_at = now.saturating_add(self.rules.lifetime_max - jitter);
        }
        self.alarms.upkeep_by(slot.retire_at.min(now.saturating_add(self.rules.period)));
        if let Some(reason) = self.verdict(now, index) {
            self.retire(index, connection, reason, effects);
        } else {
            self.slots[index].connection = Some(connection);
            self.place(now, index, effects);
        }
        self.settle(now, effects);
    }

    /// A connect failed.
    pub(super) fn connect_failed(&mut self, now: u64, index: usize, effects: &mut Effects<C, W>) {
        let Some(slot) = self.slots.try_remove(index) else { return };
        self.connects.failed(now, slot.since);
        self.settle(now, effects);
    }

    /// A connect was given up because nobody wants it any more.
    pub(super) fn connect_dropped(&mut self, now: u64, index: usize, effects: &mut Effects<C, W>) {
        if self.slots.try_remove(index).is_some() {
            self.connects.under_way -= 1;
            self.settle(now, effects);
        }
    }

    /// The check of a connection has succeeded: it is leased, unless something else speaks against it by now.
    pub(super) fn checked(
        &mut self,
        now: u64,
        index: usize,
        connection: C,
        effects: &mut Effects<C, W>,
    ) -> Option<C> {
        self.checking -= 1;
        if let Some(reason) = self.verdict(now, index) {
            self.retire(index, connection, reason, effects);
            self.settle(now, effects);
            return None;
        }
        let slot = self.slots.get_mut(index)?;
        slot.stage = Stage::Leased;
        slot.since = now;
        slot.tick = self.alarms.tick;
        slot.uses += 1;
        self.counts.leased += 1;
        Some(connection)
    }

    /// A connection that failed its check, or whose check was cut short, is about to be dropped.
    pub(super) fn check_failed(&mut self, index: usize, reason: Reason) {
        if self.slots.contains(index) {
            self.checking -= 1;
            self.depart(index, reason);
        }
    }

    /// What was on its way out is gone.
    pub(super) fn gone(&mut self, now: u64, index: usize, effects: &mut Effects<C, W>) {
        let Some(slot) = self.slots.try_remove(index) else { return };
        if let Stage::Closing(reason) = slot.stage {
            self.closing -= 1;
            self.counts.retired.count(reason);
        }
        self.settle(now, effects);
    }

    pub(super) fn resize(&mut self, now: u64, max: usize, effects: &mut Effects<C, W>) {
        self.max = max;
        while !self.is_within_max() {
            // The one that is least likely to be missed.
            let Some(index) = self.idle.pop_front() else { break };
            self.retire_kept(index, Reason::Surplus, effects);
        }
        self.settle(now, effects);
    }

    /// Declares all connections outdated, also those that are only being made.
    pub(super) fn expire_all(&mut self, now: u64, effects: &mut Effects<C, W>) {
        self.generation += 1;
        self.retire_idle_and_handed(Reason::Expired, effects);
        self.settle(now, effects);
    }

    /// Lends no more and says so to all who wait. Whether it was open until now.
    pub(super) fn close(&mut self, effects: &mut Effects<C, W>) -> bool {
        let was_open = !std::mem::replace(&mut self.closed, true);
        self.retire_idle_and_handed(Reason::Closed, effects);
        self.line.wake_all(effects);
        was_open
    }

    fn retire_idle_and_handed(&mut self, reason: Reason, effects: &mut Effects<C, W>) {
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

    fn with(&self, stage: Stage) -> impl Iterator<Item = usize> + '_ {
        self.slots.iter().filter(move |(_, slot)| slot.stage == stage).map(|(index, _)| index)
    }

    /// Takes a connection that was handed over away again. It belongs nowhere then.
    fn revoke(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        slot.stage = Stage::Idle;
        self.handed -= 1;
        if let Some(place) = slot.handed_to.take() {
            self.line.revoke(&place);
        }
    }

    /// Gives a connection that is kept in its slot to the first in line, or makes it idle.
    fn place(&mut self, now: u64, index: usize, effects: &mut Effects<C, W>) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        let Some(handed) = self.line.hand_over(index, effects) else {
            slot.stage = Stage::Idle;
            self.idle.push_back(index);
            return;
        };
        slot.stage = Stage::Handed;
        slot.since = now;
        slot.tick = self.alarms.tick;
        slot.holder = Some(handed.holder);
        slot.handed_to = Some(handed.place);
        self.handed += 1;
        self.alarms.deadline_by(now.saturating_add(self.rules.handover_max));
    }

    /// Why a connection must not be kept.
    fn verdict(&self, now: u64, index: usize) -> Option<Reason> {
        let slot = self.slots.get(index)?;
        if self.closed {
            Some(Reason::Closed)
        } else if slot.generation != self.generation {
            Some(Reason::Expired)
        } else if now >= slot.retire_at {
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
    fn verdict_on_idle(&self, now: u64, index: usize, others: usize) -> Option<Reason> {
        let since = self.slots.get(index)?.since;
        let is_idle_for_long =
            now.saturating_sub(since) >= self.rules.idle_max && others >= self.rules.min_idle;
        self.verdict(now, index).or_else(|| is_idle_for_long.then_some(Reason::Idle))
    }

    /// Those on their way out do not count: enough have been told to go.
    fn is_within_max(&self) -> bool {
        self.slots.len() - self.closing <= self.max
    }

    fn retire(&mut self, index: usize, connection: C, reason: Reason, effects: &mut Effects<C, W>) {
        self.depart(index, reason);
        effects.departures.push(Departure { index, connection, reason });
    }

    /// As [`retire`](Self::retire), for one that is in its slot and nowhere else.
    fn retire_kept(&mut self, index: usize, reason: Reason, effects: &mut Effects<C, W>) {
        let kept = self.slots.get_mut(index).and_then(|slot| slot.connection.take());
        if let Some(connection) = kept {
            self.retire(index, connection, reason, effects);
        }
    }

    fn depart(&mut self, index: usize, reason: Reason) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.stage = Stage::Closing(reason);
            self.closing += 1;
        }
    }

    /// Hands out what is idle, makes what is missing, and says by when to look again. Every change ends with it.
    fn settle(&mut self, now: u64, effects: &mut Effects<C, W>) {
        effects.changed = true;
        if self.closed {
            return;
        }
        while !self.line.is_empty() {
            let Some(index) = self.pop_idle() else { break };
            match self.verdict_on_idle(now, index, self.idle.len()) {
                Some(reason) => self.retire_kept(index, reason, effects),
                None => self.place(now, index, effects),
            }
        }
        self.start_connects(now, effects);
    }

    fn pop_idle(&mut self) -> Option<usize> {
        match self.rules.order {
            Order::Lifo => self.idle.pop_back(),
            Order::Fifo => self.idle.pop_front(),
        }
    }

    /// Whether nothing is left, not even on its way out.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn count_panic(&mut self) {
        self.counts.panics += 1;
    }

    pub(super) fn stats(&self) -> Stats {
        let Counts { leased, waited, timed_out, rejected, .. } = self.counts;
        let Counts { handovers_missed, connected, checks, leaks, panics, retired, .. } = self.counts;
        let (idle, connecting, checking) = (self.idle.len(), self.connects.under_way, self.checking);
        Stats {
            max: self.max,
            in_use: self.slots.len() - idle - connecting - checking - self.closing,
            idle,
            connecting,
            checking,
            closing: self.closing,
            waiting: self.line.len(),
            leased,
            waited,
            timed_out,
            rejected,
            handovers_missed,
            connected,
            connect_failures: self.connects.failures,
            checks,
            leaks,
            panics,
            retired,
        }
    }
}

/// Some 584 years at most.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}
