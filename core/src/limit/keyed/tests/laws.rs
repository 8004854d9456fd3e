use std::sync::Arc;

use futures::future::join_all;
use parking_lot::Mutex;

use super::{super::Stats, *};
use crate::{
    limit::{Acquire, AcquireError, RateLimiter, TryAcquireError},
    testing::{for_each_drop_point, for_each_seed, run},
    time::Deadline,
};

#[test]
fn each_key_has_a_bucket_of_its_own() {
    run(1, |rt| async move {
        let quota = Quota::per_second(10).burst(3);
        let keyed = limiter(&rt, quota, 100);
        let alone: Vec<_> = (0..5).map(|_| RateLimiter::new(&rt, quota).expect("a good quota")).collect();
        let mut rng = rt.rng("keys");
        for _ in 0..500 {
            rt.sleep(Duration::from_micros(rng.below(30_000))).await;
            let (key, tokens) = (rng.below(5) as u32, rng.below(5) as u32);
            assert_eq!(keyed.try_acquire(&key, tokens), alone[key as usize].try_acquire(tokens));
        }
        assert_eq!(keyed.stats(), Stats { keys: 5, evicted: 0, refused: 0 });
    });
}

#[test]
fn those_who_wait_for_a_key_go_in_order_and_others_do_not_wait_with_them() {
    for_each_seed(0..20, |rt| async move {
        let keyed = limiter(&rt, Quota::per_second(10), 100);
        let (start, order) = (rt.now(), Arc::new(Mutex::new(Vec::new())));
        let mut waiting = Vec::new();
        for number in 0..30 {
            let (keyed, order, inner) = (keyed.clone(), order.clone(), rt.clone());
            waiting.push(rt.spawn("waiter", async move {
                keyed.acquire(&(number % 3), 1).await.expect("no deadline");
                order.lock().push((number % 3, number / 3, inner.now() - start));
            }));
            // So that they come in this order.
            rt.sleep(Duration::from_nanos(1)).await;
        }
        rt.sleep(50 * MILLI).await;
        assert!(keyed.try_acquire(&1, 1).is_err(), "nobody overtakes");
        keyed.try_acquire(&7, 1).expect("another key");
        join_all(waiting).await;
        let mut order = order.lock();
        order.sort_unstable();
        let expected = |key, number: u32| {
            let first = Duration::from_nanos(u64::from(key));
            (key, number, first + 100 * MILLI * number)
        };
        let expected: Vec<_> =
            (0..3).flat_map(|key| (0..10).map(move |number| expected(key, number))).collect();
        assert_eq!(*order, expected);
    });
}

#[test]
fn priorities_of_one_key_age_as_those_of_a_limiter() {
    run(1, |rt| async move {
        for (ageing_step, expected) in [(Some(SECOND), ["patient", "urgent"]), (None, ["urgent", "patient"])]
        {
            let config = Config { ageing_step, ..Config::default() };
            let quota = Quota::per(1, 100 * SECOND);
            let keyed = KeyedRateLimiter::<u32>::new(&rt, quota, config).expect("a good config");
            keyed.try_acquire(&1, 1).expect("the first");
            let order = Arc::new(Mutex::new(Vec::new()));
            let mut waiting = Vec::new();
            for (name, priority) in [("patient", 0), ("urgent", 2)] {
                let (keyed, order) = (keyed.clone(), order.clone());
                waiting.push(rt.spawn("waiter", async move {
                    let how = Acquire { priority, ..Acquire::default() };
                    keyed.acquire_with(&1, 1, how).await.expect("no deadline");
                    order.lock().push(name);
                }));
                rt.sleep(3 * SECOND).await;
            }
            join_all(waiting).await;
            assert_eq!(*order.lock(), expected);
        }
    });
}

