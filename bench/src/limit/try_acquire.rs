//! One token, without waiting.

use std::{hint::black_box, num::NonZeroU32, time::Duration};

use governor::DefaultDirectRateLimiter;
use seaworthy_core::limit::{Quota, RateLimiter};

use crate::{
    harness::{Comparison, Meter, Settings, Table},
    runtimes::OnTokio,
};

const HOUR: Duration = Duration::from_secs(3600);
/// So many a second that there is always one more.
const PLENTY: u32 = 1_000_000_000;

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    let tokio = OnTokio::current_thread();
    vec![through(settings, &tokio), refused(settings, &tokio)]
}

fn through(settings: Settings, tokio: &OnTokio) -> Table {
    let times = settings.size(2_000_000);
    let plenty = NonZeroU32::new(PLENTY).expect("more than none");
    let ours = RateLimiter::new(&tokio.rt, Quota::per_second(PLENTY).burst(PLENTY)).expect("a good quota");
    let governor = DefaultDirectRateLimiter::direct(governor::Quota::per_second(plenty));
    let _entered = tokio.enter();
    let leaky = leaky_bucket::RateLimiter::builder().max(times * 100).initial(times * 100).build();
    Comparison::new("try_acquire of 1, let through", "ns", times)
        .pinned()
        .target(1.1)
        .ours("RateLimiter::try_acquire", |meter| {
            repeat(meter, times, || ours.try_acquire(black_box(1)).is_ok());
        })
        .peer("governor, check", |meter| repeat(meter, times, || governor.check().is_ok()))
        .reference("leaky-bucket, try_acquire", |meter| {
            repeat(meter, times, || leaky.try_acquire(black_box(1)));
        })
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
    let _entered = tokio.enter();
    let leaky = leaky_bucket::RateLimiter::builder().max(1).initial(0).interval(HOUR).build();
    Comparison::new("try_acquire of 1, refused", "ns", times)
        .pinned()
        .target(1.1)
        .ours("RateLimiter::try_acquire", |meter| {
            repeat(meter, times, || ours.try_acquire(black_box(1)).is_err());
        })
        .peer("governor, check", |meter| repeat(meter, times, || governor.check().is_err()))
        .peer("leaky-bucket, try_acquire", |meter| {
            repeat(meter, times, || !leaky.try_acquire(black_box(1)));
        })
        .run(settings)
}

fn repeat(meter: &mut Meter, times: usize, mut once: impl FnMut() -> bool) {
    let expected = meter.time(|| (0..times).filter(|_| once()).count());
    assert_eq!(expected, times, "each time as expected");
}
