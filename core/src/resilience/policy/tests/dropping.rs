//! Law 8: a call with all layers, dropped at each of its polls.

use super::{super::*, Count, SECOND, after, breaker, bulkhead, limiter, retry};
use crate::{
    limit::{Bulkhead, RateLimiter},
    resilience::{Budget, CircuitBreaker, breaker::State, budget::InFlight},
    rt::Rt,
    testing::for_each_drop_point,
};

#[derive(Clone)]
struct Parts {
    breaker: CircuitBreaker,
    bulkhead: Bulkhead,
    limiter: RateLimiter,
    budget: Budget,
    policy: Policy,
    alive: Count,
    calls: Count,
}

/// All layers; the backend fails twice. The limiter makes the first attempt wait.
async fn setup(rt: Rt) -> Parts {
    let (breaker, bulkhead, limiter) = (breaker(&rt, 9), bulkhead(&rt, 3, 9), limiter(&rt, 1));
    let budget = Budget::in_flight(&rt, InFlight { ratio: 4.0, retries_min: 3 }).unwrap();
    limiter.try_acquire(1).unwrap();
    let policy = Policy::new(&rt, "backend")
        .deadline(60 * SECOND)
        .retry(retry(&rt, 4).budget(budget.clone()))
        .breaker(breaker.clone())
        .bulkhead(bulkhead.clone())
        .limiter(limiter.clone())
        .attempt_timeout(5 * SECOND);
    Parts { breaker, bulkhead, limiter, budget, policy, alive: Count::default(), calls: Count::default() }
}

async fn call(rt: Rt, parts: Parts, policy: Policy) {
    let Parts { alive, calls, .. } = parts;
    let answer = policy.call(|attempt| {
        calls.add();
        let alive = alive.alive();
        let seconds = if attempt.hedge() > 0 { 1 } else { 9 };
        let answer = after(&rt, seconds, if attempt.number() < 3 { Err(()) } else { Ok(()) });
        async move {
            let _alive = alive;
            answer.await
        }
    });
    // With all parts named, so that none is kept alive by this future alone.
    answer.await.ok();
}

async fn check(rt: Rt, parts: Parts) {
    let Parts { breaker, bulkhead, limiter, budget, policy, alive, calls } = parts;
    assert_eq!(alive.number(), 0, "no attempt is left");
    assert_eq!((bulkhead.stats().in_use, bulkhead.stats().waiting), (0, 0));
    assert_eq!((limiter.stats().waiting, breaker.stats().probes_in_flight), (0, 0));
    assert_eq!((budget.stats().calls_in_flight, budget.stats().retries_in_flight), (0, 0));
    let stats = policy.stats();
    let refused = stats.refused_by_breaker + stats.refused_by_bulkhead + stats.refused_by_limiter;
    let ended = stats.answered + stats.failed + stats.timed_out + refused + stats.deadline_exceeded;
    assert_eq!(stats.calls, ended + stats.dropped, "the counts add up");
    let before = calls.number();
    rt.sleep(120 * SECOND).await;
    assert_eq!((calls.number(), stats.attempts), (before, before as u64), "and none is begun");
}

#[test]
fn a_call_that_is_dropped_leaves_nothing_behind() {
    let points = for_each_drop_point(
        0..3,
        setup,
        |rt, parts| {
            let policy = parts.policy.clone();
            call(rt, parts, policy)
        },
        check,
    );
    assert!(points > 3 * 12, "it waits for a token, an attempt and a pause three times: {points}");
}

#[test]
fn a_hedged_call_that_is_dropped_leaves_nothing_behind() {
    let points = for_each_drop_point(
        0..3,
        setup,
        |rt, parts| {
            let policy = parts.policy.clone().hedge(Hedge { delay: SECOND, hedges_max: 2 });
            call(rt, parts, policy)
        },
        check,
    );
    assert!(points > 3 * 12, "{points}");
}

#[test]
fn a_probe_that_is_dropped_is_given_back() {
    let points = for_each_drop_point(
        0..3,
        |rt| async move {
            let parts = setup(rt.clone()).await;
            for _ in 0..9 {
                parts.breaker.try_acquire().unwrap().failure();
            }
            rt.sleep(10 * SECOND).await;
            assert_eq!(parts.breaker.state(), State::HalfOpen);
            parts
        },
        |rt, parts| {
            let policy = parts.policy.clone();
            call(rt, parts, policy)
        },
        |rt, parts| async move {
            let breaker = parts.breaker.clone();
            check(rt, parts).await;
            assert!(breaker.try_acquire().is_ok(), "the next call is the probe");
        },
    );
    assert!(points > 3 * 4, "{points}");
}
