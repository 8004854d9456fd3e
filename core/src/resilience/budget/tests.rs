//! The laws of budgets.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use proptest::prelude::*;
use tracing::{Level, Metadata, Subscriber, span};

use super::{
    Budget, Config, InFlight,
    config::{ONE, billionths},
    in_flight::Counts,
    tokens::Tokens,
};
use crate::testing;

const SECOND: Duration = Duration::from_secs(1);

fn epoch() -> Instant {
    testing::run(0, |rt| async move { rt.now() })
}

#[derive(Clone, Copy, Debug)]
enum Step {
    First,
    Retry,
    Pass(u64),
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::First),
        4 => Just(Step::Retry),
        2 => (0_u64..3_000_000_000).prop_map(Step::Pass),
        1 => (0_u64..1000).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..120)
}

fn any_config() -> impl Strategy<Value = Config> {
    let ratio = prop_oneof![Just(0.0), Just(0.1), Just(0.6), Just(1.0), 0.0..=3.0];
    (ratio, 1_u32..8, 0_u32..4).prop_map(|(ratio, tokens_max, reserve_per_second)| Config {
        ratio,
        tokens_max,
        reserve_per_second,
    })
}

proptest! {
    /// The law itself, over every interval of the run.
    #[test]
    fn in_any_interval_retries_stay_within_the_budget(config in any_config(), steps in any_steps()) {
        let epoch = epoch();
        let tokens = Tokens::new(&config, epoch);
        // When, first attempts made so far, retries granted so far, in billionths where the law has fractions.
        let (mut now, mut firsts, mut retries) = (0_u64, 0_u64, 0_u64);
        let mut marks = vec![(now, firsts, retries)];
        for step in steps {
            match step {
                Step::First => {
                    tokens.deposit();
                    firsts += 1;
                }
                Step::Retry => retries += u64::from(tokens.withdraw(epoch + Duration::from_nanos(now))),
                Step::Pass(nanos) => now += nanos,
            }
            marks.push((now, firsts, retries));
        }
        for (start, a) in marks.iter().enumerate() {
            for b in &marks[start..] {
                let allowed = u64::from(config.tokens_max) * ONE
                    + billionths(config.ratio) * (b.1 - a.1)
                    + u64::from(config.reserve_per_second) * (b.0 - a.0);
                prop_assert!((b.2 - a.2) * ONE <= allowed, "from {a:?} to {b:?}");
            }
        }
    }

    /// And it gives all of it: the model adds the reserve at each step, not when it is asked.
    #[test]
    fn a_retry_is_refused_only_if_less_than_a_token_is_left(config in any_config(), steps in any_steps()) {
        let epoch = epoch();
        let tokens = Tokens::new(&config, epoch);
        let level_max = u128::from(config.tokens_max) * u128::from(ONE);
        let (mut now, mut level) = (0_u64, level_max);
        for step in steps {
            match step {
                Step::First => {
                    tokens.deposit();
                    level = (level + u128::from(billionths(config.ratio))).min(level_max);
                }
                Step::Retry => {
                    let granted = tokens.withdraw(epoch + Duration::from_nanos(now));
                    prop_assert_eq!(granted, level >= u128::from(ONE));
                    level -= if granted { u128::from(ONE) } else { 0 };
                }
                Step::Pass(nanos) => {
                    now += nanos;
                    level = (level + u128::from(nanos) * u128::from(config.reserve_per_second)).min(level_max);
                }
            }
            let available = tokens.available(epoch + Duration::from_nanos(now));
            prop_assert_eq!(u128::from(available), level / u128::from(ONE));
        }
    }

    #[test]
    fn retries_in_flight_stay_within_their_share_of_the_calls(
        ratio in 0.0..=2.0_f64, retries_min in 0_u32..4, steps in prop::collection::vec(0_u8..4, 0..200),
    ) {
        let counts = Counts::new(&InFlight { ratio, retries_min });
        let (mut calls, mut retries) = (0_u32, 0_u32);
        for step in steps {
            match step {
                0 => {
                    counts.begin_call();
                    calls += 1;
                }
                1 if calls > 0 => {
                    counts.end_call();
                    calls -= 1;
                }
                2 if retries > 0 => {
                    counts.end_retry();
                    retries -= 1;
                }
                3 => {
                    let allowed = (f64::from(calls) * ratio + 1e-6).max(f64::from(retries_min));
                    let granted = counts.begin_retry();
                    if granted {
                        retries += 1;
                        prop_assert!(f64::from(retries) <= allowed);
                    } else {
                        prop_assert!(f64::from(retries) + 1.0 > allowed - 1e-5);
                    }
                }
                _ => {}
            }
            prop_assert_eq!(counts.now(), (calls, retries));
        }
    }
}

/// tower #857: its budget of 0.6 lets 1000 of 1000 calls be retried.
#[test]
fn a_ratio_of_sixty_percent_is_no_hundred_percent() {
    testing::run(1, |rt| async move {
        let config = Config { ratio: 0.6, tokens_max: 10, reserve_per_second: 0 };
        let budget = Budget::new(&rt, config).unwrap();
        let retried = (0..1000).filter(|_| budget.begin().try_retry().is_ok()).count();
        assert_eq!(retried, 609, "ten to begin with, and 0.6 for each call that found room for it");
        let stats = budget.stats();
        assert_eq!((stats.granted, stats.refused), (609, 391));
    });
}

