//! Law 2: how long the pauses are.

use std::time::Duration;

use super::{super::*, Count, SECOND, retry, steady};
use crate::{
    testing::{for_each_seed, run},
    time::{Backoff, Jitter},
};

/// backon: `max_delay` 10 s, with its jitter, pauses up to 20 s.
#[test]
fn jitter_never_makes_a_pause_longer_than_its_maximum() {
    for_each_seed(0..20, |rt| async move {
        for jitter in [Jitter::Full, Jitter::Equal, Jitter::Decorrelated, Jitter::None] {
            let backoff = Backoff { max: 10 * SECOND, jitter, ..Backoff::default() };
            let config = Config { attempts_max: 50, backoff, ledger_max: 50, ..Config::default() };
            let retry = Retry::new(&rt, config).unwrap();
            let error = retry.run(|_| async { Err::<(), _>(()) }).await.unwrap_err();
            let pauses: Vec<_> = error.ledger.records().iter().filter_map(|record| record.pause).collect();
            assert_eq!(pauses.len(), 49);
            assert!(pauses.iter().all(|pause| *pause <= 10 * SECOND), "{jitter:?}: {pauses:?}");
        }
    });
}

/// Polly #2163: after 1025 attempts its delays are NaN.
#[test]
fn pauses_are_sound_after_thousands_of_attempts() {
    run(1, |rt| async move {
        let max = Duration::from_millis(300);
        let backoff = Backoff { max, jitter: Jitter::None, ..Backoff::default() };
        let config = Config { attempts_max: 5000, backoff, ledger_max: 10_000, ..Config::default() };
        let error = Retry::new(&rt, config).unwrap().run(|_| async { Err::<(), _>(()) }).await.unwrap_err();
        let pauses: Vec<_> = error.ledger.records().iter().filter_map(|record| record.pause).collect();
        assert_eq!((error.ledger.attempts(), pauses.len()), (5000, 4999));
        assert_eq!(pauses[..2], [100, 200].map(Duration::from_millis));
        assert!(pauses[2..].iter().all(|pause| *pause == max));
    });
}

/// Every error asks for that pause.
fn asking(result: &Result<(), Duration>) -> Verdict {
    match result {
        Ok(()) => Verdict::Done,
        Err(asked) => Verdict::RetryAfter(*asked),
    }
}

#[test]
fn nobody_comes_back_earlier_than_asked() {
    run(1, |rt| async move {
        let config = Config { retry_after_max: 9 * SECOND, ..steady(4) };
        let retry = Retry::new(&rt, config).unwrap().classify(asking);
        let asked_for = |attempt: Attempt| [0, 5, 9, 0][attempt.number() as usize - 1];
        let start = rt.now();
        let error = retry.run(|attempt| async move { Err(SECOND * asked_for(attempt)) }).await.unwrap_err();
        let pauses: Vec<_> = error.ledger.records().iter().map(|record| record.pause).collect();
        assert_eq!(pauses, [Some(SECOND), Some(6 * SECOND), Some(10 * SECOND), None]);
        assert_eq!((error.stop, rt.now() - start), (Stop::Attempts, 17 * SECOND), "they were made");
    });
}

#[test]
fn a_pause_asked_for_that_is_too_long_ends_the_call_at_once() {
    run(1, |rt| async move {
        let retry = Retry::new(&rt, steady(9)).unwrap().classify(asking);
        let start = rt.now();
        let asked_for = |attempt: Attempt| [30, 120][attempt.number() as usize - 1];
        let error = retry.run(|attempt| async move { Err(SECOND * asked_for(attempt)) }).await.unwrap_err();
        assert_eq!(rt.now() - start, 31 * SECOND, "the first was as long as may be");
        assert_eq!((error.last, error.ledger.attempts()), (Some(120 * SECOND), 2));
        let expected = Stop::RetryAfter { asked: 120 * SECOND, retry_after_max: 30 * SECOND };
        assert_eq!(error.stop, expected);
        assert_eq!(
            error.to_string(),
            "gave up after 2 attempts: asked to come back in 120s, which is more than `retry_after_max` = 30s"
        );
        assert_eq!((retry.stats().retry_after, retry.stats().failed_first), (1, 1));

        let forever = Config { retry_after_max: Duration::MAX, ..steady(2) };
        let deadline = crate::time::Deadline::after(&rt, "request", 60 * SECOND);
        let forever = Retry::new(&rt, forever).unwrap().classify(asking).deadline(deadline);
        let error = forever.run(|_| async { Err(Duration::MAX) }).await.unwrap_err();
        assert_eq!((error.stop, rt.now() - start), (Stop::Deadline, 31 * SECOND), "nor is it an overflow");
    });
}

#[test]
fn who_were_told_the_same_pause_do_not_come_back_in_step() {
    for_each_seed(0..20, |rt| async move {
        let retry =
            Retry::new(&rt, Config { attempts_max: 2, ..Config::default() }).unwrap().classify(asking);
        let calls = (0..20).map(|_| {
            let clone = retry.clone();
            async move { clone.run(|_| async { Err(9 * SECOND) }).await }
        });
        let errors = futures::future::join_all(calls).await;
        let pause = |error: Result<(), RetryError<Duration>>| error.unwrap_err().ledger.records()[0].pause;
        let mut pauses: Vec<_> = errors.into_iter().map(|error| pause(error).expect("one retry")).collect();
        let asked = 9 * SECOND..=9 * SECOND + Duration::from_millis(100);
        assert!(pauses.iter().all(|pause| asked.contains(pause)), "{pauses:?}");
        pauses.sort_unstable();
        pauses.dedup();
        assert_eq!(pauses.len(), 20);
    });
}

#[test]
fn clones_and_calls_do_not_pause_in_step() {
    run(1, |rt| async move {
        let retry = Retry::new(&rt, Config { attempts_max: 2, ..Config::default() }).unwrap();
        let mut pauses = Vec::new();
        for _ in 0..20 {
            let error = retry.clone().run(|_| async { Err::<(), _>(()) }).await.unwrap_err();
            pauses.push(error.ledger.records()[0].pause.expect("one retry"));
        }
        pauses.sort_unstable();
        pauses.dedup();
        assert_eq!(pauses.len(), 20);
    });
}

#[test]
fn a_call_that_fails_at_once_without_pauses_lets_others_run() {
    for_each_seed(0..20, |rt| async move {
        let backoff = Backoff { initial: Duration::ZERO, max: Duration::ZERO, ..Backoff::default() };
        let config = Config { attempts_max: u32::MAX, backoff, ..Config::default() };
        let (repaired, state) = (Count::default(), Count::default());
        let worker = rt.spawn("worker", async move { repaired.add() });
        let state_of = state.clone();
        let repairer = rt.spawn("repairer", async move {
            worker.await.unwrap();
            state_of.add();
        });
        let state = &state;
        let asked = Retry::new(&rt, config).unwrap();
        let answer = asked.run(|_| async move { if state.number() > 0 { Ok(()) } else { Err(()) } });
        answer.await.unwrap();
        repairer.await.unwrap();
    });
}

#[test]
fn the_default_makes_three_attempts() {
    run(1, |rt| async move {
        let error = retry(&rt, Config::default().attempts_max).run(|_| async { Err::<(), _>(()) }).await;
        assert_eq!(error.unwrap_err().ledger.attempts(), 3);
    });
}
