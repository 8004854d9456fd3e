//! What is set by hand.

use super::{
    super::{Config, Outcome, State, Window},
    SECOND, breaker, config, fail, opened, report, succeed,
};
use crate::testing;

#[test]
fn forced_open_stays_so_and_says_that_nobody_knows_when_to_come_back() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, config());
        breaker.force_open();
        rt.sleep(1000 * SECOND).await;
        let rejected = breaker.try_acquire().unwrap_err();
        assert_eq!((rejected.state, rejected.retry_after), (State::ForcedOpen, None));
        assert!(rejected.to_string().contains("opened by hand"), "{rejected}");
        assert_eq!(breaker.check(), Err(rejected));
        breaker.auto();
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn forced_closed_never_opens_and_still_counts_failures() {
    for (window, failures) in [(Window::Calls { last: 10 }, 10), (Window::Consecutive { failures: 3 }, 3)] {
        testing::run(1, |rt| async move {
            let breaker = breaker(&rt, Config { window, ..config() });
            fail(&breaker, failures);
            assert_eq!(breaker.state(), State::Open);
            let before = breaker.stats().failures;
            breaker.force_closed();
            fail(&breaker, 1000);
            succeed(&breaker, 3);
            report(&breaker, 2, Outcome::Ignored);
            let stats = breaker.stats();
            assert_eq!((stats.state, stats.failures - before, stats.ignored), (State::ForcedClosed, 1000, 2));
            breaker.auto();
            assert_eq!((breaker.state(), breaker.stats().window_failures), (State::Closed, 0));
        });
    }
}

#[test]
fn disabled_it_is_as_if_it_were_not_there() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, Config { slow_call_after: Some(SECOND), ..config() });
        breaker.disable();
        for outcome in [Outcome::Failure, Outcome::Success, Outcome::Ignored] {
            report(&breaker, 100, outcome);
        }
        let stats = breaker.stats();
        assert_eq!((stats.state, stats.failures, stats.ignored, stats.late), (State::Disabled, 0, 0, 0));
        breaker.reset();
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn auto_leaves_a_breaker_alone_that_nobody_forced() {
    testing::run(1, |rt| async move {
        let breaker = opened(&rt, config());
        breaker.auto();
        assert_eq!((breaker.state(), breaker.stats().generation), (State::Open, 1));
        breaker.reset();
        assert_eq!((breaker.state(), breaker.stats().generation), (State::Closed, 2));
    });
}

#[test]
fn to_force_what_is_forced_changes_nothing() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, config());
        breaker.force_closed();
        let permit = breaker.try_acquire().unwrap();
        breaker.force_closed();
        permit.failure();
        let stats = breaker.stats();
        assert_eq!((stats.generation, stats.failures, stats.late), (1, 1, 0));
        breaker.force_open();
        breaker.disable();
        assert_eq!(breaker.stats().generation, 3);
    });
}
