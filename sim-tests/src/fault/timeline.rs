use std::time::Duration;

use super::Schedule;

/// What happens to a fault of the schedule, by its index there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Begin(usize),
    End(usize),
}

/// The beginnings and ends of a schedule's faults, in order. It takes the time and returns what to do.
#[derive(Debug)]
pub(crate) struct Timeline {
    changes: Vec<(Duration, Change)>,
    next: usize,
}

impl Timeline {
    /// All faults are over at `heal`, whatever the schedule says.
    pub(crate) fn new(schedule: &Schedule, heal: Duration) -> Self {
        let mut changes = Vec::new();
        for (index, fault) in schedule.faults.iter().enumerate() {
            if fault.at() >= heal {
                continue;
            }
            changes.push((fault.at(), Change::Begin(index)));
            changes.push((fault.end().min(heal), Change::End(index)));
        }
        // Stable: of those at one time, a fault begins before it ends.
        changes.sort_by_key(|(at, _)| *at);
        Self { changes, next: 0 }
    }

    /// When the next change is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.changes.get(self.next).map(|(at, _)| *at)
    }

    /// The next change that is due by `now`.
    pub(crate) fn pop(&mut self, now: Duration) -> Option<Change> {
        let (at, change) = self.changes.get(self.next)?;
        if *at > now {
            return None;
        }
        self.next += 1;
        Some(*change)
    }
}
