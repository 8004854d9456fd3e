//! Attempts made beside those that take long.

use std::{future::pending, time::Duration};

use super::{super::*, Count, SECOND, STEADY, after, breaker, bulkhead, retry};
use crate::{
    resilience::{
        Budget, Retry,
        breaker::State,
        budget,
        retry::{Ending, Stop, Verdict},
    },
    rt::Rt,
    testing::{for_each_seed, run},
};

fn hedged(rt: &Rt, hedges_max: u8) -> Policy {
    Policy::new(rt, "backend").hedge(Hedge { delay: SECOND, hedges_max })
}

#[test]
fn the_first_success_wins_and_the_losers_are_dropped() {
    for_each_seed(0..20, |rt| async move {
        let (breaker, bulkhead) = (breaker(&rt, 1), bulkhead(&rt, 9, 9));
        let policy = hedged(&rt, 3).breaker(breaker.clone()).bulkhead(bulkhead.clone());
        let (start, alive) = (rt.now(), Count::default());
        let answer = policy.call_traced(|attempt| {
            let (alive, seconds) = (alive.alive(), [60, 3, 9, 9][attempt.hedge() as usize]);
            let answer = after(&rt, seconds, Ok::<_, ()>(attempt.hedge()));
            async move {
                let _alive = alive;
                answer.await
            }
        });
        let (winner, ledger) = answer.await.unwrap();
        assert_eq!((winner, rt.now() - start, alive.number()), (1, 4 * SECOND, 0));
        let endings: Vec<_> = ledger.records().iter().map(|record| (record.hedge, record.ending)).collect();
        let outrun = Ending::Outrun;
        assert_eq!(endings, [(0, outrun), (1, Ending::Judged(Verdict::Done)), (2, outrun), (3, outrun)]);
        let stats = policy.stats();
        assert_eq!((stats.attempts, stats.hedges, stats.hedges_won), (4, 3, 1));
        let seen = breaker.stats();
        assert_eq!(
            (seen.ignored, seen.failures, seen.state),
            (3, 0, State::Closed),
            "to be slower is no failure"
        );
        assert_eq!((bulkhead.stats().in_use, bulkhead.stats().waiting), (0, 0));
    });
}

#[test]
fn a_quick_attempt_is_not_hedged_and_hedges_are_bounded() {
    run(1, |rt| async move {
        let policy = hedged(&rt, 2).deadline(30 * SECOND);
        assert_eq!(policy.call(|_| after(&rt, 1, Ok::<_, ()>(7))).await, Ok(7));
        assert_eq!(policy.stats().hedges, 0, "both at once: the attempt wins");
        policy.call(|_| pending::<Result<(), ()>>()).await.unwrap_err();
        assert_eq!((policy.stats().hedges, policy.stats().attempts), (2, 4));
        assert_eq!(hedged(&rt, 0).call(|_| after(&rt, 9, Ok::<_, ()>(7))).await, Ok(7));
    });
}

#[test]
fn a_failure_waits_for_those_beside_it_and_a_final_one_does_not() {
    run(1, |rt| async move {
        let policy = hedged(&rt, 1);
        // The first fails at 2 s, the hedge succeeds at 4 s.
        let answer = policy.call(|attempt| match attempt.hedge() {
            0 => after(&rt, 2, Err("down")),
            _ => after(&rt, 3, Ok("up")),
        });
        assert_eq!(answer.await, Ok("up"));
        // Both fail: the later is the last, the retry goes on from it.
        let start = rt.now();
        let retried = policy.clone().retry(retry(&rt, 2));
        let failed = retried.call(|attempt| match attempt.hedge() {
            0 => after(&rt, 2, Err::<(), _>("first")),
            _ => after(&rt, 3, Err("second")),
        });
        let error = failed.await.unwrap_err();
        assert_eq!((error.last, error.ledger.attempts(), rt.now() - start), (Some("second"), 4, 9 * SECOND));

        let start = rt.now();
        let judged = policy.classify(|_: &Result<(), &str>| Verdict::Fail);
        let failed = judged.call(|attempt| match attempt.hedge() {
            0 => after(&rt, 60, Ok(())),
            _ => after(&rt, 1, Err("denied")),
        });
        let error = failed.await.unwrap_err();
        assert_eq!((error.last, error.stop, rt.now() - start), (Some("denied"), Stop::Final, 2 * SECOND));
    });
}

/// A backend that is busy: it says when to come back, or nothing.
fn busy(result: &Result<(), Option<Duration>>) -> Verdict {
    match result {
        Ok(()) => Verdict::Done,
        Err(None) => Verdict::Retry,
        Err(Some(asked)) => Verdict::RetryAfter(*asked),
    }
}

