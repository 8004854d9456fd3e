//! Probes.

use super::{
    super::{Config, Event, State, Why},
    SECOND, config, fail, half_open, opened, succeed,
};
use crate::{testing, time::Backoff};
use futures::{FutureExt, StreamExt};

/// What failsafe and recloser get wrong: while half open they let all of ten thousand calls pass.
#[test]
fn no_more_probes_pass_than_may() {
    for probes in [1, 3] {
        testing::run(1, |rt| async move {
            let breaker = half_open(&rt, Config { probes, successes_to_close: 5, ..config() }).await;
            let permits: Vec<_> = (0..10_000).filter_map(|_| breaker.try_acquire().ok()).collect();
            assert_eq!(permits.len(), probes as usize);
            assert!(permits.iter().all(super::super::Permit::is_probe));
            let stats = breaker.stats();
            assert_eq!((stats.probes, stats.probes_in_flight), (u64::from(probes), probes));
            assert_eq!(stats.rejected, 10_000 - u64::from(probes));
            let rejected = breaker.check().unwrap_err();
            assert_eq!((rejected.state, rejected.retry_after), (State::HalfOpen, Some(5 * SECOND)));
        });
    }
}

#[test]
fn a_rejection_while_half_open_points_no_later_than_to_the_end_of_the_lease() {
    testing::run(1, |rt| async move {
        let breaker = half_open(&rt, config()).await;
        let _probe = breaker.try_acquire().unwrap();
        rt.sleep(28 * SECOND).await;
        assert_eq!(breaker.try_acquire().unwrap_err().retry_after, Some(2 * SECOND));
    });
}

#[test]
fn it_closes_when_enough_probes_have_succeeded() {
    testing::run(1, |rt| async move {
        let breaker = half_open(&rt, Config { successes_to_close: 3, ..config() }).await;
        succeed(&breaker, 2);
        assert_eq!(breaker.state(), State::HalfOpen);
        succeed(&breaker, 1);
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(breaker.stats().probes, 3);
        assert!(!breaker.try_acquire().unwrap().is_probe());
    });
}

#[test]
fn it_opens_for_longer_when_a_probe_fails_and_anew_when_it_has_closed() {
    testing::run(1, |rt| async move {
        let breaker = opened(&rt, Config { successes_to_close: 2, ..config() });
        for seconds in [5, 10, 20, 40, 60, 60] {
            let retry_after = breaker.try_acquire().unwrap_err().retry_after;
            assert_eq!(retry_after, Some(seconds * SECOND));
            rt.sleep(seconds * SECOND).await;
            // One success is not enough, and forgotten by the next time.
            succeed(&breaker, 1);
            assert_eq!(breaker.state(), State::HalfOpen);
            fail(&breaker, 1);
        }
        rt.sleep(60 * SECOND).await;
        succeed(&breaker, 2);
        fail(&breaker, 10);
        assert_eq!(breaker.try_acquire().unwrap_err().retry_after, Some(5 * SECOND));
    });
}

#[test]
fn jitter_comes_from_the_seed_and_is_another_each_time() {
    let times = |seed| {
        testing::run(seed, |rt| async move {
            let breaker = opened(&rt, Config { open_for: Config::default().open_for, ..config() });
            let mut times = Vec::new();
            for _ in 0..10 {
                let open_for = breaker.try_acquire().unwrap_err().retry_after.unwrap();
                assert!((5 * SECOND / 2..=5 * SECOND).contains(&open_for), "{open_for:?}");
                times.push(open_for);
                breaker.reset();
                fail(&breaker, 10);
            }
            times
        })
    };
    assert_eq!(times(1), times(1));
    let mut different = [times(1), times(2)].concat();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), 20);
}

