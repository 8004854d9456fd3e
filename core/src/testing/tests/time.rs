use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Instant, SystemTime},
};

use futures::task::noop_waker;
use parking_lot::Mutex;

use futures::FutureExt;

use super::*;

#[test]
fn an_hour_passes_at_once_and_to_the_nanosecond() {
    let finished = try_run(1, |rt| async move {
        let start = (rt.now(), rt.wall_clock());
        rt.sleep(Duration::new(1800, 1)).await;
        assert_eq!(rt.now() - start.0, Duration::new(1800, 1));
        assert_eq!(rt.wall_clock().duration_since(start.1).expect("later"), Duration::new(1800, 1));
        rt.wall_clock()
    });
    let finished = finished.expect("well");
    assert_eq!(finished.stats.virtual_time, Duration::new(1800, 1));
    assert_eq!(finished.stats.time_jumps, 1);
    let new_year_2026 = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    assert_eq!(finished.value, new_year_2026 + Duration::new(1800, 1));
}

#[test]
fn time_stands_still_while_anything_can_go_on() {
    run(1, |rt| async move {
        let start = rt.now();
        let _timer = rt.spawn("timer", rt.sleep(Duration::from_nanos(1)));
        for _ in 0..100 {
            yield_now().await;
            assert_eq!(rt.now(), start);
        }
    });
}

#[test]
fn timers_of_one_instant_all_fire_at_it_in_the_order_they_were_set() {
    run(1, |rt| async move {
        // Woken straight from the queue of timers: tasks would be put into an order of the seed.
        struct Note(usize, Arc<Mutex<Vec<usize>>>);
        impl std::task::Wake for Note {
            fn wake(self: Arc<Self>) {
                self.1.lock().push(self.0);
            }
        }
        let fired = Arc::new(Mutex::new(Vec::new()));
        let start = rt.now();
        let mut sleeps: Vec<_> =
            [5, 3, 5, 4, 5].map(|millis| rt.sleep_until(start + ms(millis))).into_iter().collect();
        for (number, sleep) in sleeps.iter_mut().enumerate() {
            let waker = Arc::new(Note(number, Arc::clone(&fired))).into();
            assert!(Pin::new(sleep).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        rt.sleep_until(start + ms(5)).await;
        assert_eq!(*fired.lock(), [1, 3, 0, 2, 4]);
        assert_eq!(rt.now(), start + ms(5));
        for sleep in sleeps {
            sleep.await;
        }
        assert_eq!(rt.now(), start + ms(5));
    });
}

#[test]
fn a_timer_is_moved_earlier_later_and_again_after_it_fired() {
    run(1, |rt| async move {
        let start = rt.now();
        let at = |seconds| start + secs(seconds);
        let mut sleep = rt.sleep(secs(10));
        assert!((&mut sleep).now_or_never().is_none());
        sleep.reset(at(2));
        (&mut sleep).await;
        assert_eq!(rt.now(), at(2));
        sleep.reset(at(5));
        assert!((&mut sleep).now_or_never().is_none());
        sleep.reset(at(20));
        (&mut sleep).await;
        assert_eq!(rt.now(), at(20));
        sleep.reset(at(1));
        assert!((&mut sleep).now_or_never().is_some());
    });
}

#[test]
fn a_waiting_task_is_woken_at_the_new_time_without_being_polled() {
    run(1, |rt| async move {
        for new in [0, 3, 30] {
            let start = rt.now();
            let sleep = Arc::new(Mutex::new(rt.sleep(secs(10))));
            let inside = Arc::clone(&sleep);
            let waiter = rt.spawn("waiter", async move {
                std::future::poll_fn(|cx| Pin::new(&mut *inside.lock()).poll(cx)).await;
            });
            yield_until_idle().await;
            sleep.lock().reset(start + secs(new));
            waiter.await.expect("no panic");
            assert_eq!(rt.now() - start, secs(new));
        }
    });
}

async fn yield_until_idle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

#[test]
fn a_timer_follows_the_waker_of_its_last_poll() {
    run(1, |rt| async move {
        let mut sleep = rt.sleep(secs(1));
        let nobody = noop_waker();
        assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&nobody)).is_pending());
        sleep.await;
    });
}

