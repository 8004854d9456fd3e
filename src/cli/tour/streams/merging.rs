use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream as futures_stream};
use seaworthy::stream::{self, BoxStream, Event};

use super::{
    Context,
    text::{count, time},
    weather::{CITIES, Expected, Sum, days},
};

const QUIET_SOURCES: usize = 1_000;

/// Both cities are read at once, and every day comes out once. Returns what an item took.
pub(super) async fn two_cities(cx: &Context, expected: &Expected) -> anyhow::Result<Duration> {
    cx.scene("Two cities as one stream");
    let mut merged = stream::merge(CITIES.map(|city| (city, days(city))));
    let mut sums = BTreeMap::<&str, Sum>::new();
    let mut last = BTreeMap::<&str, String>::new();
    let (mut ended, mut out_of_order, mut turns, mut before) = (Vec::new(), 0, 0_u64, "");
    let start = cx.rt.now();
    while let Some(event) = merged.next().await {
        match event {
            Event::Item(city, day) => {
                let day = day?;
                sums.entry(city).or_default().add(&day);
                turns += u64::from(std::mem::replace(&mut before, city) != city);
                // Dates are written so that they sort as text.
                let date_before = last.insert(city, day.date.clone());
                out_of_order += u64::from(date_before.is_some_and(|before| before >= day.date));
            }
            Event::Ended(city) => ended.push(city),
            other => anyhow::bail!("{other:?}"),
        }
    }
    let took = cx.rt.now() - start;
    let came: u64 = sums.values().map(|sum| sum.days).sum();
    cx.claim(
        CITIES.iter().all(|city| sums.get(city) == Some(&expected.city(city))),
        count(came),
        "days came out, each once, with the rain that a second reading of the file finds",
        format_args!("{} days, and for each city the same sum", count(expected.rows())),
    );
    cx.claim(out_of_order == 0, count(out_of_order), "of them before an earlier day of their city", "none");
    ended.sort_unstable();
    cx.claim(ended == CITIES, ended.len(), "ends were told, by name", "one for each city");
    cx.fact(count(turns), "times the turn passed from one city to the other");
    let per_item = took / u32::try_from(came.max(1)).unwrap_or(u32::MAX);
    cx.fact(time(per_item), "an item, read from CSV, through a generator and the merge");
    Ok(per_item)
}

/// Sources that say nothing cost nothing.
pub(super) async fn beside_quiet_sources(cx: &Context, expected: &Expected) -> anyhow::Result<()> {
    let quiet = (0..QUIET_SOURCES).map(|_| futures_stream::pending().boxed());
    let city = CITIES[0];
    let mut merged = stream::Merge::new();
    for (number, source) in quiet.enumerate() {
        merged.insert(number, source);
    }
    let talks: BoxStream<'_, _> = days(city).boxed();
    merged.insert(QUIET_SOURCES, talks);
    let mut came = 0;
    while let Some(Event::Item(_, day)) = merged.next().await {
        let _: super::weather::Day = day?;
        came += 1;
    }
    let wanted = expected.city(city).days;
    // One for each that is new, one for each item, and one for each time the source let others run.
    let polls = merged.stats().polls;
    let polls_max = QUIET_SOURCES as u64 + wanted + wanted / 50;
    cx.claim(
        came == wanted && polls <= polls_max,
        count(polls),
        format_args!(
            "polls of sources for {} days beside {} quiet sources",
            count(came),
            count(QUIET_SOURCES as u64)
        ),
        format_args!("all {} days with at most {} polls", count(wanted), count(polls_max)),
    );
    Ok(())
}
