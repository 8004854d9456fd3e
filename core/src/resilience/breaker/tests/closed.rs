//! When it opens.

use super::{
    super::{Config, State, Window},
    SECOND, breaker, config, fail, opened, succeed,
};
use crate::testing;

#[test]
fn it_opens_when_too_many_of_the_last_calls_have_failed() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, Config { failure_percent: 30, ..config() });
        succeed(&breaker, 10);
        fail(&breaker, 2);
        assert_eq!(breaker.state(), State::Closed);
        fail(&breaker, 1);
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn few_calls_mean_nothing() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, Config { calls_min: 4, ..config() });
        fail(&breaker, 3);
        assert_eq!(breaker.state(), State::Closed);
        // The first look, at three failures of four calls, is due to a success.
        succeed(&breaker, 1);
        assert_eq!(breaker.state(), State::Open);
    });
}

/// What tower-resilience gets wrong: its window of calls only ever grows, and ten thousand successes have to be made up
/// for by as many failures.
#[test]
fn a_window_of_calls_forgets_what_left_it() {
    for window in [Window::Calls { last: 10 }, Window::Calls { last: 100 }] {
        testing::run(1, |rt| async move {
            let breaker = breaker(&rt, Config { window, ..config() });
            succeed(&breaker, 10_000);
            let last = if window == (Window::Calls { last: 10 }) { 10 } else { 100 };
            fail(&breaker, last / 2 - 1);
            assert_eq!(breaker.state(), State::Closed);
            fail(&breaker, 1);
            assert_eq!(breaker.state(), State::Open);
        });
    }
}

#[test]
fn failures_that_left_the_window_count_no_more() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, config());
        for _ in 0..1000 {
            fail(&breaker, 4);
            succeed(&breaker, 6);
        }
        assert_eq!((breaker.state(), breaker.stats().window_failures), (State::Closed, 4));
        assert_eq!(breaker.stats().failures, 4000);
        succeed(&breaker, 10);
        assert_eq!(breaker.stats().window_failures, 0);
        // Quiet or not, the next failures are seen.
        fail(&breaker, 4);
        assert_eq!((breaker.state(), breaker.stats().window_failures), (State::Closed, 4));
        fail(&breaker, 1);
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn failures_in_a_row_are_ended_by_a_success() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, Config { window: Window::Consecutive { failures: 3 }, ..config() });
        for _ in 0..100 {
            fail(&breaker, 2);
            assert_eq!(breaker.stats().window_failures, 2);
            succeed(&breaker, 1);
        }
        assert_eq!(breaker.state(), State::Closed);
        fail(&breaker, 3);
        assert_eq!((breaker.state(), breaker.stats().failures), (State::Open, 203));
    });
}

#[test]
fn a_window_of_time_forgets_what_is_old() {
    testing::run(1, |rt| async move {
        let window = Window::Time { span: 10 * SECOND, buckets: 10 };
        let breaker = breaker(&rt, Config { window, calls_min: 4, ..config() });
        fail(&breaker, 3);
        rt.sleep(9 * SECOND).await;
        assert_eq!(breaker.stats().window_calls, 3);
        rt.sleep(SECOND).await;
        fail(&breaker, 3);
        assert_eq!((breaker.state(), breaker.stats().window_calls), (State::Closed, 3));
        fail(&breaker, 1);
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn an_open_breaker_says_when_to_come_back_and_counts_no_failure() {
    testing::run(1, |rt| async move {
        let breaker = opened(&rt, config());
        let failures = breaker.stats().failures;
        for second in 0..5 {
            let rejected = breaker.try_acquire().unwrap_err();
            assert_eq!((rejected.state, rejected.retry_after), (State::Open, Some((5 - second) * SECOND)));
            assert_eq!(breaker.check(), Err(rejected));
            rt.sleep(SECOND).await;
        }
        assert_eq!((breaker.stats().failures, breaker.stats().rejected), (failures, 5));
        assert_eq!(breaker.check(), Ok(()), "a fresh look does not come too late");
    });
}

#[test]
fn a_closed_breaker_has_forgotten_what_opened_it() {
    testing::run(1, |rt| async move {
        let breaker = super::half_open(&rt, config()).await;
        succeed(&breaker, 1);
        assert_eq!((breaker.state(), breaker.stats().window_calls), (State::Closed, 0));
        fail(&breaker, 9);
        assert_eq!(breaker.state(), State::Closed, "it has not seen ten calls");
        fail(&breaker, 1);
        assert_eq!(breaker.state(), State::Open);
    });
}
