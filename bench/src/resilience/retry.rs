//! A retry that is not needed: what it costs over the bare future.

use std::{hint::black_box, io};

use backon::{ExponentialBuilder, Retryable};
use seaworthy_core::{
    resilience::{Budget, Retry, budget, retry::Config},
    rt::yield_now,
};

use crate::{
    harness::{Allocations, Clock, Comparison, Meter, Settings, Table},
    runtimes::OnTokio,
};

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    let tokio = OnTokio::current_thread();
    vec![
        over_bare(settings, &tokio, false),
        over_bare(settings, &tokio, true),
        side_by_side(settings, &tokio),
        allocations(settings, &tokio),
    ]
}

type Answer = io::Result<u64>;

/// The operation: at once, or after others had their turn.
async fn answer(number: u64, yields: bool) -> Answer {
    if yields {
        yield_now().await;
    }
    Ok(black_box(number))
}

/// All calls, one after the other.
async fn repeat(calls: usize, call: impl AsyncFn(u64) -> Answer) -> u64 {
    let mut sum = 0;
    for number in 0..calls as u64 {
        sum += call(black_box(number)).await.expect("nothing fails");
    }
    sum
}

fn retry(tokio: &OnTokio) -> Retry {
    Retry::new(&tokio.rt, Config::default()).expect("a good config")
}

async fn bare(calls: usize, yields: bool) -> u64 {
    repeat(calls, async |number| answer(number, yields).await).await
}

async fn ours(calls: usize, yields: bool, retry: &Retry) -> u64 {
    let call =
        async |number| retry.run(|_| answer(number, yields)).await.map_err(|error| error.last.expect("one"));
    repeat(calls, call).await
}

async fn backon(calls: usize, yields: bool) -> u64 {
    let builder = ExponentialBuilder::default();
    repeat(calls, async |number| (|| answer(number, yields)).retry(builder).await).await
}

/// What a round of calls takes over a round of bare ones, each timed twice in turn.
fn over(meter: &mut Meter, bare: impl Fn() -> u64, wrapped: impl Fn() -> u64) {
    let timed = |work: &dyn Fn() -> u64| {
        let start = Clock::Cpu.now();
        black_box(work());
        (Clock::Cpu.now() - start).as_nanos() as f64
    };
    let (first, second) = (timed(&bare), timed(&wrapped));
    let (fourth, third) = (timed(&wrapped), timed(&bare));
    meter.add((second + fourth - first - third) / 2.0);
}

fn over_bare(settings: Settings, tokio: &OnTokio, yields: bool) -> Table {
    let calls = settings.size(1_000_000);
    let what = if yields { "a future that yields once" } else { "a future that is ready" };
    let retry = &retry(tokio);
    let bare = || tokio.block_on(bare(calls, yields));
    Comparison::new(format!("First success, over {what}"), "ns over bare", calls)
        .pinned()
        .limit(10.0)
        .ours("Retry::run", |meter| over(meter, bare, || tokio.block_on(ours(calls, yields, retry))))
        .peer("backon", |meter| over(meter, bare, || tokio.block_on(backon(calls, yields))))
        .note("The time of all calls less that of as many bare futures, taken in the same round.")
        .run(settings)
}

fn side_by_side(settings: Settings, tokio: &OnTokio) -> Table {
    let calls = settings.size(1_000_000);
    let (plain, budgeted) = (retry(tokio), retry(tokio));
    let budgeted = budgeted.budget(Budget::new(&tokio.rt, budget::Config::default()).expect("a good config"));
    let timed = |meter: &mut Meter, work: &mut dyn FnMut() -> u64| {
        black_box(meter.time(work));
    };
    Comparison::new("First success", "ns", calls)
        .pinned()
        .ours("Retry::run", |meter| timed(meter, &mut || tokio.block_on(ours(calls, false, &plain))))
        .ours("Retry::run with a budget", |meter| {
            timed(meter, &mut || tokio.block_on(ours(calls, false, &budgeted)));
        })
        .peer("backon", |meter| timed(meter, &mut || tokio.block_on(backon(calls, false))))
        .reference("the bare future", |meter| timed(meter, &mut || tokio.block_on(bare(calls, false))))
        .run(settings)
}

fn allocations(settings: Settings, tokio: &OnTokio) -> Table {
    let calls = settings.size(10_000);
    let retry = retry(tokio);
    let count = |meter: &mut Meter, work: &dyn Fn() -> u64| {
        let (_, allocations) = Allocations::of(work);
        meter.add(allocations.calls as f64);
    };
    Comparison::new("Allocations of a first success", "allocations", calls)
        .counted()
        .limit(0.0)
        .ours("Retry::run", |meter| count(meter, &|| tokio.block_on(ours(calls, false, &retry))))
        .reference("backon", |meter| count(meter, &|| tokio.block_on(backon(calls, false))))
        .run(settings)
}
