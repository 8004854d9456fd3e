//! The quota changes while some wait.

use std::sync::Arc;

use futures::future::join_all;
use proptest::prelude::*;

use super::{
    super::{AcquireError, TryAcquireError, state::Refusal},
    *,
};
use crate::testing::{for_each_seed, run};

proptest! {
    #[test]
    fn a_change_makes_no_token_and_loses_none_that_fits(
        first in any_quota(),
        second in any_quota(),
        taken in 0..8_u32,
        pause in 0..5000_u64,
    ) {
        let mut machine = machine(first, 0);
        let now = 1_000_000;
        let _ = machine.take(now, taken.min(first.burst), Key(0));
        let now = now + pause;
        let before = machine.available(now);
        machine.set_quota(now, second);
        prop_assert_eq!(machine.available(now), before.min(second.burst));
        // Back again: never more than there was.
        machine.set_quota(now, first);
        prop_assert_eq!(machine.available(now), before.min(second.burst));
        machine.set_quota(now, Quota::paused());
        prop_assert_eq!(machine.available(now + 1_000_000), before.min(second.burst), "a pause fills nothing");
        machine.set_quota(now + 1_000_000, first);
        prop_assert_eq!(machine.available(now + 1_000_000), before.min(second.burst));
    }

    #[test]
    fn the_same_quota_again_changes_nothing(quota in any_quota(), pauses in prop::collection::vec(0..3000_u64, 1..60)) {
        let (mut once, mut again) = (machine(quota, 0), machine(quota, 0));
        let mut now = 0;
        for pause in pauses {
            now += pause;
            again.set_quota(now, quota);
            prop_assert_eq!(once.take(now, 1, Key(0)), again.take(now, 1, Key(0)));
        }
    }
}

#[test]
fn those_who_wait_are_timed_anew_at_once() {
    for_each_seed(0..20, |rt| async move {
        let limiter = limiter(&rt, Quota::per_second(1));
        limiter.try_acquire(1).expect("the first");
        let start = rt.now();
        let waiting = (0..3).map(|_| {
            let (acquiring, rt) = (limiter.acquire(1), rt.clone());
            rt.clone().spawn("waiter", async move {
                acquiring.await.expect("no deadline");
                rt.now() - start
            })
        });
        let waiting: Vec<_> = waiting.collect();
        rt.sleep(SECOND / 2).await;
        // Half a token is there: at ten a second the other half takes 50 ms.
        limiter.set_quota(Quota::per_second(10)).expect("a good quota");
        let mut ended: Vec<_> =
            join_all(waiting).await.into_iter().map(|waited| waited.expect("no panic")).collect();
        ended.sort_unstable();
        assert_eq!(ended, [550 * MILLI, 650 * MILLI, 750 * MILLI]);
    });
}

#[test]
fn paused_is_paused_until_it_is_not() {
    for_each_seed(0..20, |rt| async move {
        let limiter = limiter(&rt, Quota::paused());
        let error = limiter.try_acquire(1).expect_err("paused");
        assert_eq!((error, error.retry_after()), (TryAcquireError::Paused, None));
        let waiting = rt.spawn("waiter", limiter.acquire(5));
        let impatient = limiter.acquire_with(1, until(&rt, SECOND)).await.expect_err("nothing goes through");
        assert!(matches!(impatient, AcquireError::DeadlineExceeded { waiting: 2, .. }), "{impatient}");
        rt.sleep(600 * SECOND).await;
        assert_eq!((limiter.stats().waiting, limiter.stats().timed_out), (1, 1));
        let start = rt.now();
        limiter.set_quota(Quota::per_second(1).burst(5)).expect("a good quota");
        waiting.await.expect("no panic").expect("a full bucket");
        assert_eq!(rt.now(), start);
        // And paused with an empty bucket it stays empty.
        limiter.set_quota(Quota::paused()).expect("a good quota");
        rt.sleep(600 * SECOND).await;
        limiter.set_quota(Quota::per_second(1).burst(5)).expect("a good quota");
        assert_eq!(limiter.stats().available, 0);
        assert_eq!(limiter.try_acquire(1).expect_err("empty").retry_after(), Some(SECOND));
    });
}

