//! `report.html`: what came of a sweep, on one page that needs no network.
//!
//! All figures, laws, schedules and commands are in the markup and need no script. The script draws the timeline of a
//! run and the list of its events from the [`Summary`] that the page carries as JSON.

mod family;
mod run;
#[cfg(test)]
mod tests;
mod text;
mod totals;

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::json;

use crate::{
    event::What,
    fault::FaultKind,
    outcome::Verdict,
    sweep::{Shown, Summary},
};
use family::Family;
use text::{Text, clip, script_safe};

/// The most events that one page carries, over all its runs. Beyond, runs that come late show their ends only, so that a
/// page stays below some 20 MB.
const EVENTS_MAX: usize = 100_000;

/// Draws the timeline of each run, and the list of its events. All else is in the markup.
const SCRIPT: &str = concat!(
    include_str!("script/model.js"),
    include_str!("script/strokes.js"),
    include_str!("script/painter.js"),
    include_str!("script/timeline.js"),
    include_str!("script/list.js"),
    include_str!("script/page.js"),
);

/// How many events a run shows at least.
const EVENTS_MIN: usize = 500;

/// The page.
///
/// It is complete in itself: styles, script and data are in it, it loads nothing, and its policy forbids it to. Texts of
/// scenarios, panics and processes are shown as they are, whatever is in them. A page carries at most 100,000 events:
/// of the runs that come after those, the last 500 are shown. A text longer than 8 KiB is cut.
pub fn html(summary: &Summary) -> String {
    let summary = &bounded(summary);
    let mut page = String::with_capacity(64 * 1024);
    write(&mut page, summary).expect("a string takes everything");
    page
}

fn write(page: &mut String, summary: &Summary) -> std::fmt::Result {
    let verdict = totals::Headline::of(summary);
    writeln!(
        page,
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>{} · Seaworthy simulation</title>
<style>
{}</style>
</head>
<body>
<main>"#,
        Text(&verdict.text),
        include_str!("report.css"),
    )?;
    totals::head(page, summary, &verdict)?;
    totals::rows(page, summary)?;
    if !summary.broken.is_empty() {
        writeln!(page, r#"<section id="failures"><h2>Failures</h2>"#)?;
        for (index, broken) in summary.broken.iter().enumerate() {
            run::broken(page, index, broken)?;
        }
        writeln!(page, "</section>")?;
    } else if let Some(sample) = &summary.sample {
        run::sample(page, sample)?;
    }
    totals::faults(page, summary)?;
    totals::points(page, summary)?;
    writeln!(page, "</main>")?;
    writeln!(page, r#"<script type="application/json" id="summary">{}</script>"#, data(summary))?;
    writeln!(page, r#"<script type="application/json" id="kinds">{}</script>"#, kinds())?;
    // One function around all, so that nothing of it is in the way of an extension.
    writeln!(page, "<script>\n\"use strict\";\n(() => {{\n{SCRIPT}}})();\n</script>\n</body>\n</html>")
}

fn data(summary: &Summary) -> String {
    script_safe(&serde_json::to_string(summary).expect("a summary is strings, numbers and lists of them"))
}

/// What the script needs to know about kinds of faults.
fn kinds() -> String {
    let kinds = FaultKind::ALL.iter().map(|kind| {
        let about = json!({ "family": Family::of(*kind).name(), "about": kind.about(), "unit": kind.unit() });
        (kind.name(), about)
    });
    script_safe(&json!(kinds.collect::<BTreeMap<_, _>>()).to_string())
}

fn clip_verdict(verdict: &mut Verdict) {
    match verdict {
        Verdict::Violated { text, .. }
        | Verdict::Panicked { text }
        | Verdict::Stuck { text }
        | Verdict::Failed { text }
        | Verdict::Died { text }
        | Verdict::Diverged { text } => clip(text),
        Verdict::Passed | Verdict::TimedOut { .. } => {}
    }
}

/// What of a summary a page carries.
fn bounded(summary: &Summary) -> Summary {
    let mut summary = summary.clone();
    let mut left = EVENTS_MAX;
    if !summary.broken.is_empty() {
        // It would not be shown.
        summary.sample = None;
    }
    let broken = summary.broken.iter_mut().map(|broken| &mut broken.run);
    for run in broken.chain(&mut summary.sample) {
        clip_verdict(&mut run.outcome.verdict);
        let kept = run.trace.len().min(left.max(EVENTS_MIN)).min(Shown::EVENTS_MAX);
        let cut = run.trace.len() - kept;
        run.trace.drain(..cut);
        run.left_out += cut as u64;
        left = left.saturating_sub(kept);
        for event in &mut run.trace {
            match &mut event.what {
                What::Note { text } | What::FaultBegan { text, .. } | What::Violated { text, .. } => {
                    clip(text);
                }
                _ => {}
            }
        }
    }
    summary
}
