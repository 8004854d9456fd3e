use std::time::Duration;

use futures::StreamExt;
use seaworthy::stream::{self, Batch, RtStreamExt};

use super::{
    Context,
    text::{count, millis, time},
    weather::{CITIES, Expected, Sum, days},
};

const ITEMS_MAX: usize = 100;
const TRICKLE: u64 = 12;
const TRICKLE_EVERY: Duration = Duration::from_millis(20);
const WAIT_MAX: Duration = Duration::from_millis(70);

/// A stream that is always ready fills batches, and its end hands over the rest.
pub(super) async fn by_size(cx: &Context, expected: &Expected) -> anyhow::Result<()> {
    cx.scene(format_args!("Batches of {ITEMS_MAX}, or what there is after {}", millis(WAIT_MAX)));
    let all = stream::merge(CITIES.map(|city| (city, days(city)))).items();
    // So far away that only the size counts.
    let batch = Batch { items_max: ITEMS_MAX, wait_max: Duration::from_secs(60), ..Batch::default() };
    let mut batches = all.batches(&cx.rt, batch)?;
    let (mut sum, mut sizes) = (Sum::default(), Vec::new());
    while let Some(batch) = batches.next().await {
        sizes.push(batch.len());
        for day in batch {
            sum.add(&day?);
        }
    }
    let stats = batches.stats();
    let rain = CITIES.iter().map(|city| expected.city(city).precipitation_tenths).sum::<u64>();
    let full = expected.rows() / ITEMS_MAX as u64;
    cx.claim(
        sum == Sum { days: expected.rows(), precipitation_tenths: rain }
            && (stats.by_items, stats.by_end, stats.by_time) == (full, 1, 0)
            && sizes.iter().rev().skip(1).all(|size| *size == ITEMS_MAX),
        stats.batches,
        format_args!(
            "batches of {} days: {} full, and one of {} at the end",
            count(sum.days),
            stats.by_items,
            sizes.last().unwrap_or(&0)
        ),
        format_args!("{full} full and one for the rest, every day once"),
    );
    Ok(())
}

/// A slow trickle is handed over all the same: the clock of a batch starts with its first item and no later.
pub(super) async fn of_a_trickle(cx: &Context) -> anyhow::Result<()> {
    let rt = cx.rt.clone();
    let trickle = stream::generate(move |mut out| async move {
        for number in 0..TRICKLE {
            rt.sleep(TRICKLE_EVERY).await;
            out.send(number).await;
        }
    });
    let batch = Batch { items_max: ITEMS_MAX, wait_max: WAIT_MAX, ..Batch::default() };
    let mut batches = trickle.batches(&cx.rt, batch)?;
    let start = cx.rt.now();
    let (mut first_after, mut came) = (None, Vec::new());
    while let Some(mut batch) = batches.next().await {
        first_after.get_or_insert_with(|| cx.rt.now() - start);
        came.append(&mut batch);
    }
    let stats = batches.stats();
    cx.claim(
        came.iter().copied().eq(0..TRICKLE) && stats.by_time >= 2 && stats.by_items == 0,
        stats.by_time,
        format_args!("batches by the clock, of a number each {}", millis(TRICKLE_EVERY)),
        format_args!("at least two before the trickle ends, and all {TRICKLE} numbers in order"),
    );
    cx.fact(time(first_after.unwrap_or_default()), "until the first was handed over");
    cx.note("A clock that starts again with each item would have waited for the end.");
    Ok(())
}
