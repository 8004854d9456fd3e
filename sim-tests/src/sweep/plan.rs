//! Which seed is next. It takes the time and returns what to do.

use std::{ops::Range, time::Duration};

/// Failures after which a lane is given up: nobody reads more, and a law that is broken by each seed would take all the
/// time there is.
pub(crate) const FAILURES_MAX: u64 = 20;

/// One seed in so many is run twice.
pub(crate) const TWICE: u64 = 20;

/// When it is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The seeds of each lane.
    pub(crate) seeds: Range<u64>,
    /// No seed is begun after so long; `None` runs all.
    pub(crate) time: Option<Duration>,
    /// Whether a lane may go on for as long again, until it has as many seeds as its coverage needs.
    pub(crate) extends: bool,
}

/// The seeds of all lanes, in the order in which they are run: whichever lane had the least time so far is next.
#[derive(Debug)]
pub(crate) struct Plan {
    bounds: Bounds,
    lanes: Vec<Lane>,
}

#[derive(Debug, Default)]
struct Lane {
    begun: u64,
    done: u64,
    failed: u64,
    /// How many seeds its coverage needs.
    least: u64,
    used: Duration,
}

/// A seed to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) lane: usize,
    pub(crate) seed: u64,
    /// Whether to run it twice, and compare.
    pub(crate) twice: bool,
}

impl Plan {
    /// `least` of each lane are the seeds that its coverage needs.
    pub(crate) fn new(bounds: Bounds, least: impl IntoIterator<Item = u64>) -> Self {
        let lanes = least.into_iter().map(|least| Lane { least, ..Lane::default() }).collect();
        Self { bounds, lanes }
    }

    /// The next seed; `None` if there is none to begin any more.
    pub(crate) fn next(&mut self, elapsed: Duration) -> Option<Next> {
        let Bounds { seeds, time, extends } = &self.bounds;
        let count = seeds.end - seeds.start;
        let open = |lane: &&mut Lane| {
            let may_extend = *extends && lane.begun < lane.least;
            let time = time.map(|time| if may_extend { time * 2 } else { time });
            lane.begun < count && lane.failed < FAILURES_MAX && time.is_none_or(|time| elapsed < time)
        };
        let lanes = self.lanes.iter_mut().enumerate();
        let (number, lane) = lanes.filter(|(_, lane)| open(lane)).min_by_key(|(_, lane)| lane.expected())?;
        let index = lane.begun;
        lane.begun += 1;
        Some(Next { lane: number, seed: seeds.start + index, twice: index % TWICE == 0 })
    }

    /// A seed of this lane is done.
    pub(crate) fn done(&mut self, lane: usize, took: Duration, failed: bool) {
        let lane = &mut self.lanes[lane];
        lane.done += 1;
        lane.failed += u64::from(failed);
        lane.used += took;
    }

    /// Whether the lane was given up.
    pub(crate) fn is_given_up(&self, lane: usize) -> bool {
        let lane = &self.lanes[lane];
        lane.failed >= FAILURES_MAX && lane.done < self.bounds.seeds.end - self.bounds.seeds.start
    }
}

impl Lane {
    /// The time it had, and will have had when what runs is done.
    fn expected(&self) -> Duration {
        if self.done == 0 {
            return self.used + Duration::from_millis(self.begun);
        }
        self.used + self.used / u32::try_from(self.done).unwrap_or(u32::MAX) * (self.begun - self.done) as u32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn bounds(seeds: Range<u64>, time: Option<Duration>, extends: bool) -> Bounds {
        Bounds { seeds, time, extends }
    }

    #[test]
    fn a_range_is_run_once_by_each_lane_and_every_twentieth_seed_twice() {
        let mut plan = Plan::new(bounds(100..140, None, false), [0, 0]);
        let all: Vec<_> = std::iter::from_fn(|| plan.next(SECOND * 1000)).collect();
        for lane in 0..2 {
            let mine: Vec<_> = all.iter().filter(|next| next.lane == lane).collect();
            assert!(mine.iter().map(|next| next.seed).eq(100..140));
            let twice: Vec<_> = mine.iter().filter(|next| next.twice).map(|next| next.seed).collect();
            assert_eq!(twice, [100, 120]);
        }
    }

    #[test]
    fn nothing_begins_after_its_time_but_what_coverage_needs_within_as_long_again() {
        let bounds = bounds(0..u64::MAX, Some(SECOND * 10), true);
        let mut plan = Plan::new(bounds, [2, 5]);
        assert!(plan.next(SECOND * 9).is_some() && plan.next(SECOND * 9).is_some());
        let late: Vec<_> = std::iter::from_fn(|| plan.next(SECOND * 10)).map(|next| next.lane).collect();
        assert_eq!(late.iter().filter(|lane| **lane == 0).count(), 1);
        assert_eq!(late.iter().filter(|lane| **lane == 1).count(), 4);
        let mut plan = Plan::new(Bounds { seeds: 0..9, time: Some(SECOND), extends: true }, [5]);
        assert_eq!(plan.next(SECOND * 2), None);
    }

    #[test]
    fn a_lane_in_which_all_fails_is_given_up_and_the_others_go_on() {
        let mut plan = Plan::new(bounds(0..100, None, false), [0, 0]);
        let mut runs = [0, 0];
        while let Some(next) = plan.next(SECOND) {
            runs[next.lane] += 1;
            plan.done(next.lane, SECOND, next.lane == 0);
        }
        assert_eq!(runs, [FAILURES_MAX, 100]);
        assert!(plan.is_given_up(0) && !plan.is_given_up(1));
    }

    proptest! {
        #[test]
        fn lanes_have_equal_shares_of_time(costs in prop::collection::vec(1..500_u32, 2..6), jobs in 1..4_usize) {
            let ms = Duration::from_millis(1);
            let mut plan = Plan::new(bounds(0..u64::MAX, Some(SECOND * 60), false), vec![0; costs.len()]);
            let (mut running, mut used, mut now) = (Vec::new(), vec![0; costs.len()], Duration::ZERO);
            loop {
                while running.len() < jobs {
                    let Some(next) = plan.next(now) else { break };
                    running.push((now + ms * costs[next.lane], next.lane));
                }
                running.sort_unstable();
                if running.is_empty() {
                    break;
                }
                let (at, lane) = running.remove(0);
                now = at;
                used[lane] += costs[lane];
                plan.done(lane, ms * costs[lane], false);
            }
            let (most, least) = (used.iter().max().unwrap(), used.iter().min().unwrap());
            prop_assert!(most - least <= 500 * (jobs as u32 + 1), "{used:?}");
        }
    }
}
