use std::time::Duration;

use futures::{Stream, StreamExt, future::try_join};
use seaworthy::{
    rt::Rt,
    stream::{
        self, Tee,
        tee::{Config, OnLag},
    },
};

use super::{
    Context,
    text::count,
    weather::{CITIES, Day, Expected, Sum, days},
};

const LAG_MAX: usize = 8;

/// One stream for two readers, of whom the quick one waits when it is too far ahead.
pub(super) async fn between_two_readers(cx: &Context, expected: &Expected) -> anyhow::Result<()> {
    cx.scene(format_args!("One stream, two readers, at most {LAG_MAX} days apart"));
    let city = CITIES[1];
    // Each reader gets a clone, also of an error: so that is told by its text.
    let source = days(city).map(|day| day.map_err(|error| error.to_string()));
    let quick = stream::tee(source, Config { lag_max: LAG_MAX, on_lag: OnLag::Wait })?;
    let slow = quick.clone();
    let quick = cx.rt.spawn("tour.quick", read(cx.rt.clone(), quick, 0));
    let slow = cx.rt.spawn("tour.slow", read(cx.rt.clone(), slow, 100));
    let (quick, slow) = try_join(quick, slow).await?;
    let ((quick, kept), (slow, kept_too)) = (quick?, slow?);
    let (wanted, kept) = (expected.city(city), kept.max(kept_too));
    cx.claim(
        quick == wanted && slow == wanted,
        count(quick.days + slow.days),
        "days read by the two, each all of them with all the rain",
        format_args!("twice the {} days", count(wanted.days)),
    );
    cx.claim(
        (1..=LAG_MAX).contains(&kept),
        kept,
        "days at most were kept for the one that lagged",
        format_args!("1 to {LAG_MAX}"),
    );
    Ok(())
}

/// Reads to the end, with a pause after each so many days. Returns the sum, and the most days that were kept.
async fn read<S>(rt: Rt, mut reader: Tee<S>, pause_every: u64) -> anyhow::Result<(Sum, usize)>
where
    S: Stream<Item = Result<Day, String>>,
{
    let (mut sum, mut kept) = (Sum::default(), 0);
    while let Some(day) = reader.next().await {
        sum.add(&day?.map_err(anyhow::Error::msg)?);
        kept = kept.max(reader.stats().kept);
        if pause_every > 0 && sum.days.is_multiple_of(pause_every) {
            rt.sleep(Duration::from_millis(1)).await;
        }
    }
    Ok((sum, kept))
}
