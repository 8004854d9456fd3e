//! Laws 6 and 7: what is within the budget, and what the ledger says.

use std::{pin::pin, time::Duration};

use futures::{FutureExt, future::join_all};

use super::{super::*, Count, SECOND, after, bulkhead, retry};
use crate::{
    resilience::{
        Budget, Retry,
        budget::{self, InFlight},
        retry::{Ending, Stop, Verdict},
    },
    testing::{for_each_seed, run},
};

#[test]
fn retries_of_all_calls_are_within_the_budget() {
    run(1, |rt| async move {
        let config = budget::Config { ratio: 0.2, tokens_max: 5, reserve_per_second: 0 };
        let budget = Budget::new(&rt, config).unwrap();
        let policy = Policy::new(&rt, "backend").retry(retry(&rt, 4).budget(budget));
        let calls = (0..100).map(|_| policy.call(|_| async { Err::<(), _>(()) }));
        let errors = join_all(calls).await;
        let stats = policy.stats();
        assert!(stats.attempts > 105 && stats.attempts <= 100 + 5 + 20, "{stats:?}");
        assert!(errors.iter().any(|error| error.as_ref().is_err_and(|error| error.stop == Stop::Budget)));
    });
}

#[test]
fn who_asks_for_too_long_a_pause_is_not_asked_again_and_the_caller_may_say_for_how_long() {
    run(1, |rt| async move {
        let policy = Policy::new(&rt, "backend")
            .retry(retry(&rt, 9))
            .classify(|result: &Result<(), Duration>| Verdict::RetryAfter(result.unwrap_err()));
        let start = rt.now();
        let error = policy
            .call(|attempt| async move { Err([30, 120][attempt.number() as usize - 1] * SECOND) })
            .await;
        let error = error.unwrap_err();
        assert_eq!((error.retry_after(), error.last), (Some(120 * SECOND), Some(120 * SECOND)));
        assert_eq!((error.layer(), error.ledger.attempts()), (Layer::Operation, 2));
        assert_eq!(rt.now() - start, 31 * SECOND, "a pause that may be is made in full");
    });
}

#[test]
fn whatever_ends_the_call_the_caller_may_say_what_was_asked_for() {
    run(1, |rt| async move {
        let judge = |result: &Result<(), u32>| Verdict::RetryAfter(result.unwrap_err() * SECOND);
        let config = budget::Config { ratio: 0.0, tokens_max: 1, reserve_per_second: 0 };
        let budget = Budget::new(&rt, config).unwrap();
        let backend = |attempts_max| Policy::new(&rt, "backend").retry(retry(&rt, attempts_max));
        let dry = Policy::new(&rt, "backend").retry(retry(&rt, 9).budget(budget));
        let stopped = [
            (backend(2), Stop::Attempts),
            (dry, Stop::Budget),
            (backend(9).deadline(25 * SECOND), Stop::Deadline),
        ];
        for (policy, stop) in stopped {
            let policy = policy.classify(judge);
            let error =
                policy.call(|attempt| async move { Err([9, 20][attempt.number() as usize - 1]) }).await;
            let error = error.unwrap_err();
            assert_eq!((error.stop, error.ledger.attempts()), (stop, 2));
            assert_eq!(
                error.retry_after(),
                Some(20 * SECOND),
                "what the last attempt was told, and not the first"
            );
        }
        let silent = backend(2).classify(|result: &Result<(), u32>| match result.unwrap_err() {
            0 => Verdict::Retry,
            asked => Verdict::RetryAfter(asked * SECOND),
        });
        let error = silent.call(|attempt| async move { Err(if attempt.is_first() { 9 } else { 0 }) }).await;
        assert_eq!(error.unwrap_err().retry_after(), None, "what was asked before has been kept");
    });
}