#[test]
fn keys_are_bounded_and_only_full_buckets_make_way() {
    run(1, |rt| async move {
        let keyed = limiter(&rt, Quota::per_second(1).burst(2), 3);
        for (key, tokens) in [(1, 2), (2, 1), (3, 2)] {
            keyed.try_acquire(&key, tokens).expect("a full bucket");
        }
        let error = keyed.try_acquire(&4, 1).expect_err("no room");
        assert_eq!(error, TryAcquireError::TooManyKeys { keys_max: 3, retry_after: SECOND });
        assert_eq!(keyed.stats().refused, 1);
        assert_eq!(
            error.to_string(),
            "3 keys are kept and none is idle; come back in 1s, or raise `keys_max`"
        );
        let error = keyed.acquire(&4, 1).await.expect_err("no room");
        assert_eq!(error.retry_after(), Some(SECOND));
        rt.sleep(SECOND).await;
        keyed.try_acquire(&4, 2).expect("in the place of 2");
        assert_eq!(keyed.stats(), Stats { keys: 3, evicted: 1, refused: 2 });
        assert!(
            keyed.try_acquire(&1, 2).is_err() && keyed.try_acquire(&3, 2).is_err(),
            "these are still there"
        );
        assert!(keyed.try_acquire(&2, 1).is_err(), "and all are in use");
        rt.sleep(2 * SECOND).await;
        keyed.try_acquire(&2, 2).expect("a full bucket again");
    });
}

#[test]
fn many_keys_are_bounded_exactly_and_refused_only_when_nearly_all_are_kept() {
    run(1, |rt| async move {
        const KEYS_MAX: usize = 70_000;
        let keyed = limiter(&rt, Quota::per_second(1), KEYS_MAX);
        let refused = (0..2 * KEYS_MAX as u32).filter(|key| keyed.try_acquire(key, 1).is_err());
        let refused: Vec<u32> = refused.collect();
        let first = refused[0] as usize;
        assert!(first > KEYS_MAX * 9 / 10, "{first}");
        let stats = keyed.stats();
        assert_eq!((stats.keys, stats.refused), (KEYS_MAX, refused.len() as u64));
        assert_eq!(refused.len(), KEYS_MAX, "all others were kept");
    });
}

#[test]
fn idle_keys_go_after_a_while() {
    run(1, |rt| async move {
        let keyed = limiter(&rt, Quota::per_second(1), 1000);
        for key in 0..100 {
            keyed.try_acquire(&key, 1).expect("a full bucket");
        }
        rt.sleep(60 * SECOND).await;
        for key in 100..120 {
            keyed.try_acquire(&key, 1).expect("a full bucket");
        }
        assert_eq!(keyed.stats().keys, 120, "a minute after they are full again, which takes a second");
        rt.sleep(2 * SECOND).await;
        for key in 120..180 {
            keyed.try_acquire(&key, 1).expect("a full bucket");
        }
        assert_eq!(keyed.stats(), Stats { keys: 80, evicted: 100, refused: 0 });
    });
}

#[test]
fn a_key_for_which_some_wait_or_waited_keeps_its_bucket() {
    for_each_seed(0..10, |rt| async move {
        let keyed = limiter(&rt, Quota::per_second(1), 2);
        keyed.try_acquire(&1, 1).expect("a full bucket");
        let waiting = [1, 1].map(|_| {
            let keyed = keyed.clone();
            rt.spawn("waiter", async move { keyed.acquire(&1, 1).await })
        });
        rt.sleep(SECOND / 2).await;
        keyed.try_acquire(&2, 1).expect("a full bucket");
        assert!(keyed.try_acquire(&3, 1).is_err(), "no room");
        rt.sleep(SECOND).await;
        keyed.try_acquire(&3, 1).expect("in the place of 2, for the other has one who waits");
        for waited in join_all(waiting).await {
            waited.expect("no panic").expect("no deadline");
        }
        // Nobody waits for 1 any more. What is left in its bucket is not forgotten.
        assert_eq!(keyed.try_acquire(&1, 1).expect_err("just taken").retry_after(), Some(SECOND));
        rt.sleep(SECOND).await;
        keyed.try_acquire(&1, 1).expect("a second later");
        rt.sleep(5 * SECOND).await;
        keyed.try_acquire(&8, 1).expect("there is room");
        keyed.try_acquire(&9, 1).expect("also in the place of the one for which some waited");
        assert_eq!(keyed.stats().keys, 2);
    });
}

