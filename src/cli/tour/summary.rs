//! The end of the tour: a table for people, a document for programs.

use std::time::Duration;

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use console::style;
use serde_json::{Value, json};

use super::{
    Options,
    record::{Ended, Verdict},
    text,
};
use crate::cli::screen::Screen;

/// Chapter, what was shown, figure, time; and the sum of it all.
pub(super) fn table(chapters: &[Ended], screen: &Screen, took: Duration) -> String {
    let colours = console::colors_enabled();
    let mut table = Table::new();
    // It breaks lines where a terminal ends; in a pipe there is no end.
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if colours {
        table.enforce_styling()
    } else {
        table.force_no_tty()
    };
    let heading = |text| Cell::new(text).add_attribute(Attribute::Dim);
    table.set_header(["", "chapter", "what was shown", "figure", "time"].map(heading));
    for ended in chapters {
        table.add_row(row(ended, screen));
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if index == 0 { 0 } else { 1 }, 1));
        if index >= 3 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("\n{}\n\n{}", table.trim_fmt(), verdict(chapters, took))
}

fn row(ended: &Ended, screen: &Screen) -> Vec<Cell> {
    let (mark, color) = match ended.verdict {
        Verdict::Held => (screen.sign(true), Color::Green),
        Verdict::Failed => (screen.sign(false), Color::Red),
        Verdict::Interrupted => ("-", Color::Yellow),
    };
    let name = format!("{} {}", ended.chapter.number, ended.chapter.name.replace('-', " "));
    vec![
        Cell::new(mark).fg(color).add_attribute(Attribute::Bold),
        Cell::new(name),
        Cell::new(&ended.title),
        Cell::new(&ended.figure).add_attribute(Attribute::Bold),
        Cell::new(text::time(ended.took)),
    ]
}

fn verdict(chapters: &[Ended], took: Duration) -> String {
    let claims = || chapters.iter().flat_map(|ended| &ended.shown.claims);
    let (all, broken) = (claims().count() as u64, claims().filter(|claim| !claim.held).count());
    let failures: u64 = chapters.iter().map(|ended| ended.shown.failures.len()).sum();
    let mut parts = Vec::new();
    match broken {
        0 if all == 0 => {}
        0 => parts.push(format!("{} held", text::number_of(all, "claim"))),
        _ => parts.push(format!("{broken} of {} did not hold", text::number_of(all, "claim"))),
    }
    if failures > 0 {
        parts.push(format!("{} failed", text::number_of(failures, "file")));
    }
    let cut_short = chapters.iter().filter(|ended| ended.error.is_some()).count() as u64;
    if cut_short > 0 {
        parts.push(format!("{} cut short by an error", text::number_of(cut_short, "chapter")));
    }
    let interrupted = chapters.iter().any(|ended| ended.verdict == Verdict::Interrupted);
    if interrupted {
        parts.push("interrupted".to_owned());
    }
    let line = format!("{}, {}", parts.join(", "), text::time(took));
    let red = broken > 0 || failures > 0 || cut_short > 0;
    let line = style(line).bold();
    if red {
        line.red()
    } else if interrupted {
        line.yellow()
    } else {
        line.green()
    }
    .to_string()
}

/// The one document of `--json`.
pub(super) fn document(options: &Options, chapters: &[Ended], interrupted: bool, took: Duration) -> String {
    let held = chapters.iter().all(|ended| ended.verdict == Verdict::Held);
    let outcome = match (interrupted, held) {
        (true, _) => Verdict::Interrupted,
        (false, true) => Verdict::Held,
        (false, false) => Verdict::Failed,
    };
    let document = json!({
        "command": "tour",
        "version": env!("CARGO_PKG_VERSION"),
        "runtime": options.runtime.to_string(),
        "cores": options.cores,
        "build": if cfg!(debug_assertions) { "debug" } else { "release" },
        "outcome": outcome.word(),
        "seconds": took.as_secs_f64(),
        "chapters": chapters.iter().map(chapter).collect::<Vec<_>>(),
    });
    format!("{document:#}")
}

fn chapter(ended: &Ended) -> Value {
    let fact = |(figure, text): &(String, String)| json!({ "figure": figure, "fact": text });
    json!({
        "number": ended.chapter.number,
        "name": ended.chapter.name,
        "outcome": ended.verdict.word(),
        "error": ended.error,
        "seconds": ended.took.as_secs_f64(),
        "shown": ended.title,
        "figure": ended.figure,
        "claims": ended.shown.claims,
        "facts": ended.shown.facts.iter().map(fact).collect::<Vec<_>>(),
        "failures": ended.shown.failures.listed,
        "failures_omitted": ended.shown.failures.omitted,
        "data": ended.data,
    })
}
