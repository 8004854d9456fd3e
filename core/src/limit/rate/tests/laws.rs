//! What users see, on the test runtime.

use std::{
    pin::Pin,
    sync::Arc,
    time::{Instant, SystemTime},
};

use futures::future::join_all;
use parking_lot::Mutex;

use super::{
    super::{AcquireError, TryAcquireError},
    *,
};
use crate::{
    rt::{BoxFuture, Net, Runtime, Timer},
    testing::{for_each_drop_point, for_each_seed, run},
};

#[test]
fn those_who_wait_go_in_order_and_nobody_overtakes_them() {
    for_each_seed(0..50, |rt| async move {
        let limiter = limiter(&rt, Quota::per_second(100));
        limiter.try_acquire(1).expect("the first");
        let order = Arc::new(Mutex::new(Vec::new()));
        let start = rt.now();
        let mut waiting = Vec::new();
        for number in 0..20_u32 {
            let (mut acquiring, order, inner) = (limiter.acquire(1), order.clone(), rt.clone());
            assert!(poll(&mut acquiring).is_pending());
            waiting.push(rt.spawn("waiter", async move {
                acquiring.await.expect("no deadline");
                order.lock().push((number, inner.now() - start));
            }));
        }
        let (pusher, inner) = (limiter.clone(), rt.clone());
        let overtaking = rt.spawn("overtaking", async move {
            let mut through = 0;
            while inner.now() - start < 199 * MILLI {
                through += usize::from(pusher.try_acquire(1).is_ok());
                inner.sleep(MILLI).await;
            }
            through
        });
        join_all(waiting).await;
        assert_eq!(overtaking.await.expect("no panic"), 0);
        let expected: Vec<_> = (0..20).map(|number| (number, 10 * MILLI * (number + 1))).collect();
        assert_eq!(*order.lock(), expected);
    });
}

#[test]
fn more_than_the_burst_is_an_error_and_not_an_endless_wait() {
    run(1, |rt| async move {
        let limiter = limiter(&rt, Quota::per_second(100).burst(5));
        let error = limiter.try_acquire(6).expect_err("too many");
        assert_eq!((error, error.retry_after()), (TryAcquireError::TooMany { asked: 6, burst: 5 }, None));
        assert_eq!(
            error.to_string(),
            "6 at once is more than the burst of 5; ask for less, or raise `Quota::burst`"
        );
        assert_eq!(limiter.acquire(6).await, Err(AcquireError::TooMany { asked: 6, burst: 5 }));
        limiter.acquire(5).await.expect("a full bucket");
        limiter.acquire(5).await.expect("half a second later");
        limiter.acquire(0).await.expect("nothing is always there");
        limiter.try_acquire(0).expect("nothing is always there");
    });
}

#[test]
fn a_wait_that_cannot_end_in_time_fails_at_once_and_says_how_long_it_would_be() {
    run(1, |rt| async move {
        let limiter = limiter(&rt, Quota::per_second(1));
        limiter.try_acquire(1).expect("the first");
        let mut first = limiter.acquire(1);
        assert!(poll(&mut first).is_pending());
        let start = rt.now();
        let error = limiter.acquire_with(1, until(&rt, 1999 * MILLI)).await.expect_err("too late");
        assert_eq!(rt.now(), start, "at once");
        assert_eq!(error.retry_after(), Some(2 * SECOND));
        assert_eq!(
            error.to_string(),
            "the limiter would make `test` wait 2s and it has only 1.999s; come back later"
        );
        limiter.acquire_with(1, until(&rt, 2 * SECOND)).await.expect("just in time");
        assert_eq!(rt.now() - start, 2 * SECOND);
        assert!(poll(&mut first).is_ready());
        // A more urgent one waits less.
        let mut patient = limiter.acquire(1);
        assert!(poll(&mut patient).is_pending());
        let urgent = Acquire { priority: 1, ..until(&rt, SECOND) };
        limiter.acquire_with(1, urgent).await.expect("before the patient one");
        assert!(poll(&mut patient).is_pending());
    });
}

#[test]
fn a_deadline_ends_the_wait_of_one_who_was_overtaken() {
    for_each_seed(0..20, |rt| async move {
        let limiter = limiter(&rt, Quota::per_second(1));
        limiter.try_acquire(1).expect("the first");
        let start = rt.now();
        let mut patient = limiter.acquire_with(1, until(&rt, 3 * SECOND / 2));
        assert!(poll(&mut patient).is_pending(), "it would be in time");
        let mut urgent = limiter.acquire_with(1, Acquire { priority: 1, ..Acquire::default() });
        assert!(poll(&mut urgent).is_pending());
        let error = patient.await.expect_err("overtaken");
        assert_eq!(rt.now() - start, 3 * SECOND / 2);
        let AcquireError::DeadlineExceeded { deadline, waiting } = error else { panic!("{error}") };
        assert_eq!((deadline.scope.as_ref(), waiting), ("test", 1));
        assert!(poll(&mut urgent).is_ready());
        assert_eq!(limiter.stats().waiting, 0);
    });
}