#[test]
fn a_wait_that_is_dropped_at_any_point_takes_nothing_with_it() {
    let points = for_each_drop_point(
        0..20,
        |rt| async move {
            let keyed = limiter(&rt, Quota::per_second(10), 100);
            keyed.try_acquire(&1, 1).expect("a full bucket");
            (keyed, rt.now())
        },
        |rt, (keyed, _)| async move {
            let how = Acquire { deadline: Some(Deadline::after(&rt, "test", SECOND)), priority: 1 };
            keyed.acquire_with(&1, 1, how).await.expect("in time");
        },
        |rt, (keyed, start)| async move {
            keyed.acquire(&1, 1).await.expect("no deadline");
            assert!(rt.now() - start <= 200 * MILLI);
        },
    );
    assert!(points >= 60, "{points}");
}

#[test]
fn what_can_never_go_through_is_refused_at_once() {
    run(1, |rt| async move {
        let keyed = KeyedRateLimiter::new(
            &rt,
            Quota::per_second(1).burst(2),
            Config { waiters_max: 1, ..Config::default() },
        )
        .expect("a good config");
        assert_eq!(keyed.try_acquire(&1, 3), Err(TryAcquireError::TooMany { asked: 3, burst: 2 }));
        assert_eq!(keyed.acquire(&1, 3).await, Err(AcquireError::TooMany { asked: 3, burst: 2 }));
        keyed.try_acquire(&1, 0).expect("nothing is always there");
        keyed.acquire(&1, 0).await.expect("nothing is always there");
        assert_eq!(keyed.stats().keys, 0, "no key for what takes nothing");
        keyed.acquire(&1, 2).await.expect("a full bucket");
        let how = Acquire { deadline: Some(Deadline::after(&rt, "test", SECOND)), priority: 0 };
        let error = keyed.acquire_with(&1, 2, how).await.expect_err("two seconds");
        assert_eq!(error.retry_after(), Some(2 * SECOND));
        let waiting = rt.spawn("waiter", {
            let keyed = keyed.clone();
            async move { keyed.acquire(&1, 1).await }
        });
        rt.sleep(SECOND / 2).await;
        let error = keyed.acquire(&1, 1).await.expect_err("one waits");
        assert!(matches!(error, AcquireError::QueueFull { waiters_max: 1, .. }), "{error}");
        waiting.await.expect("no panic").expect("no deadline");
    });
}

#[test]
fn nonsense_is_refused_by_field() {
    run(1, |rt| async move {
        let refused =
            |quota, config| KeyedRateLimiter::<u32>::new(&rt, quota, config).expect_err("nonsense").field;
        let quota = Quota::per_second(1);
        assert_eq!(refused(Quota::paused(), Config::default()), "limit::Quota::tokens");
        assert_eq!(refused(quota.burst(0), Config::default()), "limit::Quota::burst");
        let config = Config { keys_max: 0, ..Config::default() };
        assert_eq!(refused(quota, config), "limit::keyed::Config::keys_max");
        let config = Config { idle_after: Duration::MAX, ..Config::default() };
        assert_eq!(refused(quota, config), "limit::keyed::Config::idle_after");
        let config = Config { waiters_max: usize::MAX, ..Config::default() };
        assert_eq!(refused(quota, config), "limit::keyed::Config::waiters_max");
        let config = Config { catch_up_max: Duration::MAX, ..Config::default() };
        assert_eq!(refused(quota, config), "limit::keyed::Config::catch_up_max");
    });
}