#[test]
fn of_what_attempts_at_the_same_time_were_told_the_caller_hears_the_longest() {
    run(1, |rt| async move {
        let hedge = Hedge { delay: SECOND, hedges_max: 1 };
        let policy = Policy::new(&rt, "backend").hedge(hedge).deadline(5 * SECOND);
        let policy =
            policy.classify(|result: &Result<(), u32>| Verdict::RetryAfter(result.unwrap_err() * SECOND));
        for asked in [[30, 60], [60, 30]] {
            let failed = policy.call(|attempt| after(&rt, 2, Err(asked[attempt.hedge() as usize])));
            assert_eq!(failed.await.unwrap_err().retry_after(), Some(60 * SECOND));
        }
        let failed = policy.call(|attempt| after(&rt, if attempt.hedge() == 0 { 2 } else { 9 }, Err(40)));
        let error = failed.await.unwrap_err();
        assert_eq!((error.layer(), error.retry_after()), (Layer::Deadline, Some(40 * SECOND)));
    });
}

#[test]
fn policies_that_share_a_retry_do_not_pause_in_step() {
    for_each_seed(0..5, |rt| async move {
        let shared = Retry::new(&rt, retry::Config { attempts_max: 2, ..retry::Config::default() }).unwrap();
        let mut pauses = Vec::new();
        for _ in 0..20 {
            let policy = Policy::new(&rt, "backend").retry(shared.clone());
            let error = policy.call(|_| async { Err::<(), _>("down") }).await.unwrap_err();
            pauses.push(error.ledger.records()[0].pause.unwrap());
        }
        pauses.sort_unstable();
        pauses.dedup();
        assert_eq!(pauses.len(), 20);
    });
}

#[test]
fn a_call_that_wakes_from_its_pause_after_the_deadline_makes_no_attempt() {
    run(1, |rt| async move {
        let policy = Policy::new(&rt, "backend").retry(retry(&rt, 9)).deadline(2 * SECOND);
        let mut call = pin!(policy.call(|_| async { Err::<(), _>("down") }));
        assert!(call.as_mut().now_or_never().is_none(), "it pauses");
        rt.sleep(9 * SECOND).await;
        let error = call.await.unwrap_err();
        assert_eq!((error.stop, error.last, error.ledger.attempts()), (Stop::Deadline, Some("down"), 1));
        assert_eq!(policy.stats().attempts, 1);
    });
}

#[test]
fn against_a_dead_backend_calls_end_by_the_budget_and_recover_when_it_is_back() {
    run(1, |rt| async move {
        let config = budget::Config { ratio: 0.1, tokens_max: 3, reserve_per_second: 0 };
        let budget = Budget::new(&rt, config).unwrap();
        let policy = Policy::new(&rt, "backend").retry(retry(&rt, 5).budget(budget.clone()));
        for number in 0..50 {
            let error = policy.call(|_| async { Err::<(), _>("down") }).await.unwrap_err();
            assert_eq!((error.stop, error.last), (Stop::Budget, Some("down")), "call {number}");
        }
        let stats = policy.stats();
        assert_eq!((stats.failed, stats.attempts), (50, 50 + 3 + 4), "three at once, then one in ten");
        // It is back, with a hiccup now and then, which there is budget for again.
        for number in 0..50 {
            let hiccups = number % 11 == 10;
            let answer = policy.call(|attempt| async move {
                if hiccups && attempt.is_first() { Err("a hiccup") } else { Ok(number) }
            });
            assert_eq!(answer.await, Ok(number));
        }
        assert_eq!((policy.stats().answered, budget.stats().granted), (50, 3 + 4 + 4));
    });
}

#[test]
fn a_budget_that_retry_and_hedge_share_is_paid_in_once_per_call() {
    run(1, |rt| async move {
        let config = budget::Config { ratio: 1.0, tokens_max: 9, reserve_per_second: 0 };
        let budget = Budget::new(&rt, config).unwrap();
        let call = budget.begin();
        (0..9).for_each(|_| drop(call.try_retry().unwrap()));
        let policy = Policy::new(&rt, "backend")
            .retry(retry(&rt, 9).budget(budget.clone()))
            .hedge(Hedge { delay: SECOND, hedges_max: 1 });
        for refused in 1..4 {
            let error = policy.call(|_| after(&rt, 2, Err::<(), _>("down"))).await.unwrap_err();
            assert_eq!((error.stop, error.ledger.attempts()), (Stop::Budget, 2), "the hedge took its token");
            let stats = budget.stats();
            assert_eq!((stats.available, stats.granted, stats.refused), (0, 9 + refused, refused));
        }
    });
}

