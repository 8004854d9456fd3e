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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fault::{Fault, FaultKind};

    fn schedule() -> impl Strategy<Value = Schedule> {
        let fault = (0..1000_u64, prop_oneof![Just(0), 0..2000_u64, Just(u64::MAX)]);
        let fault = fault.prop_map(|(at_ms, lasts_ms)| Fault {
            at_ms,
            lasts_ms,
            kind: FaultKind::Pause,
            on: String::new(),
            size: 0,
        });
        prop::collection::vec(fault, 0..40).prop_map(Schedule::new)
    }

    /// All changes, asked for in steps of `step` milliseconds, with the time at which each came.
    fn changes(schedule: &Schedule, heal: Duration, step: u64) -> Vec<(Duration, Change)> {
        let (mut timeline, mut came) = (Timeline::new(schedule, heal), Vec::new());
        let mut now = Duration::ZERO;
        while let Some(next) = timeline.next() {
            while let Some(change) = timeline.pop(now) {
                came.push((now, change));
            }
            assert!(timeline.next().is_none_or(|later| later > now && later >= next));
            now += Duration::from_millis(step);
        }
        came
    }

    proptest! {
        #[test]
        fn every_beginning_has_one_end_behind_it_and_none_is_after_the_healing(
            schedule in schedule(),
            heal in 0..1500_u64,
            step in 1..50_u64,
        ) {
            let heal = Duration::from_millis(heal);
            let came = changes(&schedule, heal, step);
            let tick = Duration::from_millis(step);
            for (index, fault) in schedule.faults.iter().enumerate() {
                let all: Vec<_> = came
                    .iter()
                    .filter(|(_, Change::Begin(other) | Change::End(other))| *other == index)
                    .collect();
                if fault.at() >= heal {
                    prop_assert!(all.is_empty());
                    continue;
                }
                let [(began, Change::Begin(_)), (ended, Change::End(_))] = all[..] else {
                    return Err(TestCaseError::fail(format!("{all:?}")));
                };
                // Neither early nor later than the step after.
                prop_assert!(*began >= fault.at() && *began < fault.at() + tick);
                let end = fault.end().min(heal);
                prop_assert!(*ended >= end && *ended < end + tick);
            }
        }

        #[test]
        fn an_end_comes_before_a_later_beginning(schedule in schedule(), heal in 0..1500_u64) {
            let heal = Duration::from_millis(heal);
            let mut timeline = Timeline::new(&schedule, heal);
            let mut last = Duration::ZERO;
            while let Some(next) = timeline.next() {
                prop_assert!(next >= last && next <= heal);
                prop_assert!(last == next || timeline.pop(next - Duration::from_nanos(1)).is_none(), "not early");
                let change = timeline.pop(next);
                let Some(Change::Begin(index) | Change::End(index)) = change else {
                    return Err(TestCaseError::fail("it said it was due"));
                };
                prop_assert!(schedule.faults[index].at() <= next);
                last = next;
            }
            prop_assert_eq!(timeline.pop(Duration::MAX), None);
        }
    }
}
