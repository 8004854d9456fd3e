use std::{
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use seaworthy::{
    rt::yield_now,
    stream::{self, Event, Generate},
};

use super::{
    Context,
    text::{count, number_of},
    weather::{CITIES, Expected, Sum, days},
};

const READINGS: u64 = 10;
const TAKEN: u64 = 200;

/// A source that panics is named and removed; the others go on.
pub(super) async fn one_panics_and_one_ends(cx: &Context, expected: &Expected) -> anyhow::Result<()> {
    cx.scene("A source that panics, and one that ends early");
    let [city, _] = CITIES;
    let broken = stream::try_generate(|mut out| async move {
        for day in days(city).take(READINGS as usize).collect::<Vec<_>>().await {
            out.send(day?).await;
        }
        // A panic without the message on standard error, which would alarm whoever looks on.
        resume_unwind(Box::new("a loose wire"))
    });
    let short = days(city).take(READINGS as usize);
    let mut merged =
        stream::merge([("sound", days(city).boxed()), ("broken", broken.boxed()), ("short", short.boxed())]);
    let (mut sound, mut others) = (Sum::default(), 0);
    let mut told = Vec::new();
    while let Some(event) = merged.next().await {
        match event {
            Event::Item("sound", day) => sound.add(&day?),
            Event::Item(_, day) => others += u64::from(day.is_ok()),
            other => told.push(format!("{other:?}")),
        }
    }
    told.sort_unstable();
    let wanted = [r#"Ended("short")"#, r#"Ended("sound")"#, r#"Panicked("broken", "a loose wire")"#];
    cx.claim(
        told == wanted,
        told.len(),
        format_args!("sources came to an end: {}", told.join(", ")),
        wanted.join(", "),
    );
    cx.claim(
        sound == expected.city(city) && others == 2 * READINGS,
        number_of(sound.days, "day"),
        format_args!("of the sound source came all the same, and {others} of the others"),
        format_args!("all {}, and {} of each", expected.city(city).days, READINGS),
    );
    Ok(())
}

/// A generator makes nothing ahead of its reader.
pub(super) async fn a_slow_reader_holds_the_generator(cx: &Context) -> anyhow::Result<()> {
    cx.scene("A generator and a reader who takes its time");
    let made = Arc::new(AtomicU64::new(0));
    let count_made = Arc::clone(&made);
    let mut numbers: Generate<'_, u64> = stream::generate(|mut out| async move {
        for number in 0.. {
            count_made.fetch_add(1, Ordering::Relaxed);
            out.send(number).await;
        }
    });
    let (mut taken, mut ahead_max) = (0, 0);
    while taken < TAKEN {
        let next = numbers.next().await;
        anyhow::ensure!(next == Some(taken), "{next:?} came instead of {taken}");
        taken += 1;
        // Time enough to run ahead.
        yield_now().await;
        if taken.is_multiple_of(50) {
            cx.rt.sleep(Duration::from_millis(1)).await;
        }
        ahead_max = ahead_max.max(made.load(Ordering::Relaxed) - taken);
    }
    cx.claim(
        ahead_max == 0,
        count(ahead_max),
        format_args!("numbers made before they were asked for, of {taken} taken in order"),
        "none",
    );
    Ok(())
}