/// What wedges execution-policy: a probe that is dropped without a report.
#[test]
fn a_dropped_probe_is_given_back() {
    testing::run(1, |rt| async move {
        let breaker = half_open(&rt, config()).await;
        for _ in 0..100 {
            let probe = breaker.try_acquire().unwrap();
            assert!(breaker.check().is_err());
            drop(probe);
            breaker.try_acquire().unwrap().ignore();
            let owned = breaker.try_acquire_owned().unwrap();
            assert!(breaker.check().is_err() && owned.is_probe());
        }
        let stats = breaker.stats();
        assert_eq!((stats.state, stats.probes_in_flight, stats.ignored), (State::HalfOpen, 0, 300));
        succeed(&breaker, 1);
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn a_hung_probe_fails_when_its_lease_ends_and_its_report_is_late() {
    testing::run(1, |rt| async move {
        let breaker = half_open(&rt, config()).await;
        let mut events = breaker.events();
        let start = rt.now();
        let hung = breaker.try_acquire().unwrap();
        assert_eq!(hung.generation(), 2);
        // Nobody looks until the lease of 30 s and then the open time of 10 s are over.
        rt.sleep(45 * SECOND).await;
        let probe = breaker.try_acquire().unwrap();
        assert_eq!(probe.generation(), 4);
        hung.success();
        assert_eq!((breaker.state(), breaker.stats().late), (State::HalfOpen, 1));

        let mut next = async || match events.next().now_or_never() {
            Some(Some(Event::Changed(transition))) => transition,
            other => panic!("{other:?}"),
        };
        let half_open = next().await;
        assert_eq!((half_open.generation, half_open.to, half_open.at), (2, State::HalfOpen, start));
        let opened = next().await;
        assert_eq!((opened.generation, opened.why), (3, Why::ProbeLeaseExpired));
        assert_eq!((opened.at - start, opened.open_for), (30 * SECOND, Some(10 * SECOND)));
        let half_open = next().await;
        assert_eq!((half_open.generation, half_open.why), (4, Why::OpenFor(10 * SECOND)));
        assert_eq!(half_open.at - start, 40 * SECOND);
    });
}

#[test]
fn a_report_that_finds_its_own_lease_over_is_late() {
    testing::run(1, |rt| async move {
        let breaker = half_open(&rt, config()).await;
        let hung = breaker.try_acquire().unwrap();
        rt.sleep(30 * SECOND).await;
        hung.success();
        let stats = breaker.stats();
        assert_eq!((stats.state, stats.late, stats.generation), (State::Open, 1, 3));
    });
}

#[test]
fn a_probe_that_reports_just_before_its_lease_ends_is_in_time() {
    testing::run(1, |rt| async move {
        let breaker = half_open(&rt, config()).await;
        let probe = breaker.try_acquire().unwrap();
        rt.sleep(30 * SECOND - SECOND / 1000).await;
        probe.success();
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn the_oldest_lease_counts_when_another_probe_was_given_back() {
    testing::run(1, |rt| async move {
        let breaker = half_open(&rt, Config { probes: 2, ..config() }).await;
        let first = breaker.try_acquire().unwrap();
        rt.sleep(10 * SECOND).await;
        let _second = breaker.try_acquire().unwrap();
        drop(first);
        rt.sleep(25 * SECOND).await;
        assert_eq!(breaker.state(), State::HalfOpen, "the lease of the second ends at 40 s");
        rt.sleep(5 * SECOND).await;
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn one_failed_probe_makes_the_reports_of_the_others_late() {
    testing::run(1, |rt| async move {
        let breaker = half_open(&rt, Config { probes: 3, ..config() }).await;
        let mut probes: Vec<_> = (0..3).map(|_| breaker.try_acquire().unwrap()).collect();
        probes.pop().unwrap().failure();
        probes.pop().unwrap().success();
        probes.pop().unwrap().failure();
        let stats = breaker.stats();
        assert_eq!((stats.state, stats.generation, stats.late), (State::Open, 3, 2));
        assert_eq!(breaker.try_acquire().unwrap_err().retry_after, Some(10 * SECOND), "it grew once");
    });
}

#[test]
fn the_open_time_never_exceeds_its_maximum() {
    testing::for_each_seed(0..50, |rt| async move {
        let open_for = Backoff { initial: SECOND, factor: 3, max: 7 * SECOND, ..Config::default().open_for };
        let breaker = opened(&rt, Config { open_for, ..config() });
        for _ in 0..20 {
            let retry_after = breaker.try_acquire().unwrap_err().retry_after.unwrap();
            assert!(retry_after <= 7 * SECOND);
            rt.sleep(retry_after).await;
            fail(&breaker, 1);
        }
    });
}
