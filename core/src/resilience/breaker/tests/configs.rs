//! Configs, and the set of breakers.

use std::time::Duration;

use super::{
    super::{Breakers, CircuitBreaker, Config, State, Window},
    SECOND, config, fail,
};
use crate::{rt::Rt, testing, time::Backoff};

#[test]
fn nonsense_is_refused_by_field() {
    let config = Config::default;
    let time = |span, buckets| Window::Time { span, buckets };
    let backoff = |initial, max| Backoff { initial, max, ..Config::default().open_for };
    let nonsense = [
        ("window.last", Config { window: Window::Calls { last: 0 }, ..config() }),
        ("window.last", Config { window: Window::Calls { last: 10_001 }, ..config() }),
        ("window.failures", Config { window: Window::Consecutive { failures: 0 }, ..config() }),
        ("window.span", Config { window: time(Duration::ZERO, 10), ..config() }),
        ("window.span", Config { window: time(Duration::MAX, 10), ..config() }),
        ("window.buckets", Config { window: time(SECOND, 0), ..config() }),
        ("window.buckets", Config { window: time(SECOND, 1001), ..config() }),
        ("calls_min", Config { calls_min: 0, ..config() }),
        ("calls_min", Config { calls_min: 101, ..config() }),
        ("calls_min", Config { calls_min: u32::MAX, window: time(SECOND, 1), ..config() }),
        ("failure_percent", Config { failure_percent: 0, ..config() }),
        ("failure_percent", Config { failure_percent: 101, ..config() }),
        ("slow_percent", Config { slow_percent: 0, ..config() }),
        ("slow_percent", Config { slow_percent: 101, ..config() }),
        ("slow_call_after", Config { slow_call_after: Some(Duration::ZERO), ..config() }),
        ("open_for.initial", Config { open_for: backoff(Duration::ZERO, SECOND), ..config() }),
        ("open_for.max", Config { open_for: backoff(SECOND, Duration::MAX), ..config() }),
        ("Backoff::max", Config { open_for: backoff(SECOND, Duration::ZERO), ..config() }),
        ("probes", Config { probes: 0, ..config() }),
        ("probes", Config { probes: 1001, ..config() }),
        ("successes_to_close", Config { successes_to_close: 0, ..config() }),
        ("probe_lease", Config { probe_lease: Duration::ZERO, ..config() }),
        ("probe_lease", Config { probe_lease: Duration::MAX, ..config() }),
        ("events_max", Config { events_max: 0, ..config() }),
        ("events_max", Config { events_max: 1_000_001, ..config() }),
    ];
    testing::run(1, |rt| async move {
        for (field, config) in nonsense {
            let error = CircuitBreaker::new(&rt, "dependency", config.clone()).unwrap_err();
            assert!(error.field.contains("::") && error.field.ends_with(field), "{field}: {error}");
            assert_eq!(Breakers::new(&rt, config, 1).unwrap_err(), error);
        }
        let in_a_row = Window::Consecutive { failures: 3 };
        let config = Config { window: in_a_row, slow_call_after: Some(SECOND), ..Config::default() };
        let error = CircuitBreaker::new(&rt, "dependency", config).unwrap_err();
        assert!(error.to_string().contains("knows no slow calls"), "{error}");
    });
}

#[test]
fn the_ends_of_all_ranges_work() {
    let year = 365 * 24 * 3600 * SECOND;
    let least = Config {
        window: Window::Calls { last: 1 },
        calls_min: 1,
        failure_percent: 1,
        open_for: Backoff {
            initial: Duration::from_nanos(1),
            max: Duration::from_nanos(1),
            ..config().open_for
        },
        probe_lease: Duration::from_nanos(1),
        events_max: 1,
        slow_call_after: None,
        slow_percent: 1,
        probes: 1,
        successes_to_close: 1,
    };
    let most = Config {
        window: Window::Calls { last: 10_000 },
        calls_min: 10_000,
        failure_percent: 100,
        open_for: Backoff { initial: year, max: year, ..config().open_for },
        probe_lease: year,
        events_max: 1_000_000,
        slow_call_after: Some(year),
        slow_percent: 100,
        probes: 1000,
        successes_to_close: 1_000_000,
    };
    let long = Config { window: Window::Time { span: SECOND / 1000, buckets: 1000 }, ..config() };
    for (config, failures) in [(least, 1), (most, 10_000), (long, 10)] {
        testing::run(1, |rt| async move {
            let breaker = CircuitBreaker::new(&rt, "dependency", config).unwrap();
            fail(&breaker, failures - 1);
            assert_eq!(breaker.state(), State::Closed);
            fail(&breaker, 1);
            assert_ne!(breaker.stats().generation, 0);
            assert_eq!(breaker.stats().opened, 1);
        });
    }
}

fn breakers(rt: &Rt) -> Breakers {
    Breakers::new(rt, config(), 2).unwrap()
}

#[test]
fn those_who_ask_for_the_same_dependency_share_a_breaker() {
    testing::run(1, |rt| async move {
        let breakers = breakers(&rt);
        let asked = breakers.get("a").unwrap();
        fail(&asked, 10);
        assert_eq!(breakers.clone().get("a".to_owned()).unwrap().state(), State::Open);
        assert_eq!(breakers.get("b").unwrap().state(), State::Closed);
        let names: Vec<_> = breakers.all().iter().map(|breaker| breaker.name().clone()).collect();
        assert_eq!(names, ["a", "b"]);
    });
}

#[test]
fn a_set_of_breakers_is_bounded() {
    testing::run(1, |rt| async move {
        let breakers = breakers(&rt);
        assert!(breakers.get("a").is_ok() && breakers.get("b").is_ok());
        let error = breakers.get("c").unwrap_err();
        assert!(error.to_string().starts_with("no breaker for `c`: there are 2 already"), "{error}");
        let own = CircuitBreaker::new(&rt, "c", config()).unwrap();
        assert_eq!(breakers.insert(own.clone()).unwrap_err(), error);
        let replaced = CircuitBreaker::new(&rt, "a", config()).unwrap();
        assert!(breakers.insert(replaced).unwrap().is_some());
        assert!(breakers.remove("a").is_some() && breakers.remove("a").is_none());
        own.force_open();
        assert!(breakers.insert(own).unwrap().is_none());
        assert_eq!(breakers.get("c").unwrap().state(), State::ForcedOpen);
        for breakers_max in [0, 1_000_001] {
            assert!(Breakers::new(&rt, config(), breakers_max).is_err());
        }
    });
}
