//! A circuit breaker: calls stop while the backend fails, and go on when it has recovered.
//!
//! `cargo run --example circuit_breaker`

use std::{io, time::Duration};

use futures::{FutureExt, StreamExt};
use seaworthy::{
    resilience::breaker::{CallError, CircuitBreaker, Config, Event, Window},
    rt::Rt,
    time::Backoff,
};

fn main() -> anyhow::Result<()> {
    seaworthy::tokio::run(async |rt| order(&rt).await)
}

async fn order(rt: &Rt) -> anyhow::Result<()> {
    let millis = Duration::from_millis;
    let config = Config {
        window: Window::Calls { last: 20 },
        calls_min: 5,
        failure_percent: 50,
        // A call that takes longer is slow; the breaker opens if all are.
        slow_call_after: Some(millis(200)),
        open_for: Backoff { initial: millis(100), max: millis(400), ..Config::default().open_for },
        successes_to_close: 2,
        ..Config::default()
    };
    let breaker = CircuitBreaker::new(rt, "stock", config)?;
    let mut events = breaker.events();
    let told = rt.spawn("events", async move {
        while let Some(Event::Changed(change)) = events.next().await {
            println!("             the breaker is {}: {}", change.to, change.why);
        }
    });

    let start = rt.now();
    let mut calls = (0, 0, 0);
    while rt.now() - start < Duration::from_secs(1) {
        // The time limit stands inside of the call: an error speaks against the backend, a dropped call does not.
        let asked = rt.timeout(millis(300), ask_stock(rt, rt.now() - start));
        let asked = asked.map(|asked| asked.unwrap_or_else(|elapsed| Err(io::Error::other(elapsed))));
        match breaker.call(asked).await {
            Ok(()) => calls.0 += 1,
            Err(CallError::Rejected(rejected)) => {
                calls.1 += 1;
                // There is no use in coming back earlier.
                rt.sleep(rejected.retry_after.unwrap_or(millis(100))).await;
            }
            Err(error) => {
                calls.2 += 1;
                println!("{:>9.0?}  {error}", rt.now() - start);
            }
        }
    }
    let (answered, rejected, failed) = calls;
    println!("{answered} answered, {rejected} turned away, {failed} failed; {:?}", breaker.stats());
    drop(breaker);
    told.await?;
    Ok(())
}

/// A backend that is down from 0.1 s to 0.6 s.
async fn ask_stock(rt: &Rt, time: Duration) -> io::Result<()> {
    rt.sleep(Duration::from_millis(10)).await;
    if (0.1..0.6).contains(&time.as_secs_f64()) {
        Err(io::Error::other("503 Service Unavailable"))
    } else {
        Ok(())
    }
}
