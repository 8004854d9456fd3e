//! Readings that trickle in, looked up several at once, and written in batches; a shutdown loses none.
//!
//! `cargo run --example batches`

use std::time::Duration;

use futures::{StreamExt, stream};
use seaworthy::{
    rt::{CancelToken, Rt},
    stream::{Batch, Concurrency, RtStreamExt},
};

fn main() -> anyhow::Result<()> {
    seaworthy::tokio::run(async |rt| record(&rt).await)
}

async fn record(rt: &Rt) -> anyhow::Result<()> {
    let shutdown = CancelToken::new();
    let operator = rt.spawn("operator", {
        let (rt, shutdown) = (rt.clone(), shutdown.clone());
        async move {
            rt.sleep(Duration::from_millis(720)).await;
            shutdown.cancel();
        }
    });

    // A sensor that never ends by itself. Some of its readings come at once, some make one wait.
    let sensor = {
        let rt = rt.clone();
        stream::iter(1_u64..).then(move |number| {
            let rt = rt.clone();
            async move {
                rt.sleep(Duration::from_millis(if number % 10 == 0 { 300 } else { 5 })).await;
                number
            }
        })
    };

    // Each reading is looked up, four at a time, and comes out in order.
    let calibrate = {
        let rt = rt.clone();
        move |number| {
            let rt = rt.clone();
            async move {
                rt.sleep(Duration::from_millis(10)).await;
                format!("{number:03} is {:.1} °C", 20.0 + (number % 7) as f64 / 10.0)
            }
        }
    };
    let concurrency = Concurrency { tasks_max: 4, ..Concurrency::default() };
    let readings = sensor.take_until(shutdown.cancelled()).map_concurrent(rt, concurrency, calibrate)?;

    // A batch goes when it has eight readings, 200 bytes, or has waited for 100 ms, and with the end of its source.
    let batch = Batch { items_max: 8, bytes_max: Some(200), wait_max: Duration::from_millis(100) };
    let mut batches = Box::pin(readings).try_batches_sized(rt, batch, |reading: &String| reading.len())?;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        println!("{} readings: {} .. {}", batch.len(), batch[0], batch[batch.len() - 1]);
    }

    println!("{:?}", batches.stats());
    operator.await?;
    Ok(())
}
