//! The least schedule that still fails: delta debugging over the faults (Zeller and Hildebrandt, *Simplifying and
//! Isolating Failure-Inducing Input*, TSE 2002), then fewer faults at other times, then shorter, weaker and earlier ones.
//!
//! Removing alone gets stuck: each fault that goes changes what happens after it, so that a failure may need four faults
//! by accident of when they are, and one at another time.

use std::ops::ControlFlow;

use crate::fault::{Fault, FaultKind, Schedule};

/// What a test says: the index of the first candidate that fails as the whole does, or that it is time to stop.
pub(crate) type Tried = ControlFlow<(), Option<usize>>;

/// Rounds of removing and simplifying. What gets smaller in the fifth is not worth the time.
const ROUNDS: usize = 4;

/// So many faults of the whole are tried alone.
const ALONE_MAX: usize = 64;

/// At so many times a fault is tried alone.
const TIMES: u128 = 40;

/// Of more faults than these nothing is tried but to leave some out: the ways to replace two by one grow with the square.
const REPLACED_MAX: usize = 8;

/// What is left of `schedule` when nothing can be taken away from it. `first_failing` is asked about several candidates
/// at once, so that it can try them beside each other; they are in order of preference.
///
/// The result fails, if `schedule` does, also if it was stopped.
pub(crate) fn shrink(schedule: &Schedule, first_failing: impl FnMut(&[Schedule]) -> Tried) -> Schedule {
    let mut shrinker = Shrinker { whole: &schedule.faults, best: schedule.faults.clone(), first_failing };
    let _stopped = shrinker.run();
    Schedule::new(shrinker.best)
}

struct Shrinker<'a, F> {
    whole: &'a [Fault],
    best: Vec<Fault>,
    first_failing: F,
}

