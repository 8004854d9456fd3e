//! The pure machine: who holds what, who waits, what is to be made or ended. It is told the time and what happened, and
//! says what to do; it never sleeps, reads a clock, wakes, or runs code of a user.
//!
//! `C` is a connection and `W` what wakes a waiter. Times are nanoseconds since the pool was made, but for what is
//! written down at each lease.

mod aside;
mod connects;
mod effects;
mod line;
mod report;
mod upkeep;

use std::{
    collections::VecDeque,
    panic::Location,
    time::{Duration, Instant},
};

use slab::Slab;

use self::{connects::Connects, line::Line, upkeep::Alarms};
pub(super) use self::{
    effects::{Departure, Effects},
    line::{Claim, Enter, Request},
    upkeep::Leak,
};
use super::{
    Check, Config, Order, Stats,
    config::limit,
    stats::{Reason, Retired},
};
use crate::{rt::Rng, wait::Place};

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

/// The pool is not looked after more often just to know what is idle since when: 0.1 s.
const PERIOD_MIN: u64 = 100_000_000;

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

/// The config in the machine's own units; [`NEVER`] where there is no limit.
#[derive(Debug)]
struct Rules {
    order: Order,
    min_idle: usize,
    waiters_max: usize,
    connect_concurrency: usize,
    uses_max: u64,
    check_always: bool,
    check_after: u64,
    idle_max: u64,
    /// One of the two above is too short to be watched from outside: every lease and every return looks at the clock.
    is_exact: bool,
    keepalive: u64,
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

/// A place in the pool. There are never more than `max` but for a while after a `resize` down.
#[derive(Debug)]
struct Slot<C> {
    stage: Stage,
    born: Instant,
    /// When it was found to work while it was idle, or made.
    proved: Instant,
    /// Since when it is in this stage; idle ones, since when they are idle at the latest.
    since: Instant,
    /// It has to be looked at before it is lent.
    stale: bool,
    /// How often the pool had been looked after at `since`.
    tick: u32,
    /// There while it is idle or handed over.
    connection: Option<C>,
    retire_at: u64,
    uses: u64,
    generation: u64,
    holder: Option<&'static Location<'static>>,
    /// For whom it lies ready.
    handed_to: Option<Place>,
    reported: bool,
    /// It is being checked although nobody asks for it.
    is_kept_alive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Idle,
    Handed,
    Leased,
    /// Neither lent nor idle: checked, reset, or looked at.
    Checking,
    Closing(Reason),
}

impl Rules {
    fn new(config: &Config) -> Self {
        let nanos = |duration| limit(duration).map_or(NEVER, nanos);
        let check_always = config.check == Check::Always;
        let check_after = match config.check {
            Check::AfterIdle(idle) => nanos(Some(idle)),
            Check::Never | Check::Always => NEVER,
        };
        let (idle_max, keepalive) = (nanos(config.idle_timeout), nanos(config.keepalive));
        let (fresh_for, leak_after) = (check_after.min(idle_max), nanos(config.leak_warning_after));
        let is_exact = check_always || fresh_for / 4 < PERIOD_MIN;
        let shortest = if is_exact { NEVER } else { fresh_for }.min(leak_after).min(keepalive);
        let lifetime_max = nanos(config.lifetime_max);
        let lifetime_jitter = match limit(config.lifetime_max) {
            Some(lifetime) => lifetime.mul_f64(f64::from(config.lifetime_jitter_percent) / 100.0),
            None => Duration::ZERO,
        };
        Self {
            order: config.order,
            min_idle: config.min_idle,
            waiters_max: config.waiters_max,
            connect_concurrency: config.connect_concurrency,
            uses_max: if config.uses_max == 0 { u64::MAX } else { config.uses_max },
            check_always,
            check_after,
            idle_max,
            is_exact,
            keepalive,
            handover_max: nanos(config.handover_max),
            lifetime_max,
            lifetime_jitter,
            leak_after,
            period: if shortest == NEVER { NEVER } else { (shortest / 4).max(PERIOD_MIN) },
        }
    }
}

impl<C> Slot<C> {
    fn new(now: Now, generation: u64) -> Self {
        Self {
            stage: Stage::Connecting,
            born: now.instant,
            proved: now.instant,
            since: now.instant,
            stale: false,
            tick: 0,
            connection: None,
            retire_at: NEVER,
            uses: 0,
            generation,
            holder: None,
            handed_to: None,
            reported: false,
            is_kept_alive: false,
        }
    }

    /// It lies ready for somebody.
    fn hand_over(&mut self, now: Instant, tick: u32, place: Place, holder: &'static Location<'static>) {
        (self.stage, self.since, self.tick) = (Stage::Handed, now, tick);
        self.holder = Some(holder);
        self.handed_to = Some(place);
    }
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