#[test]
fn whichever_of_them_is_asked_to_stay_away_all_do() {
    run(1, |rt| async move {
        let config = retry::Config {
            attempts_max: 2,
            retry_after_max: 90 * SECOND,
            backoff: STEADY,
            ..retry::Config::default()
        };
        let policy = hedged(&rt, 1).retry(Retry::new(&rt, config).unwrap()).classify(busy);
        let asked = Some(60 * SECOND);
        // The first answers at 2 s, its hedge at 3 s: who was asked, and what is the last error but one.
        let answers = [[asked, None], [None, asked], [asked, Some(SECOND)], [Some(SECOND), asked]];
        for answers in answers {
            let begun = &std::sync::Mutex::new(Vec::new());
            let start = rt.now();
            let failed = policy.call(|attempt| {
                begun.lock().unwrap().push(rt.now() - start);
                after(&rt, 2, Err(answers[attempt.hedge() as usize]))
            });
            failed.await.unwrap_err();
            // They end at 2 s and 3 s; the pause of the backoff is on top.
            assert_eq!(begun.lock().unwrap()[..3], [Duration::ZERO, SECOND, 64 * SECOND], "{answers:?}");
        }
    });
}

#[test]
fn who_was_asked_to_stay_away_sends_no_further_hedge() {
    run(1, |rt| async move {
        // At 1 s the first hedge is sent, which is told to stay away while the first attempt goes on.
        let policy = hedged(&rt, 3).classify(busy);
        let told = policy.call(|attempt| match attempt.hedge() {
            0 => after(&rt, 9, Ok(())),
            _ => after(&rt, 0, Err(Some(60 * SECOND))),
        });
        assert_eq!(told.await, Ok(()));
        assert_eq!((policy.stats().hedges, policy.stats().attempts), (1, 2));

        // The second waits for its turn when the first is told.
        let bulkhead = bulkhead(&rt, 1, 9);
        let policy = hedged(&rt, 3).bulkhead(bulkhead.clone()).classify(busy);
        let told = policy.call(|_| after(&rt, 2, Err(Some(60 * SECOND)))).await.unwrap_err();
        assert_eq!((told.ledger.attempts(), policy.stats().hedges), (1, 1));
        assert_eq!((bulkhead.stats().in_use, bulkhead.stats().waiting), (0, 0));
    });
}

#[test]
fn a_hedge_takes_a_token_and_without_one_there_is_none() {
    run(1, |rt| async move {
        let config = budget::Config { ratio: 0.0, tokens_max: 1, reserve_per_second: 0 };
        let budget = Budget::new(&rt, config).unwrap();
        let policy = hedged(&rt, 3).retry(retry(&rt, 1).budget(budget.clone()));
        assert_eq!(policy.call(|_| after(&rt, 9, Ok::<_, ()>(7))).await, Ok(7));
        assert_eq!((policy.stats().hedges, budget.stats().granted, budget.stats().refused), (1, 1, 1));
    });
}

#[test]
fn hedges_that_hang_until_the_deadline_count_as_attempts_do() {
    for_each_seed(0..20, |rt| async move {
        let breaker = breaker(&rt, 9);
        // Begun at 0, 1, 2 and 3 s.
        let policy = hedged(&rt, 3).breaker(breaker.clone()).deadline(4 * SECOND);
        policy.call(|_| pending::<Result<(), ()>>()).await.unwrap_err();
        let stats = breaker.stats();
        assert_eq!((stats.failures, stats.ignored), (3, 1), "the last had a second only");
    });
}

#[test]
fn a_call_that_waits_for_its_turn_is_not_hedged() {
    run(1, |rt| async move {
        let bulkhead = bulkhead(&rt, 1, 9);
        let policy = hedged(&rt, 3).bulkhead(bulkhead.clone()).deadline(9 * SECOND);
        let _held = bulkhead.try_acquire().unwrap();
        let error = policy.call(|_| pending::<Result<(), ()>>()).await.unwrap_err();
        assert_eq!(
            (error.layer(), policy.stats().hedges),
            (Layer::Bulkhead, 0),
            "that would only lengthen the line"
        );
    });
}

#[test]
fn a_hedge_that_is_refused_does_not_hide_how_the_attempt_ended() {
    run(1, |rt| async move {
        let bulkhead = bulkhead(&rt, 1, 0);
        let policy = hedged(&rt, 1).bulkhead(bulkhead);
        let error = policy.call(|_| after(&rt, 3, Err::<(), _>("down"))).await.unwrap_err();
        assert_eq!((error.layer(), error.last), (Layer::Operation, Some("down")));
        let endings: Vec<_> =
            error.ledger.records().iter().map(|record| (record.hedge, record.ending)).collect();
        assert_eq!(endings, [(0, Ending::Judged(Verdict::Retry)), (1, Ending::Refused(Layer::Bulkhead))]);
    });
}