#[test]
fn a_dry_budget_stops_a_new_hedge_and_nothing_that_runs() {
    run(1, |rt| async move {
        let config = budget::Config { ratio: 0.0, tokens_max: 2, reserve_per_second: 0 };
        let budget = Budget::new(&rt, config).unwrap();
        let policy = Policy::new(&rt, "backend")
            .retry(retry(&rt, 2).budget(budget.clone()))
            .hedge(Hedge { delay: SECOND, hedges_max: 2 });
        // The first attempt fails at once: the retry and its first hedge take what there is, its second finds none.
        let start = rt.now();
        let answer = policy.call(|attempt| match (attempt.number(), attempt.hedge()) {
            (1, _) => after(&rt, 0, Err("down")),
            (_, 0) => after(&rt, 5, Err("down")),
            _ => after(&rt, 7, Ok(7)),
        });
        assert_eq!((answer.await, rt.now() - start), (Ok(7), 9 * SECOND), "both ran on");
        let stats = budget.stats();
        assert_eq!((stats.granted, stats.refused, policy.stats().hedges), (2, 1, 1));
        assert_eq!(policy.call(|_| after(&rt, 9, Ok::<_, &str>(8))).await, Ok(8), "nor is a first attempt");
        assert_eq!((policy.stats().hedges, budget.stats().refused), (1, 2));
    });
}

#[test]
fn calls_and_retries_in_flight_are_given_back() {
    for_each_seed(0..20, |rt| async move {
        let budget = Budget::in_flight(&rt, InFlight { ratio: 0.5, retries_min: 1 }).unwrap();
        let hedge = Hedge { delay: SECOND, hedges_max: 3 };
        let policy = Policy::new(&rt, "backend").retry(retry(&rt, 3).budget(budget.clone())).hedge(hedge);
        let (rt, running, seen) = (&rt, &Count::default(), &budget);
        let calls = (0..10_u32).map(|number| {
            policy.call(move |attempt| {
                let repeats = attempt.number() > 1 || attempt.hedge() > 0;
                let alive = repeats.then(|| running.alive());
                assert!(running.number() <= seen.stats().retries_in_flight, "each has leave");
                let answer = after(rt, number % 5, Err::<(), _>(()));
                async move {
                    let _alive = alive;
                    answer.await
                }
            })
        });
        join_all(calls).await;
        let stats = budget.stats();
        assert_eq!((stats.calls_in_flight, stats.retries_in_flight), (0, 0));
        assert!(policy.stats().hedges > 0);
    });
}

#[test]
fn the_ledger_says_what_was_waited_for_and_how_each_attempt_ended() {
    run(1, |rt| async move {
        let bulkhead = bulkhead(&rt, 1, 9);
        let held = bulkhead.try_acquire().unwrap();
        let releases = rt.spawn("holder", {
            let rt = rt.clone();
            async move {
                rt.sleep(2 * SECOND).await;
                drop(held);
            }
        });
        let policy =
            Policy::new(&rt, "backend").retry(retry(&rt, 3)).bulkhead(bulkhead).attempt_timeout(5 * SECOND);
        let start = rt.now();
        let answer = policy.call_traced(|attempt| {
            after(
                &rt,
                [9, 3, 4][attempt.number() as usize - 1],
                if attempt.is_last() { Ok("at last") } else { Err(()) },
            )
        });
        let (answer, ledger) = answer.await.unwrap();
        releases.await.unwrap();
        assert_eq!((answer, ledger.attempts(), ledger.elapsed()), ("at last", 3, 16 * SECOND));
        let rows = ledger.records().iter().map(|record| {
            let started = record.started.expect("it is known") - start;
            (record.number, started, record.waited, record.duration, record.ending, record.pause)
        });
        let expected = [
            (1, Duration::ZERO, 2 * SECOND, Some(5 * SECOND), Ending::TimedOut, Some(SECOND)),
            (2, 8 * SECOND, Duration::ZERO, Some(3 * SECOND), Ending::Judged(Verdict::Retry), Some(SECOND)),
            (3, 12 * SECOND, Duration::ZERO, Some(4 * SECOND), Ending::Judged(Verdict::Done), None),
        ];
        assert_eq!(rows.collect::<Vec<_>>(), expected);
    });
}
