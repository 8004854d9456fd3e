use std::time::Duration;

use super::{super::Window, Limit, Ring, timed::Timed};

/// How many of the calls of a window are bad (failed, or slow), under the machine's lock.
#[derive(Debug)]
pub(super) struct Tally {
    limit: Limit,
    calls: Calls,
}

#[derive(Debug)]
enum Calls {
    Last { ring: Ring, era: u64 },
    Timed(Timed),
}

impl Tally {
    pub(super) fn new(window: Window, limit: Limit) -> Self {
        let calls = match window {
            Window::Calls { last } => Calls::Last { ring: Ring::new(last, limit), era: 0 },
            Window::Time { span, buckets } => Calls::Timed(Timed::new(span, buckets)),
            Window::Consecutive { .. } => unreachable!("a streak needs no lock"),
        };
        Self { limit, calls }
    }

    pub(super) fn advance(&mut self, now: Duration) {
        if let Calls::Timed(timed) = &mut self.calls {
            timed.advance(now);
        }
    }

    pub(super) fn record(&mut self, now: Duration, bad: bool) {
        match &mut self.calls {
            Calls::Last { ring, era } => {
                let _judged_by_excess = ring.report(*era, bad);
            }
            Calls::Timed(timed) => timed.record(now, bad),
        }
    }

    /// Records so many bad calls at once.
    pub(super) fn record_bad(&mut self, now: Duration, count: u32) {
        match &mut self.calls {
            // More than it can hold change nothing.
            Calls::Last { ring, era } => {
                for _ in 0..count.min(ring.len()) {
                    let _judged_by_excess = ring.report(*era, true);
                }
            }
            Calls::Timed(timed) => timed.record_bad(now, count),
        }
    }

    pub(super) fn clear(&mut self) {
        match &mut self.calls {
            Calls::Last { ring, era } => {
                *era += 1;
                ring.start(*era);
            }
            Calls::Timed(timed) => timed.clear(),
        }
    }

    /// How many are bad, of how many.
    pub(super) fn count(&self) -> (u32, u32) {
        match &self.calls {
            Calls::Last { ring, .. } => ring.count(),
            Calls::Timed(timed) => timed.count(),
        }
    }

    pub(super) fn excess(&self) -> Option<(u32, u32)> {
        let (bad, calls) = self.count();
        self.limit.is_exceeded(bad, calls).then_some((bad, calls))
    }
}
