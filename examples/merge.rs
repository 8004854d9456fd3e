//! Sources that come, go and fail, read as one stream, which two readers share.
//!
//! `cargo run --example merge`

use std::time::Duration;

use futures::StreamExt;
use seaworthy::{
    rt::Rt,
    stream::{self, Event, Generate, tee},
};

fn main() -> anyhow::Result<()> {
    seaworthy::tokio::run(async |rt| watch(&rt).await)
}

/// A sensor that gives a reading every `every`, as long as it is read.
fn sensor(rt: &Rt, every: Duration, readings: u32) -> Generate<'static, f64> {
    let rt = rt.clone();
    stream::generate(move |mut out| async move {
        for number in 0..readings {
            rt.sleep(every).await;
            assert!(number < 5, "a loose wire");
            out.send(20.0 + f64::from(number) / 10.0).await;
        }
    })
}

async fn watch(rt: &Rt) -> anyhow::Result<()> {
    let ms = Duration::from_millis;
    let mut sensors = stream::merge([("deck", sensor(rt, ms(30), 3)), ("hold", sensor(rt, ms(20), 9))]);

    // One task merges, and takes a third sensor in when the first has ended.
    let inner = rt.clone();
    let readings = stream::generate(|mut out| async move {
        while let Some(event) = sensors.next().await {
            match event {
                Event::Item(name, celsius) => drop(out.send((name, celsius)).await),
                Event::Ended("deck") => drop(sensors.insert("mast", sensor(&inner, ms(10), 4))),
                other => eprintln!("{other:?}"),
            }
        }
    });

    // Two readers share it. The slow one may lag by two readings, and then the other waits.
    let quick = stream::tee(readings, tee::Config { lag_max: 2, ..Default::default() })?;
    let slow = quick.clone();
    let inner = rt.clone();
    let archive = rt.spawn("archive", async move {
        let archived = slow.filter_map(async |reading| reading.ok()).then(move |reading| {
            let pause = inner.sleep(ms(25));
            async move {
                pause.await;
                reading
            }
        });
        archived.count().await
    });

    let mut shown = 0;
    let mut quick = quick;
    while let Some(reading) = quick.next().await {
        let (name, celsius) = reading?;
        println!("{name:5} {celsius:.1} °C");
        shown += 1;
    }
    println!("{shown} shown, {} archived", archive.await?);
    Ok(())
}