#[test]
fn a_clock_that_stands_still_or_goes_back_adds_nothing() {
    let epoch = epoch() + 10 * SECOND;
    let tokens = Tokens::new(&Config { ratio: 0.0, tokens_max: 1, reserve_per_second: 1 }, epoch);
    assert!(tokens.withdraw(epoch));
    assert!(!tokens.withdraw(epoch) && !tokens.withdraw(epoch - 9 * SECOND));
    assert!(!tokens.withdraw(epoch + SECOND - Duration::from_nanos(1)), "nothing was counted twice");
    assert!(tokens.withdraw(epoch + SECOND));
}

#[test]
fn running_dry_stops_new_retries_only() {
    testing::run(1, |rt| async move {
        let budget = Budget::in_flight(&rt, InFlight { ratio: 1.0, retries_min: 0 }).unwrap();
        let call = budget.begin();
        let retry = call.try_retry().unwrap();
        assert!(call.try_retry().is_err(), "one call, one retry");
        let second = budget.begin();
        assert!(second.try_retry().is_ok(), "another call brings its own");
        drop(second);
        assert_eq!(budget.stats().retries_in_flight, 1, "the first retry is still under way");
        drop((retry, call));
        let stats = budget.stats();
        assert_eq!((stats.calls_in_flight, stats.retries_in_flight, stats.refused), (0, 0, 1));
    });
}

#[test]
fn a_century_without_a_retry_does_not_overflow() {
    let epoch = epoch();
    let config = Config { ratio: 100.0, tokens_max: 1_000_000_000, reserve_per_second: 1_000_000 };
    let tokens = Tokens::new(&config, epoch);
    assert!(tokens.withdraw(epoch));
    tokens.deposit();
    assert_eq!(tokens.available(epoch + SECOND * 3_000_000_000), 1_000_000_000);
    assert!(tokens.withdraw(epoch + SECOND * 3_000_000_000));
}

#[test]
fn nonsense_is_refused_by_field() {
    testing::run(1, |rt| async move {
        let tokens = |config| Budget::new(&rt, config).expect_err("nonsense").field;
        for ratio in [f64::NAN, -0.1, 100.1, f64::INFINITY, f64::NEG_INFINITY] {
            let field = tokens(Config { ratio, ..Config::default() });
            assert_eq!(field, "resilience::budget::Config::ratio");
            let error =
                Budget::in_flight(&rt, InFlight { ratio, ..InFlight::default() }).expect_err("nonsense");
            assert_eq!(error.field, "resilience::budget::InFlight::ratio");
        }
        for tokens_max in [0, 1_000_000_001] {
            let field = tokens(Config { tokens_max, ..Config::default() });
            assert_eq!(field, "resilience::budget::Config::tokens_max");
        }
        let field = tokens(Config { reserve_per_second: 1_000_001, ..Config::default() });
        assert_eq!(field, "resilience::budget::Config::reserve_per_second");
        let in_flight = InFlight { retries_min: 1_000_001, ..InFlight::default() };
        let error = Budget::in_flight(&rt, in_flight).expect_err("nonsense");
        assert_eq!(error.field, "resilience::budget::InFlight::retries_min");
    });
}

#[test]
fn an_in_flight_ratio_is_rounded_down() {
    let counts = Counts::new(&InFlight { ratio: 0.5, retries_min: 0 });
    counts.begin_call();
    assert!(!counts.begin_retry(), "half a retry is none");
    counts.begin_call();
    assert!(counts.begin_retry());
    assert!(!counts.begin_retry());
}

/// Counts how often a budget is said to be dry.
#[derive(Clone, Default)]
struct Dry(Arc<AtomicU64>);

impl Subscriber for Dry {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        if event.metadata().name() == "seaworthy.budget.dry" {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn an_outage_is_one_warning_and_the_next_one_another() {
    let dry = Dry::default();
    testing::run(1, |rt| {
        let (dry, budget_config) =
            (dry.clone(), Config { ratio: 0.1, tokens_max: 10, reserve_per_second: 1 });
        async move {
            let _logged = tracing::subscriber::set_default(dry.clone());
            let budget = Budget::new(&rt, budget_config).unwrap();
            for outage in 1..=3 {
                for _ in 0..1000 {
                    let _ = budget.begin().try_retry();
                    rt.sleep(SECOND / 100).await;
                }
                assert_eq!(dry.0.load(Ordering::Relaxed), outage);
                assert!(budget.stats().granted > 100 * outage && budget.stats().refused > 500 * outage);
                rt.sleep(10 * SECOND).await;
            }
        }
    });
}

#[test]
fn a_dry_spell_of_calls_in_flight_ends_when_half_of_their_retries_have() {
    let dry = Dry::default();
    testing::run(1, |rt| {
        let dry = dry.clone();
        async move {
            let _logged = tracing::subscriber::set_default(dry.clone());
            let budget = Budget::in_flight(&rt, InFlight { ratio: 0.0, retries_min: 4 }).unwrap();
            let call = budget.begin();
            let mut retries: Vec<_> = (0..4).map(|_| call.try_retry().unwrap()).collect();
            let told = [4, 3, 2, 1].map(|kept| {
                retries.truncate(kept);
                while let Ok(retry) = call.try_retry() {
                    retries.push(retry);
                }
                dry.0.load(Ordering::Relaxed)
            });
            assert_eq!(told, [1, 1, 1, 2]);
        }
    });
}
