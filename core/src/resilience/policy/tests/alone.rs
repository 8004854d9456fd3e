//! A policy of few layers: what it hands over.

use std::{
    error::Error,
    future::{Ready, pending},
    io,
    panic::AssertUnwindSafe,
    time::Duration,
};

use futures::FutureExt;

use super::{super::*, Count, SECOND, after, breaker, bulkhead, limiter, retry};
use crate::{
    resilience::{
        Attempt,
        retry::{Ending, Stop, Verdict},
    },
    testing::run,
    time::Deadline,
};

#[test]
fn without_layers_it_makes_one_attempt() {
    run(1, |rt| async move {
        let policy = Policy::new(&rt, "backend");
        assert_eq!(policy.call(|_| async { Ok::<_, ()>(7) }).await, Ok(7));
        let error = policy.call(|_| async { Err::<(), _>(io::Error::other("down")) }).await.unwrap_err();
        assert_eq!(error.to_string(), "`backend` failed; gave up after 1 attempt: no more are allowed");
        assert_eq!(error.source().unwrap().to_string(), "down");
        assert_eq!(
            (error.layer(), error.stop, error.retry_after()),
            (Layer::Operation, Stop::Attempts, None)
        );
        let stats = policy.stats();
        assert_eq!((stats.calls, stats.answered, stats.failed, stats.attempts), (2, 1, 1, 2));
    });
}

#[test]
fn the_deadline_bounds_the_whole_call_and_keeps_the_last_error() {
    run(1, |rt| async move {
        let policy = Policy::new(&rt, "backend").deadline(5 * SECOND).retry(retry(&rt, 9));
        let start = rt.now();
        let failed = policy.call(|attempt| async move {
            assert_eq!(attempt.remaining(), Some(5 * SECOND - (attempt.number() - 1) * SECOND));
            if attempt.number() < 3 { Err::<(), _>("down") } else { pending().await }
        });
        let error = failed.await.unwrap_err();
        assert_eq!(rt.now() - start, 5 * SECOND);
        assert_eq!(error.to_string(), "`backend` was not finished within 5s, after 3 attempts in 5s");
        assert_eq!((error.layer(), error.stop, error.last), (Layer::Deadline, Stop::Deadline, Some("down")));
        let endings: Vec<_> = error.ledger.records().iter().map(|record| record.ending).collect();
        let retried = Ending::Judged(Verdict::Retry);
        assert_eq!(endings, [retried, retried, Ending::CutOff]);
        assert_eq!(error.ledger.records()[2].duration, Some(3 * SECOND));
        assert_eq!(policy.stats().deadline_exceeded, 1);
    });
}

#[test]
fn a_pause_that_does_not_fit_the_deadline_is_not_begun() {
    run(1, |rt| async move {
        let policy = Policy::new(&rt, "backend").deadline(SECOND / 2).retry(retry(&rt, 9));
        let start = rt.now();
        let error = policy.call(|_| async { Err::<(), _>("down") }).await.unwrap_err();
        assert_eq!(
            (rt.now() - start, error.layer(), error.stop),
            (Duration::ZERO, Layer::Operation, Stop::Deadline)
        );
    });
}

#[test]
fn debug_shows_the_layers_that_are_there_in_their_order() {
    run(1, |rt| async move {
        let few = format!("{:?}", Policy::new(&rt, "backend").attempt_timeout(SECOND));
        let policy = Policy::new(&rt, "backend")
            .attempt_timeout(SECOND)
            .limiter(limiter(&rt, 1))
            .bulkhead(bulkhead(&rt, 1, 1))
            .breaker(breaker(&rt, 1))
            .hedge(Hedge::default())
            .retry(retry(&rt, 3))
            .deadline(SECOND)
            .fallback(|_: PolicyError<()>| async { Ok(()) });
        let all = format!("{policy:#?}");
        // Those of the policy itself are indented by four.
        let shown: Vec<_> = all
            .lines()
            .filter_map(|line| line.strip_prefix("    ").filter(|line| line.starts_with(char::is_alphabetic)))
            .filter_map(|line| Some(line.split_once(':')?.0))
            .collect();
        let expected = [
            "name",
            "fallback",
            "deadline",
            "retry",
            "hedge",
            "breaker",
            "bulkhead",
            "limiter",
            "attempt_timeout",
        ];
        assert_eq!(shown[..shown.len() - 1], expected);
        for absent in ["fallback", "hedge", "breaker", "bulkhead", "limiter"] {
            assert!(!few.contains(&format!(" {absent}: ")), "{few}");
        }
        assert!(few.contains("attempt_timeout: 1s"), "{few}");
    });
}

#[test]
fn a_call_inside_another_ends_with_it_and_leaves_retrying_to_it() {
    run(1, |rt| async move {
        let (calls, retry) = (Count::default(), retry(&rt, 3));
        let outer = Policy::new(&rt, "outer").deadline(9 * SECOND).retry(retry.clone());
        let inner = Policy::new(&rt, "inner").deadline(60 * SECOND).retry(retry);
        let (inner, calls) = (&inner, &calls);
        let failed = outer.call(|attempt| async move {
            let failed = inner.call_in(&attempt, |attempt| async move {
                assert_eq!(
                    attempt.deadline().expect("it has one").remaining(),
                    attempt.parent().unwrap().remaining().unwrap()
                );
                Err::<(), _>(calls.add())
            });
            Err::<(), _>(failed.await.unwrap_err().stop)
        });
        let error = failed.await.unwrap_err();
        assert_eq!((calls.number(), error.last), (3, Some(Stop::Nested)));

        let request = Attempt::within(Deadline::after(&rt, "request", SECOND));
        let error = inner.call_in(&request, |_| pending::<Result<(), ()>>()).await.unwrap_err();
        assert_eq!(error.to_string(), "`inner`: `request` was not finished within 1s, after 1 attempt in 1s");
    });
}

