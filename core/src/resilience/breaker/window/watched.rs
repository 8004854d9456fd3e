use std::time::{Duration, Instant};

use super::{
    super::{Config, Outcome, Window},
    Limit,
    flights::Flights,
    tally::Tally,
};

/// A window that needs the machine's lock: failures, and slow calls if there are such.
#[derive(Debug)]
pub(in super::super) struct Watched {
    epoch: Instant,
    failures: Tally,
    slow: Option<Slow>,
}

#[derive(Debug)]
struct Slow {
    after: Duration,
    tally: Tally,
    flights: Flights,
}

/// Too much of the window is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Excess {
    Failures { failures: u32, calls: u32 },
    Slow { slow: u32, calls: u32 },
}

impl Watched {
    /// The window of that config, if it needs the lock.
    pub(in super::super) fn new(config: &Config, epoch: Instant) -> Option<Self> {
        let Config { window, calls_min, failure_percent, slow_call_after, slow_percent, .. } = *config;
        let needs_lock = slow_call_after.is_some() || matches!(window, Window::Time { .. });
        if !needs_lock {
            return None;
        }
        let slow = slow_call_after.map(|after| Slow {
            after,
            tally: Tally::new(window, Limit { calls_min, percent: slow_percent }),
            flights: Flights::new(after),
        });
        let failures = Tally::new(window, Limit { calls_min, percent: failure_percent });
        Some(Self { epoch, failures, slow })
    }

    /// Counts the calls that became slow in flight.
    pub(in super::super) fn advance(&mut self, now: Instant) -> Option<Excess> {
        let now = now.saturating_duration_since(self.epoch);
        self.failures.advance(now);
        let slow = self.slow.as_mut()?;
        slow.tally.advance(now);
        match slow.flights.advance(now) {
            0 => None,
            count => {
                slow.tally.record_bad(now, count);
                self.excess()
            }
        }
    }

    /// Notes that a call starts, after [`advance`](Self::advance) with the same time.
    pub(in super::super) fn started(&mut self, now: Instant) {
        if let Some(slow) = &mut self.slow {
            slow.flights.start(now.saturating_duration_since(self.epoch));
        }
    }

    /// Takes in the end of a call, after [`advance`](Self::advance) with the same time.
    pub(in super::super) fn ended(
        &mut self,
        now: Instant,
        started: Option<Instant>,
        outcome: Outcome,
    ) -> Option<Excess> {
        let time = |instant: Instant| instant.saturating_duration_since(self.epoch);
        let now = time(now);
        if outcome != Outcome::Ignored {
            self.failures.record(now, outcome == Outcome::Failure);
        }
        if let (Some(slow), Some(started)) = (&mut self.slow, started.map(time))
            && slow.flights.end(started)
        {
            let is_slow = now.saturating_sub(started) >= slow.after;
            // What is ignored says nothing, except that it was slow.
            if is_slow || outcome != Outcome::Ignored {
                slow.tally.record(now, is_slow);
            }
        }
        self.excess()
    }

    pub(in super::super) fn clear(&mut self) {
        self.failures.clear();
        if let Some(slow) = &mut self.slow {
            slow.tally.clear();
            slow.flights.clear();
        }
    }

    /// How many calls failed, of how many, and how many were slow.
    pub(in super::super) fn count(&self) -> (u32, u32, u32) {
        let (failures, calls) = self.failures.count();
        let slow = self.slow.as_ref().map_or(0, |slow| slow.tally.count().0);
        (failures, calls, slow)
    }

    fn excess(&self) -> Option<Excess> {
        if let Some((failures, calls)) = self.failures.excess() {
            return Some(Excess::Failures { failures, calls });
        }
        let (slow, calls) = self.slow.as_ref()?.tally.excess()?;
        Some(Excess::Slow { slow, calls })
    }
}
