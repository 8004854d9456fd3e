//! A policy: everything between a service and one of its backends, in the right order.
//!
//! `cargo run --example policy`

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use seaworthy::{
    limit::{Bulkhead, Quota, RateLimiter, bulkhead},
    resilience::{
        Backoff, Budget, CircuitBreaker, Jitter, Policy, PolicyError, Retry, breaker, budget, policy::Layer,
        retry,
    },
    rt::Rt,
};

/// The exchange rate. The bank is down for a while.
async fn ask_bank(rt: &Rt, is_up: &AtomicBool) -> io::Result<f64> {
    rt.sleep(Duration::from_millis(2)).await;
    if is_up.load(Ordering::Relaxed) { Ok(1.08) } else { Err(io::ErrorKind::ConnectionRefused.into()) }
}

fn main() -> anyhow::Result<()> {
    seaworthy::tokio::run(async |rt| trade(&rt).await)
}

async fn trade(rt: &Rt) -> anyhow::Result<()> {
    let pauses =
        Backoff { initial: Duration::from_millis(5), max: Duration::from_millis(20), ..Backoff::default() };
    let open_for = Duration::from_millis(100);
    let open_for = Backoff { initial: open_for, max: open_for, factor: 1, jitter: Jitter::None };
    let breaker = breaker::Config {
        window: breaker::Window::Consecutive { failures: 5 },
        open_for,
        successes_to_close: 1,
        ..breaker::Config::default()
    };
    let retry = retry::Config { attempts_max: 3, backoff: pauses, ..retry::Config::default() };
    // Parts are shared: another policy in front of the same bank takes clones of them.
    let bank = Policy::new(rt, "bank")
        .deadline(Duration::from_millis(80))
        .retry(Retry::new(rt, retry)?.budget(Budget::new(rt, budget::Config::default())?))
        .breaker(CircuitBreaker::new(rt, "bank", breaker)?)
        .bulkhead(Bulkhead::new(
            rt,
            bulkhead::Config { permits: 10, waiters_max: 100, ..Default::default() },
        )?)
        .limiter(RateLimiter::new(rt, Quota::per_second(1000).burst(10))?)
        .attempt_timeout(Duration::from_millis(20));
    let yesterday = bank.clone().fallback(|error: PolicyError<io::Error>| async move {
        // An open breaker is no reason to stop trading; anything else is worth a look.
        if error.layer() == Layer::Breaker { Ok(1.07) } else { Err(error) }
    });

    let is_up = &AtomicBool::new(false);
    for number in 1..=6 {
        if number == 5 {
            is_up.store(true, Ordering::Relaxed);
            rt.sleep(Duration::from_millis(100)).await;
        }
        match bank.call(|_| ask_bank(rt, is_up)).await {
            Ok(rate) => println!("{number}. {rate}"),
            Err(error) => println!("{number}. {error}, by the {:?}", error.layer()),
        }
    }
    is_up.store(false, Ordering::Relaxed);
    for _ in 0..3 {
        println!("or else {:?}", yesterday.call(|_| ask_bank(rt, is_up)).await.ok());
    }
    println!("{:?}", bank.stats());
    Ok(())
}
