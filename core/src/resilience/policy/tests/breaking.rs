//! Laws 2 to 5: the breaker and its neighbours.

use std::{future::pending, time::Duration};

use futures::{FutureExt, future::join_all};

use super::{super::*, Count, SECOND, after, breaker, bulkhead, limiter, retry};
use crate::{
    resilience::{
        Attempt, Budget, CircuitBreaker,
        breaker::{Outcome, State},
        budget,
        retry::{Classify, Ending, Stop, Verdict},
    },
    testing::{for_each_seed, run},
    time::Deadline,
};

#[test]
fn an_open_breaker_refuses_before_the_call_waits_for_anything() {
    run(1, |rt| async move {
        let (breaker, bulkhead, limiter) = (breaker(&rt, 1), bulkhead(&rt, 1, 9), limiter(&rt, 1));
        let policy = Policy::new(&rt, "backend")
            .breaker(breaker.clone())
            .bulkhead(bulkhead.clone())
            .limiter(limiter.clone());
        let _held = bulkhead.try_acquire().unwrap();
        breaker.force_open();
        let error = policy
            .call(|_| pending::<Result<(), ()>>())
            .now_or_never()
            .expect("it does not wait")
            .unwrap_err();
        assert_eq!(error.to_string(), "`backend` was not called");
        assert_eq!((error.layer(), error.stop, error.ledger.attempts()), (Layer::Breaker, Stop::Refused, 0));
        assert_eq!(error.ledger.records()[0].ending, Ending::Refused(Layer::Breaker));
        assert_eq!((bulkhead.stats().waiting, limiter.stats().available), (0, 1), "and takes nothing");
    });
}

#[test]
fn a_breaker_that_opens_while_the_call_waits_refuses_it_after_the_wait() {
    run(1, |rt| async move {
        let (breaker, bulkhead) = (breaker(&rt, 1), bulkhead(&rt, 1, 9));
        let policy = Policy::new(&rt, "backend").breaker(breaker.clone()).bulkhead(bulkhead.clone());
        let held = bulkhead.try_acquire().unwrap();
        let waits = rt.spawn("call", async move { policy.call(|_| pending::<Result<(), ()>>()).await });
        rt.sleep(SECOND).await;
        breaker.force_open();
        drop(held);
        let error = waits.await.unwrap().unwrap_err();
        assert_eq!((error.layer(), error.ledger.records()[0].waited), (Layer::Breaker, SECOND));
        assert_eq!(bulkhead.stats().in_use, 0, "its place is free again");
    });
}

#[test]
fn no_probe_is_held_while_its_call_waits() {
    run(1, |rt| async move {
        let (breaker, bulkhead) = (breaker(&rt, 1), bulkhead(&rt, 1, 9));
        let policy = Policy::new(&rt, "backend").breaker(breaker.clone()).bulkhead(bulkhead.clone());
        breaker.try_acquire().unwrap().failure();
        rt.sleep(10 * SECOND).await;
        let held = bulkhead.try_acquire().unwrap();
        let waits = rt.spawn("call", {
            let policy = policy.clone();
            async move { policy.call(|_| async { Ok::<_, ()>(()) }).await }
        });
        rt.sleep(SECOND).await;
        assert_eq!((breaker.state(), breaker.stats().probes_in_flight), (State::HalfOpen, 0));
        drop(held);
        waits.await.unwrap().unwrap();
        assert_eq!(breaker.state(), State::Closed, "and then it was the probe");
    });
}