#[test]
fn the_earlier_deadline_of_the_policy_and_of_its_retry_holds() {
    run(1, |rt| async move {
        for (own, theirs) in [(2, 5), (5, 2)] {
            let retry = retry(&rt, 3).deadline(Deadline::after(&rt, "theirs", theirs * SECOND));
            let policy = Policy::new(&rt, "own").deadline(own * SECOND).retry(retry);
            let start = rt.now();
            policy.call(|_| pending::<Result<(), ()>>()).await.unwrap_err();
            assert_eq!(rt.now() - start, 2 * SECOND);
        }
    });
}

#[test]
fn the_fallback_comes_after_all_else_and_may_decline() {
    run(1, |rt| async move {
        let inner = rt.clone();
        let policy = Policy::new(&rt, "backend").deadline(SECOND).fallback(move |error: PolicyError<u32>| {
            let rt = inner.clone();
            async move {
                rt.sleep(SECOND).await;
                if error.layer() == Layer::Deadline { Ok("cached") } else { Err(error) }
            }
        });
        let start = rt.now();
        assert_eq!(policy.call(|_| pending()).await, Ok("cached"));
        assert_eq!(rt.now() - start, 2 * SECOND, "the deadline does not reach it");
        assert_eq!(policy.call(|_| async { Err(5) }).await.unwrap_err().last, Some(5));
        assert_eq!(policy.call(|_| async { Ok("fresh") }).await, Ok("fresh"));
        let stats = policy.stats();
        assert_eq!((stats.answered, stats.failed, stats.deadline_exceeded, stats.fallbacks), (1, 1, 1, 1));
        let (answer, ledger) = policy.call_traced(|_| pending()).await.unwrap();
        assert_eq!((answer, ledger.records()[0].ending), ("cached", Ending::CutOff));
    });
}

#[test]
fn a_value_that_was_the_reason_to_retry_is_handed_back() {
    run(1, |rt| async move {
        let policy = Policy::new(&rt, "backend").retry(retry(&rt, 3)).classify(|status: &Result<u16, ()>| {
            if *status == Ok(503) { Verdict::Retry } else { Verdict::Done }
        });
        let (status, ledger) = policy.call_traced(|_| async { Ok(503) }).await.unwrap();
        assert_eq!((status, ledger.attempts()), (503, 3));
    });
}

#[test]
fn a_panic_is_a_failure_to_the_breaker_and_harms_only_its_call() {
    run(1, |rt| async move {
        let (breaker, bulkhead) = (breaker(&rt, 9), bulkhead(&rt, 1, 0));
        let policy = Policy::new(&rt, "backend").breaker(breaker.clone()).bulkhead(bulkhead.clone());
        let boom = policy.call(|_| async { panic!("boom") as Result<(), ()> });
        AssertUnwindSafe(boom).catch_unwind().await.unwrap_err();
        let judged = policy.clone().classify(|_: &Result<(), ()>| panic!("boom"));
        AssertUnwindSafe(judged.call(|_| async { Ok(()) })).catch_unwind().await.unwrap_err();
        assert_eq!((breaker.stats().failures, bulkhead.stats().in_use, policy.stats().dropped), (2, 0, 2));
        let recovered =
            policy.clone().fallback(|_: PolicyError<()>| async { panic!("boom") as Result<(), _> });
        AssertUnwindSafe(recovered.call(|_| async { Err(()) })).catch_unwind().await.unwrap_err();
        assert_eq!((breaker.stats().failures, policy.stats().failed), (3, 1));
        assert_eq!(policy.call(|_| async { Ok::<_, ()>(1) }).await, Ok(1));
        // Not in the future, but as it is made.
        let hedged = policy.clone().hedge(Hedge::default());
        for (policy, failures) in [(policy, 4), (hedged, 5)] {
            let boom = policy.call(|_| -> Ready<Result<(), ()>> { panic!("boom") });
            AssertUnwindSafe(boom).catch_unwind().await.unwrap_err();
            assert_eq!((breaker.stats().failures, bulkhead.stats().in_use), (failures, 0));
        }
    });
}

#[test]
fn an_attempt_that_takes_too_long_is_retried_and_each_is_noted() {
    run(1, |rt| async move {
        let policy = Policy::new(&rt, "backend").retry(retry(&rt, 3)).attempt_timeout(2 * SECOND);
        let start = rt.now();
        let error =
            policy.call(|attempt| after(&rt, 4 - attempt.number(), Err::<(), _>("late"))).await.unwrap_err();
        // 2 s and a pause, 2 s (both at once: the result wins) and a pause, 1 s.
        assert_eq!(rt.now() - start, 7 * SECOND);
        let endings: Vec<_> = error.ledger.records().iter().map(|record| record.ending).collect();
        let retried = Ending::Judged(Verdict::Retry);
        assert_eq!((endings, error.last), (vec![Ending::TimedOut, retried, retried], Some("late")));
        let error = policy.call(|_| pending::<Result<(), ()>>()).await.unwrap_err();
        let text = "`backend` did not answer within 2s; gave up after 3 attempts in 8s: no more are allowed";
        assert_eq!((error.to_string().as_str(), error.layer()), (text, Layer::AttemptTimeout));
    });
}