#[test]
fn the_far_future_and_the_past_are_times_as_well() {
    let stop = stop(1, |rt| async move {
        let past: Instant = rt.now() - secs(3600);
        rt.sleep_until(past).await;
        rt.sleep(Duration::ZERO).await;
        let waited = rt.timeout(secs(1), rt.sleep(Duration::MAX)).await;
        assert!(waited.is_err());
        rt.sleep(Duration::MAX).await;
    });
    assert!(matches!(stop.reason, StopReason::TimeLimit { .. }), "{stop}");
    assert_eq!(stop.stats.virtual_time, secs(1));
}

#[test]
fn a_dropped_timer_leaves_nothing_to_wait_for() {
    let stop = stop(1, |rt| async move {
        let mut sleep = rt.sleep(secs(10));
        assert!((&mut sleep).now_or_never().is_none());
        drop(sleep);
        std::future::pending::<()>().await;
    });
    assert!(matches!(stop.reason, StopReason::Deadlock { background_timers: 0, .. }), "{stop}");
    assert_eq!(stop.stats.virtual_time, Duration::ZERO);
}

#[test]
fn background_timers_fire_on_the_way_but_are_no_reason_to_go_on() {
    let stop = stop(1, |rt| async move {
        let ticks = Arc::new(Mutex::new(0));
        let (rt_inside, ticks_inside) = (rt.clone(), Arc::clone(&ticks));
        let reaper = async move {
            loop {
                rt_inside.background_timer(rt_inside.now() + secs(1)).await;
                *ticks_inside.lock() += 1;
            }
        };
        rt.spawn("reaper", reaper).detach();
        rt.sleep(ms(3500)).await;
        assert_eq!(*ticks.lock(), 3);
        std::future::pending::<()>().await;
    });
    let StopReason::Deadlock { waiting, background_timers: 1 } = &stop.reason else { panic!("{stop}") };
    assert_eq!(waiting.iter().collect::<Vec<_>>(), [("reaper", 1), ("root", 1)]);
    assert_eq!(stop.stats.virtual_time, ms(3500));
}

#[test]
fn a_moved_timer_keeps_its_ground() {
    let stop = stop(1, |rt| async move {
        let mut reaper = rt.background_timer(rt.now() + secs(1));
        assert!((&mut reaper).now_or_never().is_none());
        reaper.reset(rt.now() + secs(2));
        let mut plain = rt.sleep(secs(5));
        assert!((&mut plain).now_or_never().is_none());
        plain.reset(rt.now() + secs(1));
        (&mut plain).await;
        reaper.await;
    });
    assert!(matches!(stop.reason, StopReason::Deadlock { background_timers: 1, .. }), "{stop}");
    assert_eq!(stop.stats.virtual_time, secs(1));
}

#[test]
fn a_hundred_thousand_timers_end_in_time() {
    run(1, |rt| async move {
        let start = rt.now();
        let mut rng = rt.rng("delays");
        let tasks: Vec<_> = (0..100_000)
            .map(|_| {
                let delay = rng.duration(Duration::ZERO, secs(60));
                let rt = rt.clone();
                rt.clone().spawn("sleeper", async move {
                    rt.sleep(delay).await;
                    rt.now() - start == delay
                })
            })
            .collect();
        for task in tasks {
            assert!(task.await.expect("no panic"), "early or late");
        }
    });
}

#[test]
fn a_timer_can_be_polled_by_another_executor() {
    run(1, |rt| async move {
        let mut sleep = rt.sleep(Duration::ZERO);
        let polled = std::thread::scope(|scope| {
            let poll = || Pin::new(&mut sleep).poll(&mut Context::from_waker(&noop_waker()));
            scope.spawn(poll).join().expect("no panic")
        });
        assert_eq!(polled, Poll::Ready(()));
    });
}
