//! Generations.

use super::{
    super::{Config, Outcome, State, Window},
    SECOND, breaker, config, fail, half_open, succeed,
};
use crate::testing;

fn configs() -> [Config; 4] {
    [
        config(),
        Config { window: Window::Consecutive { failures: 10 }, ..config() },
        Config { window: Window::Time { span: 1000 * SECOND, buckets: 10 }, ..config() },
        Config { slow_call_after: Some(500 * SECOND), ..config() },
    ]
}

/// What others get wrong: a slow failure from before opens the breaker again that has just let its probe pass.
#[test]
fn a_late_result_of_the_closed_time_decides_nothing() {
    for config in configs() {
        testing::run(1, |rt| async move {
            let breaker = breaker(&rt, config);
            let late: Vec<_> = (0..20).map(|_| breaker.try_acquire_owned().unwrap()).collect();
            fail(&breaker, 10);
            let mut late = late.into_iter();
            late.next().unwrap().failure();
            assert_eq!((breaker.state(), breaker.stats().generation), (State::Open, 1));

            rt.sleep(5 * SECOND).await;
            let probe = breaker.try_acquire().unwrap();
            late.next().unwrap().failure();
            late.next().unwrap().success();
            drop(late.next());
            let stats = breaker.stats();
            assert_eq!((stats.state, stats.generation), (State::HalfOpen, 2));
            assert_eq!((stats.probes_in_flight, stats.late, stats.ignored), (1, 3, 1));

            probe.success();
            late.for_each(super::super::OwnedPermit::failure);
            let stats = breaker.stats();
            assert_eq!((stats.state, stats.generation, stats.late), (State::Closed, 3, 19));
            assert_eq!((stats.window_calls, stats.window_failures), (0, 0));
            assert_eq!(stats.failures, 10, "those that could change something");
        });
    }
}

#[test]
fn a_late_result_of_a_probe_decides_nothing() {
    testing::run(1, |rt| async move {
        let breaker = half_open(&rt, Config { probes: 2, ..config() }).await;
        let late = [breaker.try_acquire_owned().unwrap(), breaker.try_acquire_owned().unwrap()];
        let [one, two] = late;
        one.success();
        assert_eq!(breaker.state(), State::Closed);
        two.failure();
        let stats = breaker.stats();
        assert_eq!((stats.state, stats.late, stats.window_calls), (State::Closed, 1, 0));
    });
}

#[test]
fn what_was_started_before_a_reset_is_late_after_it() {
    for config in configs() {
        testing::run(1, |rt| async move {
            let breaker = breaker(&rt, config);
            let late: Vec<_> = (0..30).map(|_| breaker.try_acquire().unwrap()).collect();
            fail(&breaker, 5);
            breaker.reset();
            for (number, permit) in late.into_iter().enumerate() {
                permit.report(if number % 3 == 0 { Outcome::Success } else { Outcome::Failure });
            }
            let stats = breaker.stats();
            assert_eq!((stats.state, stats.generation, stats.late), (State::Closed, 1, 30));
            assert_eq!((stats.window_calls, stats.window_failures), (0, 0));
            succeed(&breaker, 5);
            fail(&breaker, 5);
            assert_eq!(breaker.stats().late, 30);
        });
    }
}
