use std::future::{pending, ready};

use futures::FutureExt;

use super::*;

#[test]
fn a_timeout_costs_nothing_if_the_result_is_there_at_once() {
    run(1, |inner| async move {
        let (rt, asked) = counting(inner);
        assert_eq!(rt.timeout(Duration::ZERO, ready(5)).await, Ok(5));
        assert_eq!((asked.timers(), asked.clock_reads()), (0, 0));
        assert!(rt.timeout(secs(1), pending::<()>()).await.is_err());
        assert_eq!((asked.timers(), asked.clock_reads()), (1, 1));
    });
}

#[test]
fn a_timeout_counts_from_the_first_pending() {
    run(1, |rt| async move {
        let timeout = rt.timeout(secs(5), pending::<()>());
        rt.sleep(secs(3)).await;
        let start = rt.now();
        let elapsed = timeout.await.expect_err("it never ends");
        assert_eq!((rt.now() - start, elapsed.limit), (secs(5), secs(5)));
        assert_eq!(elapsed.to_string(), "not finished within 5s");
    });
}

#[test]
fn a_result_wins_over_the_limit_of_the_same_instant() {
    for_each_seed(0..20, |rt| async move {
        assert_eq!(rt.timeout(secs(5), rt.sleep(secs(5))).await, Ok(()));
        assert!(rt.timeout(secs(5), rt.sleep(secs(5) + Duration::from_nanos(1))).await.is_err());
    });
}

/// When the ticks came and when they were due, in seconds, with work of 25 s after the second.
async fn ticks(rt: &Rt, missed: MissedTicks) -> Vec<(u64, u64)> {
    let start = rt.now();
    let mut interval = rt.interval(secs(10)).missed_ticks(missed);
    let mut ticks = Vec::new();
    for number in 0..6 {
        let due = interval.tick().await;
        ticks.push(((rt.now() - start).as_secs(), (due - start).as_secs()));
        if number == 1 {
            rt.sleep(secs(25)).await;
        }
    }
    ticks
}

#[test]
fn missed_ticks_are_skipped_delayed_or_made_up_for() {
    run(1, |rt| async move {
        let skipped = ticks(&rt, MissedTicks::Skip).await;
        assert_eq!(skipped, [(0, 0), (10, 10), (35, 20), (40, 40), (50, 50), (60, 60)]);
        let delayed = ticks(&rt, MissedTicks::Delay).await;
        assert_eq!(delayed, [(0, 0), (10, 10), (35, 20), (45, 45), (55, 55), (65, 65)]);
        let burst = ticks(&rt, MissedTicks::Burst).await;
        assert_eq!(burst, [(0, 0), (10, 10), (35, 20), (35, 30), (40, 40), (50, 50)]);
    });
}

#[test]
fn a_dropped_tick_is_not_lost() {
    run(1, |rt| async move {
        let start = rt.now();
        let mut interval = rt.interval(secs(10));
        assert_eq!(interval.tick().await, start);
        for _ in 0..3 {
            assert!(rt.timeout(secs(3), interval.tick()).await.is_err());
        }
        assert_eq!(interval.tick().await - start, secs(10));
        assert_eq!(rt.now() - start, secs(10));
    });
}

#[test]
#[should_panic(expected = "an interval needs a period above zero")]
fn an_interval_needs_a_period() {
    run(1, |rt| async move { drop(rt.interval(Duration::ZERO)) });
}

#[test]
fn an_interval_of_centuries_does_not_overflow() {
    run(1, |rt| async move {
        let mut interval = rt.interval(Duration::MAX);
        interval.tick().await;
        assert!(interval.tick().now_or_never().is_none());
    });
}

#[test]
fn a_loop_over_ready_results_lets_others_run_once_in_128() {
    run(1, |rt| async move {
        let turns = Count::default();
        let inside = turns.clone();
        let busy = rt.spawn("busy", async move {
            let mut coop = Coop::default();
            for _ in 0..1000 {
                coop.turn().await;
                inside.add();
            }
        });
        let mut stops = Vec::new();
        let mut last = 0;
        while !busy.is_finished() {
            yield_now().await;
            let now = turns.number();
            if now > last && now < 1000 {
                stops.push(now);
            }
            last = now;
        }
        assert!(stops.iter().all(|turns| turns % 128 == 0), "{stops:?}");
        assert!(!stops.is_empty());
    });
}

#[test]
fn waiting_starts_the_count_anew() {
    run(1, |_rt| async {
        let mut coop = Coop::default();
        for _ in 0..10 {
            for _ in 0..128 {
                assert!(coop.turn().now_or_never().is_some());
            }
            coop.waited();
        }
        for _ in 0..128 {
            assert!(coop.turn().now_or_never().is_some());
        }
        assert!(coop.turn().now_or_never().is_none());
        assert!(coop.turn().now_or_never().is_some());
    });
}

#[test]
fn forks_of_one_label_differ_and_do_not_shift_each_other() {
    let draw = |also_other: bool| {
        run(1, |rt| async move {
            let mut first = rt.rng("jitter");
            if also_other {
                rt.rng("other").next_u64();
                first.next_u64();
            }
            let mut second = rt.rng("jitter");
            (rt.rng("jitter").next_u64(), second.next_u64())
        })
    };
    assert_eq!(draw(false), draw(true));
    let (third, second) = draw(false);
    assert_ne!(third, second);
}

#[test]
fn a_reset_interval_ticks_from_then_on() {
    run(1, |rt| async move {
        let start = rt.now();
        let mut interval = rt.interval(Duration::from_secs(10));
        interval.reset(start + Duration::from_secs(3));
        assert_eq!(interval.tick().await - start, Duration::from_secs(3));
        assert_eq!(interval.tick().await - start, Duration::from_secs(13));
        interval.reset(start + Duration::from_secs(15));
        assert_eq!(interval.tick().await - start, Duration::from_secs(15));
        assert_eq!(rt.now() - start, Duration::from_secs(15));
    });
}
