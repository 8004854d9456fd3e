//! The guided tour: chapters that show something, for real, and check what they claim.
//!
//! A chapter is a folder beside this file with a `CHAPTER` in it, and a line in [`CHAPTERS`]. It knows its [`Context`] and
//! nothing of the other chapters.

mod chapter;
mod event_loop;
mod http;
mod options;
mod pool;
mod record;
mod resilience;
mod streams;
mod summary;
mod tasks;
pub(crate) mod text;

use std::{fmt::Write, future::Future, time::Duration};

use seaworthy::rt::{CancelToken, JoinError, Rt};

pub(crate) use self::{
    chapter::Chapter,
    options::{Options, concurrency},
};
use self::{
    chapter::{Context, Outcome},
    record::{Ended, Verdict},
};
use super::{
    Exit, Failure,
    host::{self, Signals},
    screen::Screen,
};

/// Every chapter, in order.
const CHAPTERS: &[Chapter] = &[
    event_loop::CHAPTER,
    tasks::CHAPTER,
    pool::CHAPTER,
    streams::CHAPTER,
    http::CHAPTER,
    resilience::CHAPTER,
];

/// The modules whose warnings are no news: chapters make them fail and say so.
pub(crate) const STAGED: &[&str] =
    &["seaworthy_core::pool", "seaworthy_core::resilience", "seaworthy_core::stream"];

/// How long a chapter may take to put its things away after Ctrl-C.
const GRACE: Duration = Duration::from_secs(5);

/// The chapter of that number or name.
pub(crate) fn find(text: &str) -> Result<&'static Chapter, String> {
    CHAPTERS.iter().find(|chapter| chapter.answers_to(text)).ok_or_else(|| {
        let names: Vec<_> =
            CHAPTERS.iter().map(|chapter| format!("{} {}", chapter.number, chapter.name)).collect();
        format!(
            "there is no such chapter; there are {} (`seaworthy tour --list` says more)",
            names.join(", ")
        )
    })
}

/// What `--list` prints.
pub(crate) fn list() -> String {
    let mut list = String::new();
    for Chapter { number, name, aliases, shows, .. } in CHAPTERS {
        let aliases =
            if aliases.is_empty() { String::new() } else { format!("  (also: {})", aliases.join(", ")) };
        // Writing to a string cannot fail.
        let _ = writeln!(list, "{number}  {name}{aliases}\n   {}\n   {}", shows[0], shows[1]);
    }
    list
}

/// Runs the chapters that were chosen, one after the other, and says how it went.
pub(crate) async fn run(
    rt: &Rt,
    signals: Signals,
    options: Options,
    screen: &Screen,
) -> Result<Exit, Failure> {
    // Whoever stops reading stops the tour.
    let stop = screen.closed().child();
    let start = rt.now();
    screen.line(text::title(&options));
    let chapters = play(rt, &stop, &options, screen);
    let (chapters, signal) = host::heeding(signals, &stop, screen, chapters).await;
    let took = rt.now() - start;
    screen.document(summary::document(&options, &chapters, signal.is_some(), took));
    screen.result(summary::table(&chapters, screen, took));
    let held = chapters.iter().all(|chapter| chapter.verdict == Verdict::Held);
    let exit = match signal {
        Some(signal) => host::exit(signal),
        None if held => Exit::Done,
        None => Exit::Failed,
    };
    screen.finish(exit)
}

async fn play(rt: &Rt, stop: &CancelToken, options: &Options, screen: &Screen) -> Vec<Ended> {
    let mut ended = Vec::new();
    for chapter in options.chapters.iter().copied() {
        if stop.is_cancelled() {
            break;
        }
        screen.line(text::heading(chapter));
        tracing::info!(chapter = chapter.name, "starts");
        let start = rt.now();
        let context = Context::new(rt, stop, options, screen);
        let record = context.record();
        // A task of its own: it runs where all tasks run, and its panic is caught.
        let played =
            rt.spawn("tour.chapter", within_grace(rt.clone(), stop.clone(), (chapter.run)(context))).await;
        let end = Ended::new(chapter, record.take(), flat(played), stop.is_cancelled(), rt.now() - start);
        tracing::info!(chapter = chapter.name, verdict = end.verdict.word(), "ended");
        if let Some(error) = &end.error {
            screen.result(text::error(error, screen));
        }
        ended.push(end);
    }
    ended
}

fn flat(played: Result<anyhow::Result<Outcome>, JoinError>) -> anyhow::Result<Outcome> {
    played.unwrap_or_else(|error| Err(error.into()))
}

/// A chapter stops by itself when it is told to. One that does not is dropped when the grace is over.
async fn within_grace<F>(rt: Rt, stop: CancelToken, chapter: F) -> anyhow::Result<Outcome>
where
    F: Future<Output = anyhow::Result<Outcome>> + Unpin,
{
    let mut chapter = chapter;
    if let Some(outcome) = stop.run_until_cancelled(&mut chapter).await {
        return outcome;
    }
    rt.timeout(GRACE, chapter).await.unwrap_or_else(|elapsed| Err(elapsed.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chapter_is_found_by_number_name_and_alias_and_by_no_other() {
        for chapter in CHAPTERS {
            let number = chapter.number.to_string();
            for text in [number.as_str(), chapter.name].iter().chain(chapter.aliases) {
                assert_eq!(find(text).map(|found| found.number), Ok(chapter.number), "`{text}` is ambiguous");
            }
            // With its margin it fits into 80 columns.
            assert!(chapter.shows.iter().all(|line| line.chars().count() <= 76), "{}", chapter.name);
        }
        assert!(find("0").is_err() && find("").is_err());
    }
}
