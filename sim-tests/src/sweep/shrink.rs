//! The least schedule that still fails: delta debugging over the faults (Zeller and Hildebrandt, *Simplifying and
//! Isolating Failure-Inducing Input*, TSE 2002), then shorter, smaller and rounder ones.

use std::ops::ControlFlow;

use crate::fault::{Fault, Schedule};

/// What a test says: the index of the first candidate that fails as the whole does, or that it is time to stop.
pub(crate) type Tried = ControlFlow<(), Option<usize>>;

/// Rounds of removing and simplifying. What gets smaller in the fifth is not worth the time.
const ROUNDS: usize = 4;

/// What is left of `schedule` when nothing can be taken away from it. `first_failing` is asked about several candidates
/// at once, so that it can try them beside each other; they are in order of preference.
///
/// The result fails, if `schedule` does, also if it was stopped.
pub(crate) fn shrink(schedule: &Schedule, first_failing: impl FnMut(&[Schedule]) -> Tried) -> Schedule {
    let mut shrinker = Shrinker { best: schedule.faults.clone(), first_failing };
    let _stopped = shrinker.run();
    Schedule::new(shrinker.best)
}

struct Shrinker<F> {
    best: Vec<Fault>,
    first_failing: F,
}

impl<F: FnMut(&[Schedule]) -> Tried> Shrinker<F> {
    fn run(&mut self) -> ControlFlow<()> {
        if self.best.is_empty() || self.attempt(vec![Vec::new()])?.is_some() {
            return ControlFlow::Continue(());
        }
        for _ in 0..ROUNDS {
            self.remove()?;
            if !self.simplify()? {
                break;
            }
        }
        ControlFlow::Continue(())
    }

    /// Takes the first of the candidates that fails.
    fn attempt(&mut self, candidates: Vec<Vec<Fault>>) -> Tried {
        if candidates.is_empty() {
            return ControlFlow::Continue(None);
        }
        let schedules: Vec<_> = candidates.iter().cloned().map(Schedule::new).collect();
        let failing = (self.first_failing)(&schedules)?;
        if let Some(index) = failing {
            self.best = candidates.into_iter().nth(index).expect("an index of a candidate");
        }
        ControlFlow::Continue(failing)
    }

    /// `ddmin`: parts of the faults alone, then all but a part, in ever smaller parts.
    fn remove(&mut self) -> ControlFlow<()> {
        let mut parts = 2;
        while self.best.len() >= 2 {
            let count = parts.min(self.best.len());
            let bounds: Vec<_> = (0..=count).map(|part| part * self.best.len() / count).collect();
            let ranges = bounds.windows(2).map(|bounds| bounds[0]..bounds[1]);
            let alone = ranges.clone().map(|range| self.best[range].to_vec());
            let without = ranges.map(|range| [&self.best[..range.start], &self.best[range.end..]].concat());
            // Of two parts, each is what the other leaves.
            let candidates = if count == 2 { alone.collect() } else { alone.chain(without).collect() };
            parts = match self.attempt(candidates)? {
                Some(index) if index < count => 2,
                Some(_) => (count - 1).max(2),
                None if count < self.best.len() => count * 2,
                None => break,
            };
        }
        ControlFlow::Continue(())
    }

    /// Makes each fault shorter, smaller and rounder. Returns whether it could.
    fn simplify(&mut self) -> ControlFlow<(), bool> {
        let mut any = false;
        for index in 0..self.best.len() {
            for simpler in [shorter, smaller, rounder] {
                let candidates = simpler(&self.best[index]).into_iter().map(|fault| {
                    let mut faults = self.best.clone();
                    faults[index] = fault;
                    faults
                });
                let candidates = candidates.collect();
                any |= self.attempt(candidates)?.is_some();
            }
        }
        ControlFlow::Continue(any)
    }
}

/// 1, 2, 5, 10, 20 ..: what a person would write.
fn round_numbers() -> impl Iterator<Item = u64> {
    let decades = (0..19).map(|power| 10_u64.pow(power));
    decades.flat_map(|one| [1, 2, 5].map(|digit| digit * one))
}

fn shorter(fault: &Fault) -> Vec<Fault> {
    let lengths = round_numbers().skip_while(|ms| *ms < 20).take_while(|ms| *ms < fault.lasts_ms);
    lengths.map(|lasts_ms| Fault { lasts_ms, ..fault.clone() }).collect()
}

fn smaller(fault: &Fault) -> Vec<Fault> {
    let (low, _high) = fault.kind.sizes();
    let sizes = std::iter::once(low).chain(round_numbers().filter(|size| *size > low));
    sizes.take_while(|size| *size < fault.size).map(|size| Fault { size, ..fault.clone() }).collect()
}

