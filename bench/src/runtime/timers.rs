//! Timers and time limits.

use std::{
    future::{Future, poll_fn, ready},
    hint::black_box,
    pin::pin,
    task::Poll,
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use seaworthy_core::rt::yield_now;

use crate::{
    harness::{Comparison, Settings, Table},
    runtimes::{OnSmol, OnTokio},
};

const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    let tokio = OnTokio::current_thread();
    let smol = OnSmol::new();
    vec![
        ready_in_time(settings, &tokio),
        in_time(settings, &tokio),
        dropped_on_tokio(settings, &tokio),
        dropped_on_smol(settings, &smol),
        many_on_tokio(settings, &tokio),
        many_on_smol(settings, &smol),
    ]
}

fn ready_in_time(settings: Settings, tokio: &OnTokio) -> Table {
    let times = settings.size(1_000_000);
    Comparison::new("A time limit over a future that is ready", "ns", times)
        .pinned()
        .target(0.25)
        .ours("Rt::timeout", |meter| {
            let repeated = repeat(times, || tokio.rt.timeout(HOUR, black_box(ready(1))));
            meter.time(|| tokio.block_on(repeated));
        })
        .peer("tokio::time::timeout", |meter| {
            let repeated = repeat(times, || tokio::time::timeout(HOUR, black_box(ready(1))));
            meter.time(|| tokio.block_on(repeated));
        })
        .run(settings)
}

fn in_time(settings: Settings, tokio: &OnTokio) -> Table {
    let times = settings.size(200_000);
    Comparison::new("A time limit over a future that yields once", "ns", times)
        .pinned()
        .ours("Rt::timeout", |meter| {
            let repeated = repeat(times, || tokio.rt.timeout(HOUR, yield_now()));
            meter.time(|| tokio.block_on(repeated));
        })
        .peer("tokio::time::timeout", |meter| {
            let repeated = repeat(times, || tokio::time::timeout(HOUR, yield_now()));
            meter.time(|| tokio.block_on(repeated));
        })
        .run(settings)
}

fn dropped_on_tokio(settings: Settings, tokio: &OnTokio) -> Table {
    let times = settings.size(500_000);
    Comparison::new("A timer that is made, polled once and dropped, tokio", "ns", times)
        .pinned()
        .ours("Rt::sleep", |meter| {
            let repeated = repeat(times, || poll_once(tokio.rt.sleep(HOUR)));
            meter.time(|| tokio.block_on(repeated));
        })
        .peer("tokio::time::sleep", |meter| {
            let repeated = repeat(times, || poll_once(tokio::time::sleep(HOUR)));
            meter.time(|| tokio.block_on(repeated));
        })
        .run(settings)
}

fn dropped_on_smol(settings: Settings, smol: &OnSmol) -> Table {
    let times = settings.size(200_000);
    Comparison::new("A timer that is made, polled once and dropped, smol", "ns", times)
        .pinned()
        .ours("Rt::sleep", |meter| {
            let repeated = repeat(times, || poll_once(smol.rt.sleep(HOUR)));
            meter.time(|| smol.block_on(repeated));
        })
        .peer("async_io::Timer", |meter| {
            let repeated = repeat(times, || poll_once(async_io::Timer::after(HOUR)));
            meter.time(|| smol.block_on(repeated));
        })
        .run(settings)
}

fn many_on_tokio(settings: Settings, tokio: &OnTokio) -> Table {
    let sleeps = settings.size(10_000);
    Comparison::new("Sleeps of 1 to 20 ms side by side, tokio", "ns/sleep", sleeps)
        .pinned()
        .ours("Rt::sleep", |meter| {
            meter.time(|| tokio.block_on(side_by_side(sleeps, |duration| tokio.rt.sleep(duration))));
        })
        .peer("tokio::time::sleep", |meter| {
            meter.time(|| tokio.block_on(side_by_side(sleeps, tokio::time::sleep)));
        })
        .note(format!("{sleeps} at once."))
        .run(settings)
}

fn many_on_smol(settings: Settings, smol: &OnSmol) -> Table {
    let sleeps = settings.size(10_000);
    Comparison::new("Sleeps of 1 to 20 ms side by side, smol", "ns/sleep", sleeps)
        .pinned()
        .ours("Rt::sleep", |meter| {
            meter.time(|| smol.block_on(side_by_side(sleeps, |duration| smol.rt.sleep(duration))));
        })
        .peer("async_io::Timer", |meter| {
            meter.time(|| smol.block_on(side_by_side(sleeps, async_io::Timer::after)));
        })
        .note(format!("{sleeps} at once."))
        .run(settings)
}

async fn repeat<F: Future>(times: usize, make: impl Fn() -> F) {
    for _ in 0..times {
        black_box(black_box(make()).await);
    }
}

async fn poll_once<F: Future>(future: F) {
    let mut future = pin!(future);
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending(), "it ends in an hour");
        Poll::Ready(())
    })
    .await;
}

async fn side_by_side<F: Future>(sleeps: usize, sleep: impl Fn(Duration) -> F) {
    let mut all: FuturesUnordered<F> =
        (0..sleeps).map(|number| sleep(Duration::from_millis(1 + number as u64 % 20))).collect();
    while all.next().await.is_some() {}
}