/// Whether a patient one goes within a minute, where of one slot a second two more urgent ones come each second.
async fn is_served(rt: &Rt, ageing_step: Option<Duration>) -> bool {
    let config = Config { quota: Quota::per_second(1), ageing_step, ..Config::default() };
    let limiter = RateLimiter::with_config(rt, config).expect("a good config");
    limiter.try_acquire(1).expect("the first");
    let mut patient = limiter.acquire(1);
    assert!(poll(&mut patient).is_pending());
    let mut urgent = Vec::new();
    for _ in 0..120 {
        let mut acquiring = limiter.acquire_with(1, Acquire { priority: 10, ..Acquire::default() });
        assert!(poll(&mut acquiring).is_pending());
        urgent.push(acquiring);
        rt.sleep(SECOND / 2).await;
    }
    poll(&mut patient).is_ready()
}

#[test]
fn with_ageing_nobody_starves_and_without_it_the_urgent_go_first_for_ever() {
    for_each_seed(0..10, |rt| async move {
        assert!(is_served(&rt, Some(SECOND)).await, "ten points are ten seconds");
        assert!(is_served(&rt, Some(Duration::ZERO)).await, "priorities are void");
        assert!(!is_served(&rt, None).await, "strict is strict");
    });
}

#[test]
fn with_ageing_a_priority_is_worth_so_much_of_waiting_and_no_more() {
    for_each_seed(0..10, |rt| async move {
        let quota = Quota::per(1, 100 * SECOND);
        let config = Config { quota, ageing_step: Some(SECOND * 3 / 2), ..Config::default() };
        let limiter = RateLimiter::with_config(&rt, config).expect("a good config");
        limiter.try_acquire(1).expect("the first");
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = Vec::new();
        // "e" is worth 3 s and comes 4 s after "a"; "c" is worth 3 s and comes 2 s after it.
        for (name, priority) in [("a", 0), ("b", 0), ("c", 2), ("d", 0), ("e", 2)] {
            let acquiring = limiter.acquire_with(1, Acquire { priority, ..Acquire::default() });
            let order = order.clone();
            waiting.push(rt.spawn("waiter", async move {
                acquiring.await.expect("no deadline");
                order.lock().push(name);
            }));
            rt.sleep(SECOND).await;
        }
        join_all(waiting).await;
        assert_eq!(*order.lock(), ["c", "a", "b", "e", "d"]);
    });
}

#[test]
fn the_line_is_bounded() {
    run(1, |rt| async move {
        let config = Config { quota: Quota::per_second(1), waiters_max: 2, ..Config::default() };
        let limiter = RateLimiter::with_config(&rt, config).expect("a good config");
        limiter.acquire(1).await.expect("the first");
        let (mut first, mut second) = (limiter.acquire(1), limiter.acquire(1));
        assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
        let error = limiter.acquire(1).await.expect_err("full");
        assert_eq!(error, AcquireError::QueueFull { waiters_max: 2, wait: Some(3 * SECOND) });
        assert_eq!(error.retry_after(), Some(3 * SECOND));
        drop(first);
        let mut third = limiter.acquire(1);
        assert!(poll(&mut third).is_pending(), "there is room again");
        let stats = limiter.stats();
        assert_eq!((stats.waiting, stats.refused, stats.waited), (2, 1, 0));
    });
}

#[test]
fn a_waiter_that_is_not_polled_stops_nobody() {
    for_each_seed(0..20, |rt| async move {
        let limiter = limiter(&rt, Quota::per_second(1));
        limiter.try_acquire(1).expect("the first");
        let mut asleep = limiter.acquire(1);
        assert!(poll(&mut asleep).is_pending());
        let start = rt.now();
        limiter.acquire(1).await.expect("no deadline");
        assert_eq!(rt.now() - start, 2 * SECOND, "behind the one that is not polled, and no later");
        rt.sleep(60 * SECOND).await;
        assert!(poll(&mut asleep).is_ready());
    });
}