#[test]
fn those_who_cannot_go_through_any_more_are_told_at_once_and_the_others_move_up() {
    for_each_seed(0..20, |rt| async move {
        let limiter = limiter(&rt, Quota::per_second(10).burst(5));
        limiter.try_acquire(5).expect("a full bucket");
        let start = rt.now();
        let comers = [(5, 9), (1, 1), (1, 60), (2, 60)];
        let waiting = comers.map(|(tokens, seconds)| {
            let (acquiring, rt) = (limiter.acquire_with(tokens, until(&rt, seconds * SECOND)), rt.clone());
            // In this order, though the seed would choose another.
            let mut acquiring = acquiring;
            assert!(poll(&mut acquiring).is_pending());
            rt.clone().spawn("waiter", async move { (acquiring.await, rt.now() - start) })
        });
        limiter.set_quota(Quota::per_second(1).burst(3)).expect("a good quota");
        let ended = join_all(waiting).await.into_iter().map(|ended| ended.expect("no panic"));
        let (ended, times): (Vec<_>, Vec<_>) = ended.unzip();
        assert_eq!(ended[0], Err(AcquireError::TooMany { asked: 5, burst: 3 }));
        // One token a second, and none before it: just in time.
        assert_eq!(ended[1], Ok(()));
        assert_eq!((&ended[2], &ended[3]), (&Ok(()), &Ok(())));
        assert_eq!(times, [Duration::ZERO, SECOND, 2 * SECOND, 4 * SECOND]);
        assert_eq!(limiter.stats().refused, 1);
    });
}

#[test]
fn a_wait_that_became_too_long_ends_at_once() {
    run(1, |rt| async move {
        let limiter = limiter(&rt, Quota::per_second(10));
        limiter.try_acquire(1).expect("the first");
        let mut waiting = limiter.acquire_with(1, until(&rt, SECOND));
        assert!(poll(&mut waiting).is_pending());
        let waiting = rt.spawn("waiter", waiting);
        limiter.set_quota(Quota::per_minute(1)).expect("a good quota");
        let error = waiting.await.expect("no panic").expect_err("too late");
        let (wait, remaining) = (60 * SECOND, SECOND);
        assert_eq!(error, AcquireError::DeadlineTooSoon { scope: "test".into(), wait, remaining });
        assert_eq!(error.retry_after(), Some(60 * SECOND));
    });
}

#[test]
fn only_those_are_refused_who_would_be_late_without_the_refused() {
    let mut machine = machine(Quota::per(1, SECOND).burst(9), 0);
    assert_eq!(machine.take(0, 9, Key(0)), Answer::Granted);
    let mut line = WaitQueue::<()>::new(9);
    let mut join = |tokens, seconds: u64| {
        let waiter = line.join(Key(0), Waker::noop().clone()).expect("room").waiter();
        let demand = Demand { tokens, deadline: Some(seconds * 1_000_000_000), waiter };
        machine.join(Key(0), demand);
        waiter
    };
    let (greedy, first, second) = (join(9, 90), join(1, 10), join(1, 19));
    let refused = machine.set_quota(0, Quota::per(1, 10 * SECOND).burst(5));
    assert_eq!(
        refused,
        [(greedy, Refusal::TooMany { burst: 5 }), (second, Refusal::TooLate { wait: 20 * SECOND }),]
    );
    let _ = first;
    assert_eq!(machine.waiting(), 1);
}

#[test]
fn nonsense_is_refused_by_field() {
    run(1, |rt| async move {
        let refused = |quota| RateLimiter::new(&rt, quota).expect_err("nonsense").field;
        assert_eq!(refused(Quota::per_second(1).burst(0)), "limit::Quota::burst");
        assert_eq!(refused(Quota::per(1, Duration::ZERO)), "limit::Quota::period");
        assert_eq!(refused(Quota::per(1, Duration::MAX)), "limit::Quota::period");
        let quota = Quota::per_second(1);
        let refused = |config| RateLimiter::with_config(&rt, config).expect_err("nonsense").field;
        let config = Config { quota, waiters_max: 100_000_001, ..Config::default() };
        assert_eq!(refused(config), "limit::rate::Config::waiters_max");
        let config = Config { quota, catch_up_max: Duration::from_secs(61), ..Config::default() };
        assert_eq!(refused(config), "limit::rate::Config::catch_up_max");
        let limiter = Arc::new(limiter(&rt, quota));
        assert_eq!(limiter.set_quota(quota.burst(0)).expect_err("nonsense").field, "limit::Quota::burst");
        assert_eq!(limiter.stats().quota, quota);
    });
}
