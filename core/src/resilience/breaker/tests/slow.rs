//! Slow calls.

use super::{
    super::{CircuitBreaker, Config, State, Why, Window},
    SECOND, breaker, config, half_open, succeed,
};
use crate::{rt::Rt, testing};

/// Slow after 16 s, so a call in flight is seen to be slow after 17 s at most. Half of the calls is too much.
fn watching() -> Config {
    Config { slow_call_after: Some(16 * SECOND), slow_percent: 50, ..config() }
}

fn timed() -> Config {
    Config { window: Window::Time { span: 100 * SECOND, buckets: 10 }, ..watching() }
}

async fn call_for(rt: &Rt, breaker: &CircuitBreaker, seconds: u32) {
    let permit = breaker.try_acquire().unwrap();
    rt.sleep(seconds * SECOND).await;
    permit.success();
}

#[test]
fn it_opens_when_too_many_calls_were_slow_though_they_succeeded() {
    for config in [watching(), timed()] {
        testing::run(1, |rt| async move {
            let breaker = breaker(&rt, config);
            succeed(&breaker, 5);
            for _ in 0..5 {
                assert_eq!(breaker.state(), State::Closed);
                call_for(&rt, &breaker, 16).await;
            }
            assert_eq!((breaker.state(), breaker.stats().failures), (State::Open, 0));
        });
    }
}

#[test]
fn calls_that_were_quick_enough_are_not_slow() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, watching());
        for _ in 0..20 {
            call_for(&rt, &breaker, 15).await;
        }
        assert_eq!((breaker.state(), breaker.stats().window_slow), (State::Closed, 0));
    });
}

#[test]
fn calls_in_flight_are_slow_once_they_are() {
    for config in [watching(), timed()] {
        testing::run(1, |rt| async move {
            let breaker = breaker(&rt, config);
            let mut events = breaker.events();
            succeed(&breaker, 10);
            let _hang: Vec<_> = (0..20).map(|_| breaker.try_acquire().unwrap()).collect();
            rt.sleep(16 * SECOND - SECOND / 100).await;
            assert_eq!(breaker.state(), State::Closed);
            rt.sleep(SECOND + SECOND / 100).await;
            let rejected = breaker.try_acquire().unwrap_err();
            assert_eq!((rejected.state, rejected.retry_after), (State::Open, Some(5 * SECOND)));
            let event = futures::StreamExt::next(&mut events).await;
            let Some(super::super::Event::Changed(transition)) = event else { panic!("{event:?}") };
            assert!(matches!(transition.why, Why::SlowCalls { slow: 10.., .. }), "{transition:?}");
        });
    }
}

#[test]
fn a_call_is_slow_once_whether_it_is_seen_in_flight_or_at_its_end() {
    for config in [watching(), timed()] {
        testing::run(1, |rt| async move {
            let breaker = breaker(&rt, Config { calls_min: 10, slow_percent: 100, ..config });
            let four: Vec<_> = (0..4).map(|_| breaker.try_acquire().unwrap()).collect();
            rt.sleep(17 * SECOND).await;
            assert_eq!(breaker.stats().window_slow, 4, "in flight");
            four.into_iter().for_each(super::super::Permit::success);
            assert_eq!(breaker.stats().window_slow, 4, "and no more at their ends");
            call_for(&rt, &breaker, 16).await;
            assert_eq!(breaker.stats().window_slow, 5);
            rt.sleep(10 * SECOND).await;
            assert_eq!(breaker.stats().window_slow, 5);
        });
    }
}

#[test]
fn a_call_that_is_dropped_was_slow_if_it_was() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, watching());
        drop(breaker.try_acquire().unwrap());
        let quick = breaker.try_acquire().unwrap();
        let slow = breaker.try_acquire().unwrap();
        rt.sleep(3 * SECOND).await;
        drop(quick);
        rt.sleep(13 * SECOND).await;
        drop(slow);
        let stats = breaker.stats();
        assert_eq!((stats.window_slow, stats.window_calls, stats.ignored), (1, 0, 3));
        rt.sleep(100 * SECOND).await;
        assert_eq!(breaker.stats().window_slow, 1);
    });
}

#[test]
fn callers_that_give_up_on_a_hanging_callee_open_it() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, watching());
        for _ in 0..10 {
            let hangs = breaker.call(std::future::pending::<Result<(), ()>>());
            assert!(rt.timeout(20 * SECOND, hangs).await.is_err());
        }
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn a_probe_whose_caller_gives_up_on_a_hanging_callee_has_failed() {
    testing::run(1, |rt| async move {
        let breaker = half_open(&rt, watching()).await;
        let hangs = || breaker.call(std::future::pending::<Result<(), ()>>());
        assert!(rt.timeout(15 * SECOND, hangs()).await.is_err());
        assert_eq!(breaker.state(), State::HalfOpen, "not slow yet");
        assert!(rt.timeout(16 * SECOND, hangs()).await.is_err());
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(breaker.check().unwrap_err().retry_after, Some(10 * SECOND));
    });
}

#[test]
fn a_slow_probe_has_failed() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, watching());
        super::fail(&breaker, 10);
        rt.sleep(5 * SECOND).await;
        call_for(&rt, &breaker, 16).await;
        assert_eq!(breaker.state(), State::Open);
        rt.sleep(10 * SECOND).await;
        call_for(&rt, &breaker, 15).await;
        assert_eq!(breaker.state(), State::Closed);

        let unhurried = half_open(&rt, config()).await;
        call_for(&rt, &unhurried, 16).await;
        assert_eq!(unhurried.state(), State::Closed, "without the rule none is slow");
    });
}

#[test]
fn calls_of_an_earlier_time_are_not_slow_in_this_one() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, watching());
        let hang: Vec<_> = (0..20).map(|_| breaker.try_acquire().unwrap()).collect();
        breaker.reset();
        rt.sleep(60 * SECOND).await;
        assert_eq!((breaker.state(), breaker.stats().window_slow), (State::Closed, 0));
        drop(hang);
        assert_eq!(breaker.stats().window_slow, 0);
    });
}