#[test]
fn what_the_policy_refuses_is_no_failure_of_the_backend() {
    run(1, |rt| async move {
        let breaker = breaker(&rt, 1);
        let full = bulkhead(&rt, 1, 0);
        let _held = full.try_acquire().unwrap();
        let slow = limiter(&rt, 1);
        slow.try_acquire(1).unwrap();
        let shed =
            Policy::new(&rt, "shed").breaker(breaker.clone()).bulkhead(full.clone()).retry(retry(&rt, 5));
        let limited = Policy::new(&rt, "limited").breaker(breaker.clone()).limiter(slow).deadline(SECOND / 2);
        for _ in 0..10 {
            let error = shed.call(|_| pending::<Result<(), ()>>()).await.unwrap_err();
            assert_eq!(
                (error.layer(), error.stop),
                (Layer::Bulkhead, Stop::Refused),
                "and it is not retried"
            );
            let error = limited.call(|_| pending::<Result<(), ()>>()).await.unwrap_err();
            assert_eq!((error.layer(), error.ledger.attempts()), (Layer::Limiter, 0));
        }
        let waits = bulkhead(&rt, 1, 9);
        let _held = waits.try_acquire().unwrap();
        let late = Policy::new(&rt, "late").breaker(breaker.clone()).bulkhead(waits).deadline(SECOND);
        let error = late.call(|_| pending::<Result<(), ()>>()).await.unwrap_err();
        assert_eq!(error.layer(), Layer::Bulkhead, "the one that made it wait is named");
        let stats = breaker.stats();
        assert_eq!((stats.state, stats.failures, stats.rejected), (State::Closed, 0, 0));
        assert_eq!((shed.stats().refused_by_bulkhead, limited.stats().refused_by_limiter), (10, 10));
    });
}

#[test]
fn failures_and_timeouts_open_the_breaker_and_what_the_caller_drops_does_not() {
    run(1, |rt| async move {
        let failing = breaker(&rt, 2);
        let policy = Policy::new(&rt, "backend").breaker(failing.clone()).attempt_timeout(SECOND);
        policy.call(|_| async { Err::<(), _>(()) }).await.unwrap_err();
        policy.call(|_| pending::<Result<(), ()>>()).await.unwrap_err();
        assert_eq!((failing.state(), failing.stats().failures), (State::Open, 2));

        let dropped = breaker(&rt, 1);
        let policy = Policy::new(&rt, "backend").breaker(dropped.clone()).deadline(9 * SECOND);
        rt.timeout(8 * SECOND, policy.call(|_| pending::<Result<(), ()>>())).await.unwrap_err();
        assert_eq!((dropped.state(), dropped.stats().ignored), (State::Closed, 1));
    });
}

#[test]
fn a_backend_that_hangs_opens_the_breaker_without_an_attempt_timeout() {
    run(1, |rt| async move {
        let (breaker, bulkhead) = (breaker(&rt, 3), bulkhead(&rt, 1, 0));
        let policy = Policy::new(&rt, "backend").breaker(breaker.clone()).bulkhead(bulkhead.clone());
        let policy = policy.deadline(2 * SECOND);
        for _ in 0..3 {
            let error = policy.call(|_| pending::<Result<(), ()>>()).await.unwrap_err();
            assert_eq!((error.layer(), error.ledger.records()[0].ending), (Layer::Deadline, Ending::CutOff));
            assert_eq!(bulkhead.stats().in_use, 0);
        }
        assert_eq!((breaker.state(), breaker.stats().failures), (State::Open, 3));
        let error = policy.call(|_| pending::<Result<(), ()>>()).await.unwrap_err();
        assert_eq!(error.layer(), Layer::Breaker, "the fourth need not find out");
    });
}

#[test]
fn an_attempt_that_is_cut_off_is_a_failure_if_it_had_half_of_the_time() {
    run(1, |rt| async move {
        let policy = |breaker: &CircuitBreaker| {
            let policy = Policy::new(&rt, "backend").breaker(breaker.clone()).retry(retry(&rt, 2));
            // A pause of one second is in it.
            policy.deadline(8 * SECOND).classify(|result: &Result<(), &str>| match result {
                Err("busy") => Verdict::RetryAfter(Duration::ZERO),
                _ => Verdict::Done,
            })
        };
        for (first, seen) in [(3, (1, 0)), (4, (0, 1))] {
            let breaker = breaker(&rt, 9);
            let asked = policy(&breaker);
            let hangs = asked.call(|attempt| {
                let busy = after(&rt, first, Err::<(), _>("busy"));
                async move { if attempt.is_first() { busy.await } else { pending().await } }
            });
            assert_eq!(hangs.await.unwrap_err().layer(), Layer::Deadline);
            // The first attempt failed in any case.
            let stats = breaker.stats();
            assert_eq!((stats.failures - 1, stats.ignored), seen, "the second had {} of 8 s", 7 - first);
        }
        // Whose deadline is a short one from above has not waited long.
        for (left, seen) in [(3, (0, 1)), (4, (1, 0))] {
            let (breaker, asker) = (breaker(&rt, 9), Deadline::after(&rt, "request", left * SECOND));
            let asked = policy(&breaker);
            let error = asked.call_in(&Attempt::within(asker), |_| pending()).await.unwrap_err();
            assert_eq!(error.layer(), Layer::Deadline);
            assert_eq!((breaker.stats().failures, breaker.stats().ignored), seen);
        }
    });
}