#[test]
fn a_dropped_waiter_gives_its_slot_back_and_moves_the_others_forward() {
    for_each_seed(0..20, |rt| async move {
        let limiter = limiter(&rt, Quota::per_second(1));
        limiter.try_acquire(1).expect("the first");
        let start = rt.now();
        let mut dropped = [limiter.acquire(1), limiter.acquire(1)];
        assert!(dropped.iter_mut().all(|acquiring| poll(acquiring).is_pending()));
        let mut last = limiter.acquire(1);
        assert!(poll(&mut last).is_pending());
        rt.sleep(SECOND / 2).await;
        let [granted, waiting] = dropped;
        drop(waiting);
        rt.sleep(SECOND).await;
        // At 1.5 s: the slot of the first second was given to one that does not come for it.
        drop(granted);
        last.await.expect("no deadline");
        assert_eq!(rt.now() - start, 3 * SECOND / 2);
        assert_eq!(limiter.stats().waited, 1);
        // A slot so late is timed anew, so the next is a second away, but for what may be caught up.
        let next = limiter.try_acquire(1).expect_err("taken").retry_after();
        assert_eq!(next, Some(SECOND - 5 * MILLI));
    });
}

#[test]
fn a_wait_that_is_dropped_at_any_point_takes_nothing_with_it() {
    let points = for_each_drop_point(
        0..30,
        |rt| async move {
            let limiter = limiter(&rt, Quota::per_second(10));
            limiter.try_acquire(1).expect("the first");
            let mut before = limiter.acquire(1);
            assert!(poll(&mut before).is_pending());
            let behind = rt.spawn("before", before);
            (limiter, rt.now(), Arc::new(Mutex::new(Some(behind))))
        },
        |rt, (limiter, ..)| async move {
            limiter.acquire_with(1, until(&rt, SECOND)).await.expect("in time");
        },
        |rt, (limiter, start, before)| async move {
            let before = before.lock().take().expect("checked once");
            before.await.expect("no panic").expect("no deadline");
            // Either it took a slot, or it did not: nothing in between is lost.
            let used = (rt.now() - start).as_millis() / 100;
            let waited = limiter.stats().waited;
            assert!(u128::from(waited) <= used + 1, "{waited} in {used}");
            limiter.acquire(1).await.expect("no deadline");
            let end = rt.now() - start;
            assert!(end <= 300 * MILLI, "{end:?}");
            assert_eq!((limiter.stats().waiting, limiter.stats().waited), (0, limiter.stats().waited));
        },
    );
    assert!(points >= 90, "{points}");
}

/// A runtime with timers as tokio has them: rounded up to the next millisecond.
#[derive(Debug)]
struct Coarse {
    rt: Rt,
    start: Instant,
}

impl Coarse {
    fn rt(rt: &Rt) -> Rt {
        Rt::new(Self { rt: rt.clone(), start: rt.now() })
    }
}

impl Runtime for Coarse {
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>) {
        self.rt.runtime().spawn(name, future);
    }

    fn spawn_blocking(&self, name: &'static str, job: Box<dyn FnOnce() + Send>) {
        self.rt.runtime().spawn_blocking(name, job);
    }

    fn now(&self) -> Instant {
        self.rt.now()
    }

    fn wall_clock(&self) -> SystemTime {
        self.rt.wall_clock()
    }

    fn timer(&self, at: Instant) -> Pin<Box<dyn Timer>> {
        let millis = (at - self.start).as_nanos().div_ceil(1_000_000) as u32;
        Box::pin(CoarseTimer {
            start: self.start,
            timer: self.rt.runtime().timer(self.start + MILLI * millis),
        })
    }

    fn random_u64(&self) -> u64 {
        self.rt.runtime().random_u64()
    }

    fn net(&self) -> &dyn Net {
        self.rt.runtime().net()
    }
}

struct CoarseTimer {
    start: Instant,
    timer: Pin<Box<dyn Timer>>,
}

impl Future for CoarseTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.as_mut().poll(cx)
    }
}

impl Timer for CoarseTimer {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        let millis = (at - self.start).as_nanos().div_ceil(1_000_000) as u32;
        let at = self.start + MILLI * millis;
        self.timer.as_mut().reset(at);
    }
}

#[test]
fn with_late_timers_the_quota_is_reached_all_the_same() {
    for_each_seed(0..5, |rt| async move {
        let rt = Coarse::rt(&rt);
        let through_in_a_second = async |catch_up_max| {
            let quota = Quota::per_second(10_000);
            let config = Config { quota, catch_up_max, ..Config::default() };
            let limiter = RateLimiter::with_config(&rt, config).expect("a good config");
            let tasks: Vec<_> = (0..64)
                .map(|_| {
                    let limiter = limiter.clone();
                    rt.spawn("one of many", async move { while limiter.acquire(1).await.is_ok() {} })
                })
                .collect();
            rt.sleep(SECOND).await;
            drop(tasks);
            limiter.stats().waited
        };
        let caught_up = through_in_a_second(5 * MILLI).await;
        assert!((9_990..=10_000).contains(&caught_up), "{caught_up}");
        // What the late timer costs if nothing is caught up: one a millisecond is left.
        let strict = through_in_a_second(Duration::ZERO).await;
        assert!(strict <= 1_000, "{strict}");
    });
}
