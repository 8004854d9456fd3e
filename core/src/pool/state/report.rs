//! What there is to say of a pool.

use super::{
    super::{Holder, Phase, Stats},
    Counts, Machine, Now, Stage,
};

/// How things stand, for the error of somebody whose time is over.
#[derive(Debug)]
pub(in super::super) struct Situation {
    pub(in super::super) phase: Phase,
    pub(in super::super) waiting: usize,
    pub(in super::super) in_use: usize,
    pub(in super::super) max: usize,
    pub(in super::super) oldest: Option<Holder>,
}

impl<C, W> Machine<C, W> {
    pub(in super::super) fn stats(&self) -> Stats {
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

    /// Whether nothing is left, not even on its way out.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether somebody waits: a hint at what to try first.
    #[inline]
    pub(in super::super) fn is_busy(&self) -> bool {
        !self.line.is_empty()
    }

    pub(in super::super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(in super::super) fn count_panic(&mut self) {
        self.counts.panics += 1;
    }

    /// How things stand for somebody in line.
    pub(in super::super) fn situation(&self, now: Now) -> Situation {
        let phase = if self.connects.under_way > 0 {
            Phase::Connect
        } else if self.connects.is_backing_off(now) && self.slots.len() < self.max {
            Phase::Backoff
        } else {
            Phase::Queue
        };
        let leased = self.slots.iter().filter(|(_, slot)| slot.stage == Stage::Leased);
        let oldest = leased.min_by_key(|(_, slot)| slot.since).map(|(index, _)| index);
        Situation {
            phase,
            waiting: self.line.len(),
            in_use: self.stats().in_use,
            max: self.max,
            oldest: oldest.and_then(|index| self.holder(now, index)),
        }
    }

    /// The leases that are out, the oldest first.
    pub(in super::super) fn holders(&self, now: Now) -> Vec<Holder> {
        let leased = self.with(Stage::Leased).chain(self.with(Stage::Checking));
        let mut holders: Vec<_> = leased.filter_map(|index| self.holder(now, index)).collect();
        holders.sort_by_key(|holder| std::cmp::Reverse(holder.age));
        holders
    }

    fn holder(&self, now: Now, index: usize) -> Option<Holder> {
        let slot = self.slots.get(index)?;
        let age = now.instant.saturating_duration_since(slot.since);
        Some(Holder { location: slot.holder?, age })
    }
}