#[test]
fn the_time_a_call_waits_for_its_turn_is_not_time_the_backend_had() {
    run(1, |rt| async move {
        for hedges_max in [0, 1] {
            let (breaker, bulkhead) = (breaker(&rt, 1), bulkhead(&rt, 1, 9));
            let held = bulkhead.try_acquire().unwrap();
            let releases = rt.spawn("holder", {
                let rt = rt.clone();
                async move {
                    rt.sleep(3 * SECOND).await;
                    drop(held);
                }
            });
            let policy = Policy::new(&rt, "backend").breaker(breaker.clone()).bulkhead(bulkhead.clone());
            let policy = policy.deadline(4 * SECOND).hedge(Hedge { delay: 9 * SECOND, hedges_max });
            let error = policy.call(|_| pending::<Result<(), ()>>()).await.unwrap_err();
            assert_eq!(error.ledger.records()[0].waited, 3 * SECOND);
            releases.await.unwrap();
            assert_eq!((breaker.stats().failures, breaker.stats().ignored), (0, 1));
        }
    });
}

#[test]
fn a_deadline_of_no_time_at_all_blames_nobody() {
    run(1, |rt| async move {
        let breaker = breaker(&rt, 1);
        let policy = Policy::new(&rt, "backend").breaker(breaker.clone()).deadline(Duration::ZERO);
        let error = policy.call(|_| pending::<Result<(), ()>>()).await.unwrap_err();
        assert_eq!((error.layer(), error.ledger.attempts()), (Layer::Deadline, 1));
        assert_eq!((breaker.state(), breaker.stats().failures), (State::Closed, 0));
    });
}

#[test]
fn an_error_that_is_the_answer_is_a_success_to_the_breaker() {
    run(1, |rt| async move {
        let breaker = breaker(&rt, 2);
        let policy = Policy::new(&rt, "users").breaker(breaker.clone()).classify(
            |user: &Result<(), &str>| match user {
                Ok(()) | Err("no such user") => Verdict::Done,
                Err(_) => Verdict::Fail,
            },
        );
        policy.call(|_| async { Err("down") }).await.unwrap_err();
        policy.call(|_| async { Err("no such user") }).await.unwrap_err();
        policy.call(|_| async { Err("down") }).await.unwrap_err();
        assert_eq!((breaker.state(), breaker.stats().failures), (State::Closed, 2), "they were not in a row");
        let error = policy.call(|_| async { Err("down") }).await.unwrap_err();
        assert_eq!(
            (error.stop, breaker.state()),
            (Stop::Final, State::Open),
            "what is final may still be a failure"
        );
    });
}

