//! The pure machine against its laws.

use std::time::Duration;

use proptest::prelude::*;

use super::super::{
    Config, Stop, Verdict,
    state::{Machine, Next},
};
use crate::{
    rt::Rng,
    testing,
    time::{Backoff, Jitter},
};

fn any_config() -> impl Strategy<Value = Config> {
    let jitter =
        prop_oneof![Just(Jitter::Full), Just(Jitter::Equal), Just(Jitter::Decorrelated), Just(Jitter::None)];
    (1_u32..9, 0_u64..5000, 1_u32..5, 0_u64..60_000, jitter, 0_u64..90_000).prop_map(
        |(attempts_max, initial, factor, more, jitter, retry_after)| Config {
            attempts_max,
            backoff: Backoff {
                initial: Duration::from_millis(initial),
                factor,
                max: Duration::from_millis(initial + more),
                jitter,
            },
            retry_after_max: Duration::from_millis(retry_after),
            ..Config::default()
        },
    )
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        1 => Just(Verdict::Done),
        1 => Just(Verdict::Fail),
        6 => Just(Verdict::Retry),
        4 => (0_u64..200_000).prop_map(|ms| Verdict::RetryAfter(Duration::from_millis(ms))),
    ]
}

proptest! {
    #[test]
    fn attempts_and_pauses_stay_within_their_bounds(
        config in any_config(),
        attempts in prop::collection::vec((any_verdict(), 0_u64..5000), 12),
        limit in prop::option::of(0_u64..120_000),
        nested: bool,
        seed: u64,
    ) {
        let mut now = testing::run(0, |rt| async move { rt.now() });
        let end = limit.map(|limit| now + Duration::from_millis(limit));
        let mut machine = Machine::new(&config, nested);
        let attempts_max = if nested { 1 } else { config.attempts_max };
        for (number, (verdict, took)) in (1..).zip(attempts) {
            prop_assert_eq!(machine.number(), number);
            prop_assert!(number <= attempts_max, "law 1");
            now += Duration::from_millis(took);
            let next = machine.judge(&config, verdict, now, end, || config.backoff.delays(Rng::from_seed(seed)));
            let floor = match verdict {
                Verdict::RetryAfter(asked) => asked,
                _ => Duration::ZERO,
            };
            match next {
                Next::Done => prop_assert_eq!(verdict, Verdict::Done),
                Next::Stop(Stop::Final) => prop_assert_eq!(verdict, Verdict::Fail),
                Next::Stop(Stop::Attempts) => prop_assert!(number == attempts_max && !nested),
                Next::Stop(Stop::Nested) => prop_assert!(nested),
                Next::Stop(Stop::Deadline) => {
                    let left = end.expect("there is a deadline").saturating_duration_since(now);
                    prop_assert!(config.backoff.max + floor >= left, "a pause that fits is made");
                }
                Next::Stop(Stop::RetryAfter { asked, retry_after_max }) => {
                    prop_assert_eq!((asked, retry_after_max), (floor, config.retry_after_max));
                    prop_assert!(asked > retry_after_max && number < attempts_max, "law 2");
                }
                Next::Stop(_) => prop_assert!(false, "it knows no other"),
                Next::Pause(pause) => {
                    prop_assert!(matches!(verdict, Verdict::Retry | Verdict::RetryAfter(_)));
                    prop_assert!(pause >= floor && pause <= config.backoff.max + floor, "law 2");
                    prop_assert!(end.is_none_or(|end| now + pause < end), "law 3");
                    now += pause;
                    machine.begin_next();
                    continue;
                }
            }
            return Ok(());
        }
        prop_assert!(false, "it never ended");
    }
}