    /// Takes an idle connection if nothing at all speaks against it and nothing else follows from it. `now` was read when
    /// the pool had been looked after `tick` times.
    #[inline]
    pub(super) fn take(&mut self, now: Instant, tick: u32, holder: &'static Location<'static>) -> Option<C> {
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
    pub(super) fn keep(&mut self, index: usize, connection: C) -> Result<(), C> {
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
    pub(super) fn pass_on(&mut self, now: Now, index: usize, connection: C) -> Result<Option<W>, C> {
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
    pub(super) fn give_back(
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

    fn end_lease(&mut self, now: Now, index: usize, effects: &mut Effects<C, W>) {
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
    pub(super) fn detach(&mut self, now: Now, index: usize, effects: &mut Effects<C, W>) {
        self.depart(index, Reason::Detached);
        self.gone(now, index, effects);
    }

    /// A connect succeeded.
    pub(super) fn connected(&mut self, now: Now, index: usize, connection: C, effects: &mut Effects<C, W>) {
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
    pub(super) fn connect_failed(
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
    pub(super) fn connect_dropped(&mut self, now: Now, index: usize, effects: &mut Effects<C, W>) {
        if self.slots.try_remove(index).is_some() {
            self.connects.under_way -= 1;
            self.settle(now, effects);
        }
    }

    /// The check of a connection has succeeded: it is leased, unless something else speaks against it by now.
    pub(super) fn checked(
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
    pub(super) fn check_failed(&mut self, index: usize, reason: Reason) {
        if self.slots.contains(index) {
            self.end_check(index);
            self.depart(index, reason);
        }
    }

    /// What was on its way out is gone.
    pub(super) fn gone(&mut self, now: Now, index: usize, effects: &mut Effects<C, W>) {
        let Some(slot) = self.slots.try_remove(index) else { return };
        if let Stage::Closing(reason) = slot.stage {
            self.closing -= 1;
            self.counts.retired.count(reason);
        }
        self.settle(now, effects);
    }

    pub(super) fn resize(&mut self, now: Now, max: usize, effects: &mut Effects<C, W>) {
        self.max = max;
        while !self.is_within_max() {
            // The one that is least likely to be missed.
            let Some(index) = self.idle.pop_front() else { break };
            self.retire_kept(index, Reason::Surplus, effects);
        }
        self.settle(now, effects);
    }

    /// Declares all connections outdated, also those that are only being made.
    pub(super) fn expire_all(&mut self, now: Now, effects: &mut Effects<C, W>) {
        self.generation += 1;
        self.connects.forgive();
        self.retire_idle_and_handed(Reason::Expired, effects);
        self.settle(now, effects);
    }

    /// Lends no more and says so to all who wait. Whether it was open until now.
    pub(super) fn close(&mut self, effects: &mut Effects<C, W>) -> bool {
        let was_open = !std::mem::replace(&mut self.closed, true);
        self.is_plain = false;
        effects.changed = true;
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
    fn place(&mut self, now: Now, index: usize, effects: &mut Effects<C, W>) {
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

    /// Why a connection must not be kept.
    fn verdict(&self, now: Now, index: usize) -> Option<Reason> {
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
    fn verdict_on_idle(&self, now: Now, index: usize, others: usize) -> Option<Reason> {
        let is_idle_for_long = self.age(now, index) >= self.rules.idle_max && others >= self.rules.min_idle;
        self.verdict(now, index).or_else(|| is_idle_for_long.then_some(Reason::Idle))
    }

    /// For how long a slot is in its stage.
    fn age(&self, now: Now, index: usize) -> u64 {
        self.slots.get(index).map_or(0, |slot| now.nanos.saturating_sub(self.nanos(slot.since)))
    }

    /// For how long it was neither used nor found to work.
    fn unproved(&self, now: Now, index: usize) -> u64 {
        let proved = self.slots.get(index).map_or(now.instant, |slot| slot.since.max(slot.proved));
        now.nanos.saturating_sub(self.nanos(proved))
    }

    /// By when somebody has to look at an idle connection. That a check or a keepalive is due is found out by whoever
    /// looks after the pool, once per period.
    fn due_at(&self, index: usize) -> u64 {
        let since = self.slots.get(index).map_or(NEVER, |slot| self.nanos(slot.since));
        since.saturating_add(self.rules.idle_max)
    }

    fn nanos(&self, at: Instant) -> u64 {
        nanos(at.saturating_duration_since(self.epoch))
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

    #[inline]
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

    /// Whether somebody waits: a hint at what to try first.
    #[inline]
    pub(super) fn is_busy(&self) -> bool {
        !self.line.is_empty()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn count_panic(&mut self) {
        self.counts.panics += 1;
    }

    pub(super) fn stats(&self) -> Stats {
        let Counts { leased, waited, timed_out, failed_fast, rejected, .. } = self.counts;
        let Counts { handovers_missed, connected, checks, resets, leaks, panics, retired, .. } = self.counts;
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
            failed_fast,
            rejected,
            handovers_missed,
            connected,
            connect_failures: self.connects.failures,
            checks,
            resets,
            leaks,
            panics,
            retired,
        }
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
