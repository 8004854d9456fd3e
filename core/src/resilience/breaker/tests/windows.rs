//! The windows against lists.

use std::{collections::VecDeque, time::Duration};

use proptest::prelude::*;

use super::super::window::{CALL, FAILURE, Flights, Limit, Ring, Streak, Timed, Verdict};

/// What a report does in two steps, with a new era in between.
#[test]
fn a_report_that_is_overtaken_by_a_transition_touches_no_bit_of_the_next_era() {
    let ring = Ring::new(3, Limit { calls_min: 1, percent: 100 });
    let [failure, success] = [FAILURE, 0].map(|failed| ring.take(0, CALL + failed).expect("its era"));
    ring.start(1);
    assert_eq!(ring.settle_failure(0, failure), Verdict::Counted);
    assert_eq!((ring.count(), ring.counted()), ((0, 0), 0));

    (0..3).for_each(|_| _ = ring.report(1, true));
    assert_eq!(ring.settle_success(0, success), Verdict::Counted);
    assert_eq!((ring.count(), ring.counted()), ((3, 3), 3));
}

/// The first to take a place is the last to set its bit.
#[test]
fn a_failure_that_was_overtaken_sees_the_calls_that_overtook_it() {
    let ring = Ring::new(10, Limit { calls_min: 4, percent: 100 });
    let slow = ring.take(0, CALL + FAILURE).expect("its era");
    (0..3).for_each(|_| assert_eq!(ring.report(0, true), Verdict::Counted, "three of four"));
    assert_eq!(ring.settle_failure(0, slow), Verdict::Exceeded { failures: 4, calls: 4 });
}

proptest! {
    #[test]
    fn a_ring_holds_exactly_the_last_calls(
        len in 1..200_u32,
        calls_min in 1..200_u32,
        percent in 1..=100_u32,
        failing in 0..=10_u32,
        reports in prop::collection::vec((0..10_u32, 0..500_u32), 0..1500),
    ) {
        let ring = Ring::new(len, Limit { calls_min, percent });
        let mut model = VecDeque::new();
        let (mut era, mut total) = (0, 0);
        for (outcome, new_era) in reports {
            if new_era == 0 {
                era += 3;
                ring.start(era);
                model.clear();
            }
            let failed = outcome < failing;
            total += u64::from(failed);
            model.push_back(failed);
            if model.len() > len as usize {
                model.pop_front();
            }
            let failures = model.iter().filter(|failed| **failed).count() as u32;
            let calls = model.len() as u32;
            let verdict = ring.report(era, failed);
            prop_assert_eq!(ring.count(), (failures, calls));
            prop_assert_eq!(ring.counted(), failures);
            let is_too_much = failures > 0 && calls >= calls_min && failures * 100 >= percent * calls;
            match verdict {
                Verdict::Exceeded { failures: told, calls: of } => {
                    prop_assert!(is_too_much);
                    prop_assert_eq!((told, of), (failures, calls));
                }
                Verdict::Counted => prop_assert!(!is_too_much || !failed && calls == len),
                Verdict::Late => prop_assert!(false),
            }
        }
        prop_assert_eq!(ring.failures_total(), total);
    }

    /// The breaker looks at its state first, so few come this far: those that a transition overtakes.
    #[test]
    fn a_late_report_takes_a_place_at_most(len in 1..100_u32, reports in prop::collection::vec(any::<bool>(), 0..300)) {
        let ring = Ring::new(len, Limit { calls_min: 1, percent: 1 });
        ring.start(2);
        for failed in reports {
            for era in [0, 1, 3] {
                prop_assert_eq!(ring.report(era, failed), Verdict::Late);
            }
            prop_assert_eq!((ring.count().0, ring.counted(), ring.failures_total()), (0, 0, 0));
        }
    }

    #[test]
    fn places_are_remainders(len in 1..=10_000_u32, call in 0..1_u64 << 36) {
        let ring = Ring::new(len, Limit { calls_min: 1, percent: 1 });
        prop_assert_eq!(u64::from(ring.place(call)), call % u64::from(len));
    }

    #[test]
    fn a_ring_that_is_set_back_stays_what_it_is(len in 1..50_u32, seed: u64) {
        let never = Limit { calls_min: u32::MAX, percent: 100 };
        // Ours is set back every so often, the other never within the test.
        let ours = Ring::new(len, never).set_back_at(u64::from(len) * 3);
        let other = Ring::new(len, never);
        let mut rng = crate::rt::Rng::from_seed(seed);
        for _ in 0..1000 {
            let failed = rng.chance(1, 3);
            ours.report(0, failed);
            other.report(0, failed);
            prop_assert_eq!(ours.count(), other.count());
        }
    }

    #[test]
    fn a_streak_ends_with_a_success(max in 1..10_u32, reports in prop::collection::vec(any::<bool>(), 0..200)) {
        let streak = Streak::new(max);
        let mut row = 0;
        streak.start(7);
        for failed in reports {
            prop_assert_eq!(streak.report(6, failed), Verdict::Late);
            row = if failed { row + 1 } else { 0 };
            let expected = if failed && row >= max {
                Verdict::Exceeded { failures: row, calls: row }
            } else {
                Verdict::Counted
            };
            prop_assert_eq!(streak.report(7, failed), expected);
            prop_assert_eq!(streak.count(), (row, row));
        }
    }

    #[test]
    fn a_window_of_time_holds_the_last_buckets(
        buckets in 1..12_u32,
        width in 1..20_u64,
        reports in prop::collection::vec((0..40_u64, any::<bool>(), 0..4_u32), 0..200),
    ) {
        let mut timed = Timed::new(Duration::from_millis(width) * buckets, buckets);
        let mut model = Vec::new();
        let mut now = 0;
        for (passed, bad, many) in reports {
            now += passed;
            let time = Duration::from_millis(now);
            if many > 0 {
                timed.record_bad(time, many);
                model.extend((0..many).map(|_| (now / width, true)));
            }
            timed.record(time, bad);
            model.push((now / width, bad));
            let kept: Vec<_> =
                model.iter().filter(|(bucket, _)| bucket + u64::from(buckets) > now / width).collect();
            let bad = kept.iter().filter(|(_, bad)| *bad).count();
            prop_assert_eq!(timed.count(), (bad as u32, kept.len() as u32));
        }
    }

    #[test]
    fn each_call_in_flight_is_given_away_once_and_when_it_is_slow(
        steps in prop::collection::vec((0..80_u64, 0..3_u32, any::<prop::sample::Index>()), 0..200),
    ) {
        let (slow_after, width) = (160, 10);
        let mut flights = Flights::new(Duration::from_millis(slow_after));
        let mut model: Vec<u64> = Vec::new();
        let mut now = 0;
        for (passed, what, which) in steps {
            now += passed;
            let time = Duration::from_millis;
            let given_away = flights.advance(time(now));
            // A bucket as a whole, when its youngest possible call is slow.
            let is_slow = |started: &u64| (started / width + 1) * width + slow_after <= now;
            let before = model.len();
            model.retain(|started| !is_slow(started));
            prop_assert_eq!(given_away as usize, before - model.len());
            if what < 2 {
                flights.start(time(now));
                model.push(now);
            } else if !model.is_empty() {
                let started = model.swap_remove(which.index(model.len()));
                prop_assert!(flights.end(time(started)));
            }
            prop_assert!(flights.buckets() <= 18);
            if now > slow_after + width {
                prop_assert!(!flights.end(time(now - slow_after - width)), "it was given away");
            }
        }
    }
}