impl<F: FnMut(&[Schedule]) -> Tried> Shrinker<'_, F> {
    fn run(&mut self) -> ControlFlow<()> {
        if self.best.is_empty() || self.attempt(vec![Vec::new()])?.is_some() {
            return ControlFlow::Continue(());
        }
        for _ in 0..ROUNDS {
            self.remove()?;
            while self.replace()? {}
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

    /// Looks for fewer faults that do what these do: another alone, one at another time, two of them, or one less with
    /// another in its place. Returns whether there are.
    fn replace(&mut self) -> ControlFlow<(), bool> {
        if self.best.len() < 2 || self.best.len() > REPLACED_MAX {
            return ControlFlow::Continue(false);
        }
        let ways = [Self::others_alone, Self::one_elsewhere, Self::two, Self::one_for_two];
        for way in ways {
            let candidates = way(self);
            if self.attempt(candidates)?.is_some() {
                return ControlFlow::Continue(true);
            }
        }
        ControlFlow::Continue(false)
    }

    fn others_alone(&self) -> Vec<Vec<Fault>> {
        self.whole.iter().take(ALONE_MAX).map(|fault| vec![fault.clone()]).collect()
    }

    /// Each alone, at times all over the run.
    fn one_elsewhere(&self) -> Vec<Vec<Fault>> {
        let span =
            self.whole.iter().map(|fault| fault.at_ms.saturating_add(fault.lasts_ms)).max().unwrap_or(0);
        let times = (0..TIMES).map(|part| (u128::from(span) * part / TIMES) as u64);
        times
            .flat_map(|at_ms| self.best.iter().map(move |fault| vec![Fault { at_ms, ..fault.clone() }]))
            .collect()
    }

    fn two(&self) -> Vec<Vec<Fault>> {
        let pairs =
            (0..self.best.len()).flat_map(|one| (one + 1..self.best.len()).map(move |two| (one, two)));
        let pairs = pairs.map(|(one, two)| vec![self.best[one].clone(), self.best[two].clone()]);
        pairs.filter(|pair| pair.len() < self.best.len()).collect()
    }

    /// One goes, and another takes its place: there as well, only there, or twice and four times as long.
    fn one_for_two(&self) -> Vec<Vec<Fault>> {
        let mut all = Vec::new();
        for (gone, left) in self.best.iter().enumerate() {
            for (stays, fault) in self.best.iter().enumerate().filter(|(stays, _)| *stays != gone) {
                let from = left.at_ms.min(fault.at_ms);
                let end = |fault: &Fault| fault.at_ms.saturating_add(fault.lasts_ms);
                let spanning = Fault {
                    at_ms: from,
                    lasts_ms: end(left).max(end(fault)).saturating_sub(from),
                    ..fault.clone()
                };
                let there = Fault { at_ms: left.at_ms, ..fault.clone() };
                let longer = [2, 4]
                    .map(|times| Fault { lasts_ms: fault.lasts_ms.saturating_mul(times), ..fault.clone() });
                let kinds = [there].into_iter().chain([spanning].into_iter().chain(longer).filter(|it| {
                    // What is over at once does not last.
                    !it.kind.is_instant()
                }));
                for other in kinds.filter(|other| other != fault) {
                    let mut faults = self.best.clone();
                    faults[stays] = other;
                    faults.remove(gone);
                    all.push(faults);
                }
            }
        }
        all
    }

    /// Makes each fault shorter, weaker and earlier, and all together. Returns whether it could.
    fn simplify(&mut self) -> ControlFlow<(), bool> {
        let mut any = self.attempt(sooner(&self.best))?.is_some();
        for index in 0..self.best.len() {
            for simpler in [shorter, weaker, earlier] {
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
fn round_numbers() -> impl DoubleEndedIterator<Item = u64> {
    let decades = (0..19).map(|power| 10_u64.pow(power));
    decades.flat_map(|one| [1, 2, 5].map(|digit| digit * one))
}

fn shorter(fault: &Fault) -> Vec<Fault> {
    let lengths = round_numbers().skip_while(|ms| *ms < 20).take_while(|ms| *ms < fault.lasts_ms);
    lengths.map(|lasts_ms| Fault { lasts_ms, ..fault.clone() }).collect()
}

/// With most kinds what is smaller is weaker; where the size is what is left to the host, it is the other way round.
fn weaker(fault: &Fault) -> Vec<Fault> {
    let (low, high) = fault.kind.sizes();
    let is_what_is_left =
        matches!(fault.kind, FaultKind::ShortReads | FaultKind::ShortWrites | FaultKind::Bandwidth);
    let sizes: Vec<_> = if is_what_is_left {
        let rounds = round_numbers().rev().filter(|size| *size < high);
        std::iter::once(high).chain(rounds).take_while(|size| *size > fault.size).collect()
    } else {
        let rounds = round_numbers().filter(|size| *size > low);
        std::iter::once(low).chain(rounds).take_while(|size| *size < fault.size).collect()
    };
    sizes.into_iter().map(|size| Fault { size, ..fault.clone() }).collect()
}

/// At round times: the sooner it happens the less there is to read, and what cannot be sooner may be rounder.
fn earlier(fault: &Fault) -> Vec<Fault> {
    let floors = [1000, 100, 10].map(|step| fault.at_ms / step * step);
    let soon = round_numbers().skip_while(|ms| *ms < 500).take_while(|ms| *ms < floors[0]);
    let times = soon.chain(floors).filter(|at_ms| *at_ms < fault.at_ms);
    times.map(|at_ms| Fault { at_ms, ..fault.clone() }).collect()
}

/// All of them sooner by as much, as far apart as they are.
fn sooner(faults: &[Fault]) -> Vec<Vec<Fault>> {
    let first = faults.iter().map(|fault| fault.at_ms).min().unwrap_or(0);
    let by = [first, first / 4 * 3, first / 2].into_iter().filter(|ms| faults.len() > 1 && *ms >= 100);
    let moved = |ms| faults.iter().map(|fault| Fault { at_ms: fault.at_ms - ms, ..fault.clone() }).collect();
    by.map(moved).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

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
        assert_eq!((least.faults[0].size, least.faults[0].lasts_ms, least.faults[0].at_ms), (20, 20, 0));
    }

    #[test]
    fn what_is_left_to_a_host_becomes_more_and_not_less() {
        let fault = Fault { kind: FaultKind::Bandwidth, size: 300, ..fault(1) };
        let fails = |schedule: &Schedule| schedule.faults.iter().any(|fault| fault.size <= 6000);
        let (least, _tried) = shrunk(&Schedule::new(vec![fault]), fails);
        assert_eq!(least.faults[0].size, 5000);
    }

    #[test]
    fn four_faults_that_fail_by_accident_give_way_to_one_at_another_time() {
        let schedule = Schedule::new((0..4).map(fault).collect());
        let fails = |schedule: &Schedule| {
            let is_there = |fault: &Fault| fault.on == "host 2" && (5500..6000).contains(&fault.at_ms);
            schedule.faults.len() == 4 || schedule.faults.iter().any(is_there)
        };
        let (least, tried) = shrunk(&schedule, fails);
        assert_eq!(least.faults.len(), 1, "{least:?}");
        assert!(tried < 500, "{tried}");
    }

    #[test]
    fn one_that_spans_two_takes_the_place_of_both() {
        let faults = vec![fault(1), Fault { at_ms: 9000, ..fault(1) }];
        let covers = |faults: &[Fault], at_ms: u64| {
            faults.iter().any(|fault| (fault.at_ms..fault.at_ms + fault.lasts_ms).contains(&at_ms))
        };
        let fails = |schedule: &Schedule| covers(&schedule.faults, 2000) && covers(&schedule.faults, 12_000);
        let (least, _tried) = shrunk(&Schedule::new(faults), fails);
        assert_eq!(least.faults.len(), 1, "{least:?}");
    }

    #[test]
    fn faults_that_belong_together_move_together() {
        let schedule = Schedule::new(vec![fault(5), fault(6)]);
        let fails = |schedule: &Schedule| match &schedule.faults[..] {
            [one, two] => two.at_ms - one.at_ms == 1234 && one.on != two.on,
            _ => false,
        };
        let (least, _tried) = shrunk(&schedule, fails);
        assert_eq!(least.faults[0].at_ms, 0);
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
