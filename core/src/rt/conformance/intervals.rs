//! What an interval does about ticks that nobody was there for.

use std::time::{Duration, Instant};

use super::Case;
use crate::rt::{Interval, MissedTicks, Rt};

pub(super) const CASES: &[Case] = &[
    case!(an_interval_ticks_at_once_and_then_on_the_beat),
    case!(a_burst_makes_up_for_missed_ticks),
    case!(a_skip_stays_on_the_beat),
    case!(a_delay_counts_from_the_late_tick),
];

const PERIOD: Duration = Duration::from_millis(2);

/// An interval after its first tick, with three and a half periods gone since.
async fn late(rt: &Rt, missed: MissedTicks) -> (Interval, Instant) {
    let mut interval = rt.interval(PERIOD).missed_ticks(missed);
    let first = interval.tick().await;
    rt.sleep_until(first + PERIOD * 7 / 2).await;
    (interval, first)
}

async fn an_interval_ticks_at_once_and_then_on_the_beat(rt: Rt) {
    for missed in [MissedTicks::Skip, MissedTicks::Delay, MissedTicks::Burst] {
        let before = rt.now();
        let mut interval = rt.interval(PERIOD).missed_ticks(missed);
        let mut last = interval.tick().await;
        assert!((before..=rt.now()).contains(&last), "the first tick is due when the interval is made");
        for _ in 0..3 {
            let due = interval.tick().await;
            assert!(due >= last + PERIOD, "{missed:?}: two ticks in one period");
            assert!(due <= rt.now(), "{missed:?}: a tick came early");
            last = due;
        }
    }
}

async fn a_burst_makes_up_for_missed_ticks(rt: Rt) {
    let (mut interval, first) = late(&rt, MissedTicks::Burst).await;
    for n in 1..=5 {
        assert_eq!(interval.tick().await, first + PERIOD * n, "each tick is handed out");
        assert!(rt.now() >= first + PERIOD * n);
    }
}

async fn a_skip_stays_on_the_beat(rt: Rt) {
    let (mut interval, first) = late(&rt, MissedTicks::Skip).await;
    let handed_out_after = rt.now();
    let missed = interval.tick().await;
    let next = interval.tick().await;
    assert!(first < missed && missed < next);
    assert!(next > handed_out_after, "ticks that have passed are left out");
    for due in [missed, next] {
        assert_eq!((due - first).as_nanos() % PERIOD.as_nanos(), 0, "off the beat of the first tick");
    }
    assert!(rt.now() >= next);
}

async fn a_delay_counts_from_the_late_tick(rt: Rt) {
    let (mut interval, first) = late(&rt, MissedTicks::Delay).await;
    let handed_out_after = rt.now();
    assert!(interval.tick().await >= first + PERIOD);
    let next = interval.tick().await;
    assert!(next >= handed_out_after + PERIOD, "the next tick is a whole period away");
    assert!(rt.now() >= next);
}
