//! Laws 1, 3 and 5: when it stops, and what the error says.

use std::{error::Error, future::pending, io, pin::pin, time::Duration};

use futures::FutureExt;

use super::{super::*, Count, SECOND, retry, steady};
use crate::{
    testing::{for_each_seed, run},
    time::{Backoff, Deadline},
};

#[test]
fn a_success_ends_it_at_once() {
    run(1, |rt| async move {
        let (retry, calls) = (retry(&rt, 9), Count::default());
        let calls = &calls;
        let answer = retry.run(|attempt| async move {
            calls.add();
            if attempt.number() < 3 { Err("not yet") } else { Ok(attempt.number()) }
        });
        assert_eq!((answer.await, calls.number()), (Ok(3), 3));
        let stats = retry.stats();
        assert_eq!((stats.failed_first, stats.retries, stats.recovered), (1, 2, 1));
    });
}

#[test]
fn the_error_has_the_last_error_and_a_ledger_of_all_attempts() {
    for_each_seed(0..10, |rt| async move {
        let (retry, inner, start) = (retry(&rt, 3), &rt, rt.now());
        let failed = retry.run(|attempt| async move {
            inner.sleep(SECOND * 10 * attempt.number()).await;
            Err::<(), _>(io::Error::other(format!("failure {}", attempt.number())))
        });
        let error = failed.await.unwrap_err();
        assert_eq!(error.to_string(), "gave up after 3 attempts in 51s: no more are allowed");
        assert_eq!(error.source().unwrap().to_string(), "failure 3");
        assert_eq!(error.stop, Stop::Attempts);
        let records = error.ledger.records();
        assert_eq!(records.iter().map(|record| record.number).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(
            records.iter().map(|record| record.pause).collect::<Vec<_>>(),
            [Some(SECOND), Some(SECOND), None]
        );
        assert_eq!(
            (records[0].started, records[0].duration),
            (None, None),
            "law 7: no clock was read before it failed"
        );
        assert_eq!((records[1].started, records[1].duration), (Some(start + 11 * SECOND), Some(20 * SECOND)));
        assert!(records.iter().all(|record| record.ending == Ending::Judged(Verdict::Retry)));
        let stats = retry.stats();
        assert_eq!((stats.failed_first, stats.retries, stats.attempts), (1, 2, 1));
    });
}

#[test]
fn a_traced_call_has_the_ledger_also_of_a_success() {
    run(1, |rt| async move {
        let (retry, inner) = (retry(&rt, 3), &rt);
        let traced = retry.run_traced(|_| async move {
            inner.sleep(7 * SECOND).await;
            Ok::<_, ()>("answer")
        });
        let (answer, ledger) = traced.await.unwrap();
        assert_eq!((answer, ledger.attempts(), ledger.elapsed()), ("answer", 1, 7 * SECOND));
        assert_eq!(ledger.records()[0].ending, Ending::Judged(Verdict::Done));
        assert_eq!(retry.stats(), Stats::default(), "a first success is not counted");
    });
}

#[test]
fn a_call_that_wakes_from_its_pause_after_the_deadline_makes_no_attempt() {
    run(1, |rt| async move {
        let retry = retry(&rt, 9).deadline(Deadline::after(&rt, "request", 2 * SECOND));
        let mut call = pin!(retry.run(|_| async { Err::<(), _>("down") }));
        assert!(call.as_mut().now_or_never().is_none(), "it pauses");
        rt.sleep(9 * SECOND).await;
        let error = call.await.unwrap_err();
        assert_eq!((error.stop, error.last, error.ledger.attempts()), (Stop::Deadline, Some("down"), 1));
        let stats = retry.stats();
        assert_eq!((stats.retries, stats.deadline), (0, 1));
    });
}

#[test]
fn the_ledger_is_bounded_and_counts_what_it_dropped() {
    run(1, |rt| async move {
        let retry = Retry::new(&rt, Config { ledger_max: 4, ..steady(100) }).unwrap();
        let error = retry.run(|_| async { Err::<(), _>(()) }).await.unwrap_err();
        let numbers: Vec<_> = error.ledger.records().iter().map(|record| record.number).collect();
        assert_eq!((error.ledger.attempts(), numbers), (100, vec![97, 98, 99, 100]));
    });
}

#[test]
fn a_verdict_may_end_it_for_good_or_accept_an_error_as_the_answer() {
    run(1, |rt| async move {
        for (verdict, counted) in [(Verdict::Fail, 1), (Verdict::Done, 0)] {
            let retry = retry(&rt, 9).classify(move |_: &Result<(), &str>| verdict);
            let error = retry.run(|_| async { Err("no such user") }).await.unwrap_err();
            assert_eq!(
                (error.last, error.stop, error.ledger.attempts()),
                (Some("no such user"), Stop::Final, 1)
            );
            assert_eq!((retry.stats().failed_first, retry.stats().r#final), (counted, counted));
        }
    });
}

#[test]
fn a_value_that_was_the_reason_to_retry_is_handed_back() {
    run(1, |rt| async move {
        let retry = retry(&rt, 3).classify(|result: &Result<u32, ()>| match result {
            Ok(503) => Verdict::Retry,
            _ => Verdict::Done,
        });
        let calls = Count::default();
        let calls = &calls;
        let answer = retry.run(|_| async move {
            calls.add();
            Ok(503)
        });
        assert_eq!((answer.await, calls.number()), (Ok(503), 3));
        assert_eq!((retry.stats().attempts, retry.stats().recovered), (1, 0));
        let answer = retry.run(|attempt| async move { Ok(if attempt.is_first() { 503 } else { 200 }) });
        assert_eq!((answer.await, retry.stats().recovered), (Ok(200), 1));
    });
}

#[test]
fn a_pause_that_does_not_fit_the_deadline_is_not_begun() {
    run(1, |rt| async move {
        let (start, inner) = (rt.now(), &rt);
        let deadline = Deadline::after(&rt, "checkout", 4 * SECOND);
        let retry = retry(&rt, 9).deadline(deadline);
        let failed = retry.run(|_| async move {
            inner.sleep(SECOND).await;
            Err::<(), _>("down")
        });
        let error = failed.await.unwrap_err();
        // At 3 s one second is left, which is no room for a pause of one second and an attempt.
        assert_eq!(rt.now() - start, 3 * SECOND);
        assert_eq!((error.last, error.stop, error.ledger.attempts()), (Some("down"), Stop::Deadline, 2));
        assert_eq!(
            error.ledger.records()[0].duration,
            Some(SECOND),
            "with a deadline the first one is timed, too"
        );
        assert_eq!(retry.stats().deadline, 1);
    });
}

#[test]
fn an_attempt_is_cut_off_when_the_deadline_is_over() {
    run(1, |rt| async move {
        let deadline = Deadline::after(&rt, "checkout", 5 * SECOND);
        let retry = retry(&rt, 9).deadline(deadline);
        let alive = Count::default();
        let seen = alive.clone();
        let failed = retry.run(|attempt| {
            let alive = alive.clone();
            async move {
                if attempt.is_first() {
                    return Err::<(), _>("down");
                }
                alive.add();
                pending().await
            }
        });
        let start = rt.now();
        let error = failed.await.unwrap_err();
        assert_eq!((rt.now() - start, seen.number()), (5 * SECOND, 1));
        assert_eq!((error.last, error.stop, error.ledger.attempts()), (Some("down"), Stop::Deadline, 2));
        let last = error.ledger.records()[1];
        assert_eq!((last.ending, last.duration), (Ending::CutOff, Some(4 * SECOND)));
        let never = retry.run(|_| pending::<Result<(), &str>>());
        assert_eq!(never.await.unwrap_err().last, None);
        assert_eq!(retry.stats().deadline, 2);
    });
}

#[test]
fn an_attempt_knows_its_number_and_its_deadline() {
    run(1, |rt| async move {
        let retry = retry(&rt, 3).deadline(Deadline::after(&rt, "checkout", 8 * SECOND));
        let seen = parking_lot::Mutex::new(Vec::new());
        let seen = &seen;
        let failed = retry.run(|attempt| async move {
            let (number, last) = (attempt.number(), attempt.is_last());
            seen.lock().push((number, attempt.attempts_max(), last, attempt.remaining()));
            Err::<(), _>(())
        });
        failed.await.unwrap_err();
        let left = |seconds| Some(SECOND * seconds);
        assert_eq!(*seen.lock(), [(1, 3, false, left(8)), (2, 3, false, left(7)), (3, 3, true, left(6))]);
    });
}

#[test]
fn nonsense_is_refused_by_field() {
    run(1, |rt| async move {
        let refused = |config| Retry::new(&rt, config).expect_err("nonsense").field;
        assert_eq!(refused(steady(0)), "resilience::retry::Config::attempts_max");
        for ledger_max in [0, 10_001] {
            let field = refused(Config { ledger_max, ..steady(1) });
            assert_eq!(field, "resilience::retry::Config::ledger_max");
        }
        let backoff = Backoff { max: Duration::ZERO, ..Backoff::default() };
        assert_eq!(refused(Config { backoff, ..steady(1) }), "time::Backoff::max");
    });
}