fn rounder(fault: &Fault) -> Vec<Fault> {
    let rounded = [1000, 100, 10].map(|step| fault.at_ms / step * step);
    let rounded = rounded.into_iter().filter(|at_ms| *at_ms != fault.at_ms);
    rounded.map(|at_ms| Fault { at_ms, ..fault.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::fault::FaultKind;

    fn fault(number: u64) -> Fault {
        let kind = FaultKind::Latency;
        Fault { at_ms: 1234 * number + 7, lasts_ms: 3456, kind, on: format!("host {number}"), size: 777 }
    }

    fn hosts(schedule: &Schedule) -> BTreeSet<String> {
        schedule.faults.iter().map(|fault| fault.on.clone()).collect()
    }

    /// Shrinks with a predicate; also says how many candidates were looked at.
    fn shrunk(schedule: &Schedule, fails: impl Fn(&Schedule) -> bool) -> (Schedule, usize) {
        let mut tried = 0;
        let least = shrink(schedule, |candidates| {
            tried += candidates.len();
            ControlFlow::Continue(candidates.iter().position(&fails))
        });
        (least, tried)
    }

    #[test]
    fn what_fails_without_faults_has_none_left() {
        let schedule = Schedule::new((0..24).map(fault).collect());
        assert_eq!(shrunk(&schedule, |_| true), (Schedule::default(), 1));
    }

    #[test]
    fn lengths_sizes_and_times_become_the_least_that_fail() {
        let schedule = Schedule::new(vec![fault(3)]);
        let fails = |schedule: &Schedule| {
            schedule
                .faults
                .iter()
                .any(|fault| fault.lasts_ms >= 300 && fault.size >= 21 && fault.at_ms >= 3650)
        };
        let (least, _tried) = shrunk(&schedule, fails);
        let fault = &least.faults[0];
        assert_eq!((fault.lasts_ms, fault.size, fault.at_ms), (500, 50, 3700));
    }

    #[test]
    fn sizes_stay_within_what_their_kind_has() {
        let schedule = Schedule::new(vec![fault(1)]);
        let (least, _tried) = shrunk(&schedule, |schedule| !schedule.faults.is_empty());
        assert_eq!((least.faults[0].size, least.faults[0].lasts_ms, least.faults[0].at_ms), (20, 20, 1000));
    }

    proptest! {
        #[test]
        fn of_a_set_that_must_be_there_nothing_else_is_left(
            count in 1..40_u64,
            needed in prop::collection::btree_set(0..40_u64, 1..5),
        ) {
            let schedule = Schedule::new((0..count).map(fault).collect());
            let needed: BTreeSet<_> =
                needed.into_iter().map(|number| format!("host {}", number % count)).collect();
            let (least, tried) = shrunk(&schedule, |schedule| needed.is_subset(&hosts(schedule)));
            prop_assert_eq!(hosts(&least), needed);
            prop_assert!(tried < 2000, "{}", tried);
        }

        #[test]
        fn whatever_the_law_the_result_breaks_it_and_no_single_fault_of_it_can_go(
            count in 1..20_u64,
            table in prop::collection::vec(any::<bool>(), 256),
        ) {
            // A law without any sense to it; the whole breaks it, the calm does not.
            let schedule = Schedule::new((0..count).map(fault).collect());
            let fails = |schedule: &Schedule| {
                let hosts = hosts(schedule);
                let sum: usize = hosts.iter().map(|host| host.bytes().map(usize::from).sum::<usize>() * 31).sum();
                hosts.len() as u64 == count || (!hosts.is_empty() && table[sum % 256])
            };
            let (least, _tried) = shrunk(&schedule, fails);
            prop_assert!(fails(&least));
            for index in 0..least.faults.len() {
                let mut faults = least.faults.clone();
                faults.remove(index);
                prop_assert!(!fails(&Schedule::new(faults)));
            }
        }

        #[test]
        fn when_it_is_stopped_the_best_so_far_still_fails(count in 1..40_u64, budget in 0..30_usize) {
            let schedule = Schedule::new((0..count).map(fault).collect());
            let fails = |schedule: &Schedule| hosts(schedule).contains("host 0");
            let mut left = budget;
            let least = shrink(&schedule, |candidates| {
                if left == 0 {
                    return ControlFlow::Break(());
                }
                left -= 1;
                ControlFlow::Continue(candidates.iter().position(fails))
            });
            prop_assert!(fails(&least));
        }
    }
}
