//! Limits: so much per second, so many at once, and for how long it is worth waiting.
//!
//! `cargo run --example rate_limit`

use std::time::Duration;

use futures::{StreamExt, future::join_all, stream};
use seaworthy::{
    limit::{Acquire, AcquireError, Bulkhead, KeyedRateLimiter, Quota, RateLimiter, bulkhead, keyed},
    rt::Rt,
    time::Deadline,
};

fn main() -> anyhow::Result<()> {
    seaworthy::tokio::run(async |rt| {
        call_a_partner(&rt).await?;
        serve_customers(&rt)?;
        import(&rt).await
    })
}

/// A partner allows 50 calls a second, and no more than 4 at once.
async fn call_a_partner(rt: &Rt) -> anyhow::Result<()> {
    let limiter = RateLimiter::new(rt, Quota::per_second(50).burst(5))?;
    let at_once = Bulkhead::new(rt, bulkhead::Config { permits: 4, ..Default::default() })?;
    let start = rt.now();
    let calls = (0..20).map(|number| {
        let (limiter, at_once, rt) = (limiter.clone(), at_once.clone(), rt.clone());
        async move {
            let deadline = Some(Deadline::after(&rt, "call", Duration::from_millis(200)));
            let how = Acquire { deadline, priority: 0 };
            // First the place, then the slot: who holds a slot uses it at once.
            let _permit = at_once.acquire_with(how.clone()).await?;
            limiter.acquire_with(1, how).await?;
            rt.sleep(Duration::from_millis(10)).await;
            println!("call {number:2} was answered after {:?}", rt.now() - start);
            anyhow::Ok(())
        }
    });
    for refused in join_all(calls).await.into_iter().filter_map(Result::err) {
        // Those whose turn would come too late know it early, and have time for something else.
        let wait = refused.downcast_ref().and_then(AcquireError::retry_after);
        println!("refused: {refused}; it would take {wait:?}");
    }
    Ok(())
}

/// Each customer has a limit of its own.
fn serve_customers(rt: &Rt) -> anyhow::Result<()> {
    let customers = KeyedRateLimiter::new(rt, Quota::per_second(10).burst(2), keyed::Config::default())?;
    for customer in ["ann", "bob", "ann", "ann"] {
        match customers.try_acquire(&customer, 1) {
            Ok(()) => println!("{customer} is served"),
            Err(error) => println!("{customer} is not: {error}"),
        }
    }
    Ok(())
}

/// A stream, one item each 20 ms.
async fn import(rt: &Rt) -> anyhow::Result<()> {
    let limiter = RateLimiter::new(rt, Quota::per_second(50))?;
    let start = rt.now();
    let rows = limiter.throttle(stream::iter(["first", "second", "third"]));
    rows.for_each(|row| {
        println!("{row} row after {:?}", rt.now() - start);
        std::future::ready(())
    })
    .await;
    Ok(())
}
