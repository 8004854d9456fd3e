//! How often who is woken.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Wake,
};

use super::{
    super::pacer::{Order, Pacer},
    *,
};
use crate::testing::{for_each_seed, try_run};

#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Of the waiters themselves: each is woken once, when it is its turn.
#[test]
fn each_waiter_is_woken_once() {
    for_each_seed(0..20, |rt| async move {
        let limiter = limiter(&rt, Quota::per_second(1000).burst(3));
        limiter.try_acquire(3).expect("a full bucket");
        let counter = Arc::new(Counter::default());
        let waker = Waker::from(counter.clone());
        let mut rng = rt.rng("wakes");
        let mut waiting = Vec::new();
        for _ in 0..200 {
            let mut acquiring = limiter.acquire(1 + rng.below(3) as u32);
            assert!(acquiring.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
            waiting.push(acquiring);
        }
        let mut dropped = 0;
        for turn in 0..50 {
            rt.sleep(Duration::from_millis(rng.below(10))).await;
            let index = rng.index(waiting.len());
            drop(waiting.swap_remove(index));
            dropped += 1;
            if turn % 10 == 0 {
                let quota = Quota::per_second(500 + rng.below(1000) as u32).burst(3);
                limiter.set_quota(quota).expect("a good quota");
            }
        }
        rt.sleep(5 * SECOND).await;
        let wakes = counter.0.load(Ordering::Relaxed);
        assert!(wakes >= 200 - dropped && wakes <= 200, "{wakes} wakes of 200 waiters");
        assert!(waiting.iter_mut().all(|acquiring| poll(acquiring).is_ready()));
    });
}

/// Of the whole: the polls of all tasks are counted by the test runtime.
#[test]
fn wakes_do_not_exceed_waiters_cancellations_and_changes() {
    const WAITERS: u64 = 300;
    const CANCELLED: u64 = 100;
    const CHANGES: u64 = 10;
    for seed in 0..10 {
        let finished = try_run(seed, |rt| async move {
            let limiter = limiter(&rt, Quota::per_second(1000));
            limiter.try_acquire(1).expect("the first");
            let mut waiting: Vec<_> = (0..WAITERS).map(|_| rt.spawn("waiter", limiter.acquire(1))).collect();
            rt.sleep(Duration::from_micros(1)).await;
            for cancelled in 0..CANCELLED {
                rt.sleep(Duration::from_micros(100)).await;
                drop(waiting.swap_remove((cancelled * 7 % waiting.len() as u64) as usize));
                if cancelled % (CANCELLED / CHANGES) == 0 {
                    limiter.set_quota(Quota::per_second(1000 + cancelled as u32)).expect("a good quota");
                }
            }
            rt.sleep(10 * SECOND).await;
            assert_eq!(limiter.stats().waiting, 0);
        });
        let polls = finished.expect("no failure").stats.polls;
        // Each waiter is polled when it comes, and when it has its turn or is cancelled; the pacer once for each slot,
        // cancellation and change; the root once for each sleep.
        let most = 2 * WAITERS + (WAITERS + CANCELLED + CHANGES) + (CANCELLED + 5);
        assert!(polls <= most, "seed {seed}: {polls} polls, {most} at most");
    }
}

#[test]
fn the_pacer_is_told_only_what_it_does_not_know() {
    let mut pacer = Pacer::default();
    assert!(matches!(pacer.settle(None), Order::Nothing), "nobody waits");
    assert!(matches!(pacer.settle(Some(10)), Order::Start));
    assert!(matches!(pacer.settle(Some(5)), Order::Nothing), "it is on its way");
    pacer.paced(Some(5));
    assert!(matches!(pacer.settle(Some(5)), Order::Nothing));
    assert!(matches!(pacer.settle(Some(9)), Order::Nothing), "it comes early enough");
    assert!(matches!(pacer.settle(Some(4)), Order::Nudge));
    assert!(matches!(pacer.settle(Some(3)), Order::Nothing), "it is on its way");
    pacer.paced(Some(3));
    assert!(matches!(pacer.settle(None), Order::Nudge), "it is to end");
    pacer.paced(None);
    assert!(matches!(pacer.settle(Some(7)), Order::Start));
}

#[test]
fn the_pacer_lives_only_while_some_wait() {
    let stop = try_run(1, |rt| async move {
        let limiter = limiter(&rt, Quota::per_second(1));
        limiter.acquire(1).await.expect("the first");
        limiter.acquire(1).await.expect("no deadline");
        // One that waits for an hour and is dropped leaves no timer behind.
        limiter.set_quota(Quota::per(1, 3600 * SECOND)).expect("a good quota");
        let mut waiting = limiter.acquire(1);
        assert!(poll(&mut waiting).is_pending());
        rt.sleep(SECOND).await;
        drop(waiting);
        std::future::pending::<()>().await;
    });
    let report = stop.expect_err("only the root waits").to_string();
    assert!(report.contains("deadlock") && !report.contains("limit.pacer"), "{report}");
}
