//! One token, without waiting.

use std::{hint::black_box, num::NonZeroU32, sync::Barrier, thread, time::Duration};

use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, clock::MonotonicClock};
use seaworthy_core::limit::{KeyedRateLimiter, Quota, RateLimiter, keyed};

use crate::{
    harness::{Comparison, Meter, Settings, Table},
    runtimes::OnTokio,
};

const HOUR: Duration = Duration::from_secs(3600);
/// So many a second that there is always one more.
const PLENTY: u32 = 1_000_000_000;

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    let tokio = OnTokio::current_thread();
    // The one on two threads first: the others pin this one.
    let by_two = keyed(settings, &tokio, 2);
    vec![through(settings, &tokio), refused(settings, &tokio), keyed(settings, &tokio, 1), by_two]
}

fn through(settings: Settings, tokio: &OnTokio) -> Table {
    let times = settings.size(2_000_000);
    let plenty = NonZeroU32::new(PLENTY).expect("more than none");
    let ours = RateLimiter::new(&tokio.rt, Quota::per_second(PLENTY).burst(PLENTY)).expect("a good quota");
    let governor = DefaultDirectRateLimiter::direct(governor::Quota::per_second(plenty));
    let monotonic =
        governor::RateLimiter::direct_with_clock(governor::Quota::per_second(plenty), MonotonicClock);
    let _entered = tokio.enter();
    let leaky = leaky_bucket::RateLimiter::builder().max(times * 100).initial(times * 100).build();
    Comparison::new("try_acquire of 1, let through", "ns", times)
        .pinned()
        .target(1.1)
        .ours("RateLimiter::try_acquire", |meter| {
            repeat(meter, times, || ours.try_acquire(black_box(1)).is_ok());
        })
        .peer("governor, check", |meter| repeat(meter, times, || governor.check().is_ok()))
        .reference("governor on the system's clock", |meter| {
            repeat(meter, times, || monotonic.check().is_ok());
        })
        .reference("leaky-bucket, try_acquire", |meter| {
            repeat(meter, times, || leaky.try_acquire(black_box(1)));
        })
        .note(CLOCKS)
        .note("As long as leaky-bucket has tokens left from its last refill it does not look at the clock.")
        .run(settings)
}

fn refused(settings: Settings, tokio: &OnTokio) -> Table {
    let times = settings.size(2_000_000);
    let one = governor::Quota::with_period(HOUR).expect("more than no time");
    let ours = RateLimiter::new(&tokio.rt, Quota::per(1, HOUR)).expect("a good quota");
    ours.try_acquire(1).expect("the first");
    let governor = DefaultDirectRateLimiter::direct(one);
    governor.check().expect("the first");
    let monotonic = governor::RateLimiter::direct_with_clock(one, MonotonicClock);
    monotonic.check().expect("the first");
    let _entered = tokio.enter();
    let leaky = leaky_bucket::RateLimiter::builder().max(1).initial(0).interval(HOUR).build();
    Comparison::new("try_acquire of 1, refused", "ns", times)
        .pinned()
        .target(1.1)
        .ours("RateLimiter::try_acquire", |meter| {
            repeat(meter, times, || ours.try_acquire(black_box(1)).is_err());
        })
        .peer("governor, check", |meter| repeat(meter, times, || governor.check().is_err()))
        .reference("governor on the system's clock", |meter| {
            repeat(meter, times, || monotonic.check().is_err());
        })
        .peer("leaky-bucket, try_acquire", |meter| {
            repeat(meter, times, || !leaky.try_acquire(black_box(1)));
        })
        .note(CLOCKS)
        .run(settings)
}

fn keyed(settings: Settings, tokio: &OnTokio, threads: usize) -> Table {
    let times = settings.size(1_000_000);
    let keys = settings.size(10_000) as u64;
    let plenty = NonZeroU32::new(PLENTY).expect("more than none");
    let config = keyed::Config::default();
    let ours = KeyedRateLimiter::new(&tokio.rt, Quota::per_second(PLENTY).burst(PLENTY), config);
    let ours = ours.expect("a good config");
    let governor = DefaultKeyedRateLimiter::keyed(governor::Quota::per_second(plenty));
    // A prime apart, so that neighbours do not share a cache line.
    let all = || (0..times as u64).map(|number| number * 7919 % keys);
    let by = if threads == 1 { "" } else { ", by each of two threads" };
    let title = format!("try_acquire of 1 for one of {keys} keys, let through{by}");
    let comparison = Comparison::new(title, "ns", times);
    let comparison = if threads == 1 { comparison.pinned() } else { comparison };
    comparison
        .ours("KeyedRateLimiter::try_acquire", |meter| {
            repeat_by(meter, threads, times, || {
                let mut keys = all();
                let ours = &ours;
                move || keys.next().is_some_and(|key| ours.try_acquire(&key, 1).is_ok())
            });
        })
        .peer("governor, check_key", |meter| {
            repeat_by(meter, threads, times, || {
                let mut keys = all();
                let governor = &governor;
                move || keys.next().is_some_and(|key| governor.check_key(&key).is_ok())
            });
        })
        .note(CLOCKS)
        .run(settings)
}

const CLOCKS: &str =
    "Ours asks the runtime for the time, as all else does; governor reads the processor's counter by itself.";

fn repeat(meter: &mut Meter, times: usize, mut once: impl FnMut() -> bool) {
    let expected = meter.time(|| (0..times).filter(|_| once()).count());
    assert_eq!(expected, times, "each time as expected");
}

/// As [`repeat`], by each of so many threads at the same time.
fn repeat_by<O: FnMut() -> bool>(
    meter: &mut Meter,
    threads: usize,
    times: usize,
    start: impl Fn() -> O + Sync,
) {
    if threads == 1 {
        return repeat(meter, times, start());
    }
    let barrier = Barrier::new(threads + 1);
    thread::scope(|scope| {
        let work = || {
            let mut once = start();
            barrier.wait();
            let expected = (0..times).filter(|_| once()).count();
            barrier.wait();
            assert_eq!(expected, times, "each time as expected");
        };
        (0..threads).for_each(|_| drop(scope.spawn(work)));
        barrier.wait();
        meter.time(|| barrier.wait());
    });
}
