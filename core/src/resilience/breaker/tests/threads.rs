//! The lock-free part, from several threads. There is no seed for these: they look for what must hold in any order.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use super::{
    super::{
        Config, Event, Outcome, State, Window,
        window::{Limit, Ring, Streak, Verdict},
    },
    breaker, config,
};
use crate::{rt::Rng, testing};
use futures::{FutureExt, StreamExt};

/// Two failures in three calls, or so, on each of four threads.
fn storm(report: impl Fn(&mut Rng) + Sync) {
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for number in 0..4 {
            let (barrier, report) = (&barrier, &report);
            scope.spawn(move || {
                let mut rng = Rng::from_seed(number);
                barrier.wait();
                (0..20_000).for_each(|_| report(&mut rng));
            });
        }
    });
}

const NEVER: Limit = Limit { calls_min: u32::MAX, percent: 100 };

#[test]
fn when_all_have_reported_the_count_is_that_of_the_bits() {
    for len in [1, 2, 5, 32, 100, 1000] {
        let ring = Ring::new(len, NEVER);
        storm(|rng| {
            assert_eq!(ring.report(0, rng.chance(2, 3)), Verdict::Counted);
            let (failures, calls) = ring.count();
            assert!(failures <= len && calls <= len);
        });
        assert_eq!(ring.counted(), ring.count().0, "of {len}");
        assert_eq!(ring.count().1, len);
        (0..len).for_each(|_| assert_eq!(ring.report(0, false), Verdict::Counted));
        assert_eq!((ring.counted(), ring.count()), (0, (0, len)));
    }
}

#[test]
fn reports_of_other_eras_leave_no_failure_behind() {
    let ring = Ring::new(10, Limit { calls_min: 1, percent: 100 });
    let era = AtomicU64::new(0);
    storm(|rng| {
        // The machine changes eras under its lock: one thread at a time.
        let now = era.load(Ordering::SeqCst);
        if rng.chance(1, 50)
            && now.is_multiple_of(2)
            && era.compare_exchange(now, now + 1, Ordering::SeqCst, Ordering::SeqCst).is_ok()
        {
            ring.start(now + 2);
            era.store(now + 2, Ordering::SeqCst);
        }
        // An era that nobody has a permit of any more, or that is about to end.
        let is_failure = rng.chance(1, 2);
        ring.report(now & !1, is_failure);
    });
    assert_eq!(ring.counted(), ring.count().0);
    let last = era.load(Ordering::SeqCst) & !1;
    (0..10).for_each(|_| assert_eq!(ring.report(last, false), Verdict::Counted));
    assert_eq!((ring.counted(), ring.count().0), (0, 0));
}

#[test]
fn enough_failures_on_several_threads_are_always_seen() {
    for round in 0..300_u64 {
        let ring = Ring::new(64, Limit { calls_min: 4, percent: 100 });
        let streak = Streak::new(4);
        let (of_ring, of_streak) = (AtomicU64::new(0), AtomicU64::new(0));
        let barrier = Barrier::new(4);
        ring.start(round);
        streak.start(round);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    barrier.wait();
                    let exceeded = |verdict| u64::from(matches!(verdict, Verdict::Exceeded { .. }));
                    of_ring.fetch_add(exceeded(ring.report(round, true)), Ordering::Relaxed);
                    of_streak.fetch_add(exceeded(streak.report(round, true)), Ordering::Relaxed);
                });
            }
        });
        assert!(of_ring.into_inner() >= 1);
        assert_eq!(of_streak.into_inner(), 1);
    }
}

#[test]
fn under_fire_probes_stay_bounded_and_no_transition_is_lost() {
    testing::run(1, |rt| async move {
        let config = Config {
            window: Window::Calls { last: 10 },
            // Over at the next look, though the test's clock stands still.
            open_for: crate::time::Backoff { jitter: crate::time::Jitter::Full, ..config().open_for },
            probes: 2,
            events_max: 1_000_000,
            ..config()
        };
        let breaker = breaker(&rt, config);
        let mut events = breaker.events();
        let probes = AtomicU64::new(0);
        storm(|rng| {
            if rng.chance(1, 200) {
                [super::super::CircuitBreaker::reset, super::super::CircuitBreaker::disable][rng.index(2)](
                    &breaker,
                );
            }
            let Ok(permit) = breaker.try_acquire() else {
                assert!(matches!(breaker.stats().generation, 1..));
                return;
            };
            if permit.is_probe() {
                probes.fetch_add(1, Ordering::Relaxed);
            }
            assert!(breaker.stats().probes_in_flight <= 2);
            permit.report([Outcome::Success, Outcome::Failure, Outcome::Ignored][rng.index(3)]);
        });
        let stats = breaker.stats();
        assert_eq!((stats.probes_in_flight, stats.probes), (0, probes.into_inner()));
        let mut state = State::Closed;
        for generation in 1..=stats.generation {
            let Some(Some(Event::Changed(transition))) = events.next().now_or_never() else {
                panic!("event {generation} is lost");
            };
            assert_eq!((transition.generation, transition.from), (generation, state));
            state = transition.to;
        }
        assert_eq!((state, events.next().now_or_never()), (stats.state, None));
    });
}