#[test]
fn a_judge_may_have_the_breaker_ignore_what_is_the_callers_fault() {
    struct Judge;
    impl Classify<(), u16> for Judge {
        fn verdict(&self, result: &Result<(), u16>) -> Verdict {
            if result.is_ok() { Verdict::Done } else { Verdict::Fail }
        }

        fn outcome(&self, result: &Result<(), u16>, _: Verdict) -> Outcome {
            match result {
                Ok(()) => Outcome::Success,
                Err(400..500) => Outcome::Ignored,
                Err(_) => Outcome::Failure,
            }
        }
    }
    run(1, |rt| async move {
        let breaker = breaker(&rt, 1);
        let policy = Policy::new(&rt, "backend").breaker(breaker.clone()).judge(Judge);
        policy.call(|_| async { Err(404) }).await.unwrap_err();
        assert_eq!((breaker.state(), breaker.stats().ignored), (State::Closed, 1));
        policy.call(|_| async { Err(500) }).await.unwrap_err();
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn an_open_breaker_is_waited_for_only_if_that_fits() {
    run(1, |rt| async move {
        let open = |rt| {
            let breaker = breaker(rt, 1);
            breaker.try_acquire().unwrap().failure();
            breaker
        };
        let policy = |limit: u32| {
            let policy = Policy::new(&rt, "backend").retry(retry(&rt, 2)).deadline(SECOND * limit);
            policy.breaker(open(&rt))
        };
        let start = rt.now();
        let error = policy(10).call(|_| async { Ok::<_, ()>(()) }).await.unwrap_err();
        assert_eq!(
            (rt.now() - start, error.layer(), error.stop),
            (Duration::ZERO, Layer::Breaker, Stop::Deadline)
        );
        assert_eq!(error.retry_after(), Some(10 * SECOND), "so that the caller may say so");

        let (answer, ledger) = policy(12).call_traced(|_| async { Ok::<_, ()>("probe") }).await.unwrap();
        assert_eq!((answer, rt.now() - start, ledger.attempts()), ("probe", 11 * SECOND, 1));

        let config = crate::resilience::retry::Config {
            attempts_max: 9,
            retry_after_max: 9 * SECOND,
            ..crate::resilience::retry::Config::default()
        };
        let impatient = crate::resilience::Retry::new(&rt, config).unwrap();
        let impatient = Policy::new(&rt, "backend").retry(impatient).breaker(open(&rt));
        let error = impatient.call(|_| async { Ok::<_, ()>(()) }).await.unwrap_err();
        let expected = Stop::RetryAfter { asked: 10 * SECOND, retry_after_max: 9 * SECOND };
        assert_eq!(
            (error.stop, error.ledger.records().len()),
            (expected, 1),
            "it is not meant to wait so long"
        );
        assert_eq!(error.retry_after(), Some(10 * SECOND));

        let forced = breaker(&rt, 1);
        forced.force_open();
        let forced = Policy::new(&rt, "backend").retry(retry(&rt, 9)).breaker(forced);
        let error = forced.call(|_| async { Ok::<_, ()>(()) }).await.unwrap_err();
        assert_eq!(error.stop, Stop::Refused, "nobody knows for how long");
    });
}

#[test]
fn the_breaker_opens_in_the_middle_of_a_call_that_is_retried() {
    run(1, |rt| async move {
        let breaker = breaker(&rt, 2);
        let policy =
            Policy::new(&rt, "backend").retry(retry(&rt, 9)).breaker(breaker.clone()).deadline(5 * SECOND);
        let calls = Count::default();
        let failed = policy.call(|_| {
            calls.add();
            async { Err::<(), _>("down") }
        });
        let error = failed.await.unwrap_err();
        assert_eq!((calls.number(), error.layer(), error.last), (2, Layer::Breaker, Some("down")));
        let error = policy.call(|_| async { Ok::<_, &str>(()) }).await.unwrap_err();
        assert_eq!(error.to_string(), "`backend` was not called");
    });
}

#[test]
fn to_come_back_to_an_open_breaker_takes_no_token_if_nothing_was_sent() {
    run(1, |rt| async move {
        let breaker = breaker(&rt, 1);
        breaker.try_acquire().unwrap().failure();
        let config = budget::Config { ratio: 0.0, tokens_max: 1, reserve_per_second: 0 };
        let budget = Budget::new(&rt, config).unwrap();
        drop(budget.begin().try_retry().unwrap());
        let policy = Policy::new(&rt, "backend").retry(retry(&rt, 3).budget(budget.clone())).breaker(breaker);
        policy.call(|_| async { Ok::<_, ()>(()) }).await.unwrap();
        let error = policy.call(|_| async { Err::<(), _>(()) }).await.unwrap_err();
        assert_eq!((error.stop, budget.stats().refused), (Stop::Budget, 1), "after an attempt it does");
    });
}

#[test]
fn of_many_calls_that_come_back_no_more_than_the_probes_go_through() {
    for_each_seed(0..20, |rt| async move {
        let breaker = breaker(&rt, 1);
        breaker.try_acquire().unwrap().failure();
        let policy = Policy::new(&rt, "backend").retry(retry(&rt, 50)).breaker(breaker.clone());
        let running = Count::default();
        let calls = (0..20).map(|_| {
            policy.call(|_| {
                let (alive, breaker) = (running.alive(), breaker.clone());
                let answer = after(&rt, 3, Ok::<_, ()>(()));
                async move {
                    let is_probe = breaker.state() == State::HalfOpen;
                    assert!(!is_probe || alive.0.number() == 1, "one probe at a time");
                    let _alive = alive;
                    answer.await
                }
            })
        });
        assert!(join_all(calls).await.iter().all(Result::is_ok));
        assert_eq!((breaker.state(), breaker.stats().probes), (State::Closed, 1));
    });
}
