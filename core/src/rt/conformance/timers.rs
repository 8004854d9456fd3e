//! When timers end, and how they are moved.

use std::{
    future::{Future, poll_fn, ready},
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{channel::oneshot, future::join_all};
use parking_lot::Mutex;

use super::{Case, bytes::poll_once, pair::Living};
use crate::rt::{Elapsed, Rt, Sleep, yield_now};

pub(super) const CASES: &[Case] = &[
    case!(a_timer_is_never_early),
    case!(a_timer_in_the_past_ends),
    case!(no_timer_ends_before_an_earlier_one),
    case!(the_timers_of_many_tasks_all_end),
    case!(a_timer_can_be_moved_earlier),
    case!(a_timer_can_be_moved_later),
    case!(a_timer_can_be_used_again_after_it_ended),
    case!(a_moved_timer_wakes_its_task_without_another_poll),
    case!(a_timer_serves_the_task_that_polled_it_last),
    case!(a_hundred_thousand_timers_are_made_polled_and_dropped),
    case!(a_timer_in_the_far_future_does_not_overflow),
    case!(the_longest_sleep_fits_in_a_timeout),
    case!(a_timeout_drops_what_it_cut_off),
    case!(a_result_wins_over_its_timeout),
    case!(a_background_timer_ends_like_any_other),
];

const HOUR: Duration = Duration::from_secs(3600);
const MILLI: Duration = Duration::from_millis(1);

#[track_caller]
fn assert_reached(rt: &Rt, at: Instant) {
    let early = at.saturating_duration_since(rt.now());
    assert!(early.is_zero(), "the timer ended {early:?} early");
}

async fn a_timer_is_never_early(rt: Rt) {
    for micros in [0, 1, 10, 100, 499, 500, 501, 999, 1000, 1001, 1500, 1999, 2500, 3001] {
        let at = rt.now() + Duration::from_micros(micros) + Duration::from_nanos(1);
        rt.sleep_until(at).await;
        assert_reached(&rt, at);
        let start = rt.now();
        rt.sleep(Duration::from_micros(micros)).await;
        assert_reached(&rt, start + Duration::from_micros(micros));
    }
}

async fn a_timer_in_the_past_ends(rt: Rt) {
    let now = rt.now();
    rt.sleep_until(now).await;
    if let Some(past) = now.checked_sub(MILLI) {
        rt.sleep_until(past).await;
    }
    rt.sleep(Duration::ZERO).await;
}

async fn no_timer_ends_before_an_earlier_one(rt: Rt) {
    for last in [0, 3, 7] {
        let start = rt.now();
        let mut timers: [Option<Sleep>; 8] = Default::default();
        // Made in an order that is not theirs.
        for place in [5, 2, 7, 0, 3, 6, 1, 4] {
            let mut timer = rt.sleep_until(start + MILLI * (place + 1));
            let pending = poll_once(&mut timer).await.is_pending();
            timers[place as usize] = pending.then_some(timer);
        }
        if let Some(timer) = timers[last].take() {
            timer.await;
        }
        for (place, timer) in timers[..last].iter_mut().enumerate() {
            let Some(timer) = timer else { continue };
            assert!(
                poll_once(timer).await.is_ready(),
                "timer {last} has ended, and {place} before it has not"
            );
        }
    }
}

async fn the_timers_of_many_tasks_all_end(rt: Rt) {
    let tasks = (0..1000_u64).map(|n| {
        let sleeper = rt.clone();
        rt.spawn("sleeper", async move {
            let at = sleeper.now() + Duration::from_micros(n * 7 % 5000);
            sleeper.sleep_until(at).await;
            assert_reached(&sleeper, at);
        })
    });
    for ended in join_all(tasks).await {
        ended.expect("no sleeper woke early");
    }
}

async fn a_timer_can_be_moved_earlier(rt: Rt) {
    let mut timer = rt.sleep(HOUR);
    assert!(poll_once(&mut timer).await.is_pending());
    let at = rt.now() + MILLI;
    timer.reset(at);
    timer.await;
    assert_reached(&rt, at);

    let mut unpolled = rt.sleep(HOUR);
    unpolled.reset(rt.now());
    unpolled.await;
}

async fn a_timer_can_be_moved_later(rt: Rt) {
    let mut timer = rt.sleep(MILLI);
    // On a slow machine the first time has passed already; the move counts all the same.
    let _ = poll_once(&mut timer).await;
    let at = rt.now() + 4 * MILLI;
    timer.reset(at);
    timer.await;
    assert_reached(&rt, at);
}

async fn a_timer_can_be_used_again_after_it_ended(rt: Rt) {
    let mut timer = rt.sleep(MILLI);
    (&mut timer).await;
    for _ in 0..3 {
        let at = rt.now() + MILLI;
        timer.reset(at);
        (&mut timer).await;
        assert_reached(&rt, at);
    }
    // Also when nobody has seen it end.
    timer.reset(rt.now() + MILLI);
    let _ = poll_once(&mut timer).await;
    rt.sleep(2 * MILLI).await;
    let at = rt.now() + MILLI;
    timer.reset(at);
    timer.await;
    assert_reached(&rt, at);
}

/// A timer that one task polls and another moves.
type Shared = Arc<Mutex<Sleep>>;

async fn wait_for(timer: Shared, polled: oneshot::Sender<()>) {
    let mut polled = Some(polled);
    poll_fn(|cx| {
        let state = Pin::new(&mut *timer.lock()).poll(cx);
        if let Some(polled) = polled.take() {
            let _ = polled.send(());
        }
        state
    })
    .await;
}

async fn a_moved_timer_wakes_its_task_without_another_poll(rt: Rt) {
    let timer: Shared = Arc::new(Mutex::new(rt.sleep(HOUR)));
    let (polled, was_polled) = oneshot::channel();
    let task = rt.spawn("waits", wait_for(Arc::clone(&timer), polled));
    was_polled.await.expect("it is polled");
    let at = rt.now() + MILLI;
    timer.lock().reset(at);
    task.await.expect("the move reaches the task, which nobody polls");
    assert_reached(&rt, at);
}

async fn a_timer_serves_the_task_that_polled_it_last(rt: Rt) {
    let timer: Shared = Arc::new(Mutex::new(rt.sleep(HOUR)));
    let (polled, was_polled) = oneshot::channel();
    let first = rt.spawn("first", wait_for(Arc::clone(&timer), polled));
    was_polled.await.expect("the first polls it");
    let (polled, was_polled) = oneshot::channel();
    let second = rt.spawn("second", wait_for(Arc::clone(&timer), polled));
    was_polled.await.expect("the second polls it");
    timer.lock().reset(rt.now() + MILLI);
    second.await.expect("the last poll's waker is the one that counts");
    drop(first);
}

async fn a_hundred_thousand_timers_are_made_polled_and_dropped(rt: Rt) {
    let mut kept = Vec::new();
    for n in 0..100_000_u32 {
        let mut timer = rt.sleep(HOUR + Duration::from_micros(u64::from(n * 7919 % 100_000)));
        assert!(poll_once(&mut timer).await.is_pending());
        if n % 10 == 0 {
            kept.push(timer);
        }
        if n % 1000 == 0 {
            yield_now().await;
        }
    }
    drop(kept);
    let at = rt.now() + MILLI;
    rt.sleep_until(at).await;
    assert_reached(&rt, at);
}

async fn a_timer_in_the_far_future_does_not_overflow(rt: Rt) {
    let now = rt.now();
    let mut farthest = now;
    for bit in (0..64).rev() {
        farthest = farthest.checked_add(Duration::from_secs(1 << bit)).unwrap_or(farthest);
    }
    assert!(farthest > now + HOUR);
    for at in [farthest, rt.instant_after(Duration::MAX), now + 1000 * 365 * 24 * HOUR] {
        let mut far = rt.sleep_until(at);
        assert!(poll_once(&mut far).await.is_pending());
        rt.sleep(MILLI).await;
        assert!(poll_once(&mut far).await.is_pending(), "a timer far away ended");
        let mut moved = rt.sleep(MILLI);
        moved.reset(at);
        assert!(poll_once(&mut moved).await.is_pending());
        moved.reset(rt.now() + MILLI);
        moved.await;
    }
}

async fn the_longest_sleep_fits_in_a_timeout(rt: Rt) {
    let cut_off = rt.timeout(MILLI, rt.sleep(Duration::MAX)).await;
    assert!(matches!(cut_off, Err(Elapsed { limit: MILLI, .. })), "{cut_off:?}");
    let value = rt.timeout(Duration::MAX, async {
        yield_now().await;
        5
    });
    assert_eq!(value.await.expect("in time"), 5);
}

async fn a_timeout_drops_what_it_cut_off(rt: Rt) {
    let living = Living::default();
    let alive = living.one();
    let endless = async move {
        let _alive = alive;
        std::future::pending::<()>().await;
    };
    assert!(rt.timeout(MILLI, endless).await.is_err());
    assert_eq!(living.count(), 0);
}

async fn a_result_wins_over_its_timeout(rt: Rt) {
    assert_eq!(rt.timeout(Duration::ZERO, ready(5)).await.expect("ready at once"), 5);
}

async fn a_background_timer_ends_like_any_other(rt: Rt) {
    let at = rt.now() + MILLI;
    rt.background_timer(at).await;
    assert_reached(&rt, at);
    let mut timer = rt.background_timer(rt.now() + HOUR);
    assert!(poll_once(&mut timer).await.is_pending());
    timer.reset(rt.now() + MILLI);
    timer.await;
}
