//! What a sweep says to people.

use std::{fmt::Write as _, time::Duration};

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use console::style;

use crate::{
    event::{Event, What},
    outcome::Outcome,
    sweep::{Broken, Count, Row, Summary, seeds},
};

/// Events that are shown before a failure, and after it.
const AROUND: (usize, usize) = (16, 4);

/// The rows, and their sum.
pub(crate) fn table(rows: &[Row], elapsed: Duration) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if console::colors_enabled() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let headings = [
        "scenario",
        "engine",
        "seeds",
        "failed",
        "simulated",
        "seeds/min",
        "faults struck",
        "kinds",
        "points",
    ];
    table.set_header(headings.map(|heading| Cell::new(heading).add_attribute(Attribute::Dim)));
    for row in rows {
        table.add_row(cells(
            row,
            &row.scenario,
            &row.engine.map_or_else(String::new, |it| it.to_string()),
            elapsed,
        ));
    }
    if rows.len() > 1 {
        table.add_row(cells(&sum(rows), "", "all", elapsed));
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if index == 0 { 0 } else { 1 }, 1));
        if index >= 2 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{}\n", table.trim_fmt())
}

fn cells(row: &Row, scenario: &str, engine: &str, elapsed: Duration) -> Vec<Cell> {
    let failed = Cell::new(row.failed);
    let failed = if row.failed > 0 { failed.fg(Color::Red).add_attribute(Attribute::Bold) } else { failed };
    let struck: u64 = row.faults.values().map(|count| count.effects).sum();
    let reached = |counts: &mut dyn Iterator<Item = &Count>| {
        let (reached, all) =
            counts.fold((0, 0), |(reached, all), count| (reached + u64::from(count.effects > 0), all + 1));
        if all == 0 { "-".to_owned() } else { format!("{reached}/{all}") }
    };
    vec![
        Cell::new(scenario),
        Cell::new(engine),
        Cell::new(number(row.seeds)),
        failed,
        Cell::new(time(Duration::from_millis(row.simulated_ms))),
        Cell::new(number(per_minute(row.seeds, elapsed))),
        Cell::new(number(struck)),
        Cell::new(reached(&mut row.faults.values())),
        Cell::new(reached(&mut row.points.values())),
    ]
}

/// All rows as one; of points, each scenario's are counted once.
fn sum(rows: &[Row]) -> Row {
    let mut all = Row::default();
    for row in rows {
        all.seeds += row.seeds;
        all.failed += row.failed;
        all.simulated_ms += row.simulated_ms;
        for (kind, count) in &row.faults {
            all.faults.entry(*kind).or_default().effects += count.effects;
        }
        for (point, count) in &row.points {
            all.points.entry(format!("{}/{point}", row.scenario)).or_default().effects += count.effects;
        }
    }
    all
}

/// One line for a pipe.
pub(crate) fn standing(rows: &[Row], elapsed: Duration) -> String {
    let all = sum(rows);
    let (seeds, rate) = (number(all.seeds), number(per_minute(all.seeds, elapsed)));
    format!("{}: {seeds} seeds ({rate} a minute), {} failed\n", time(elapsed), all.failed)
}

/// What came of a sweep.
pub(crate) fn summary(summary: &Summary, first_seed: Option<u64>) -> String {
    let elapsed = Duration::from_millis(summary.wall_ms);
    let mut text = format!("\n{}\n", table(&summary.rows, elapsed));
    for row in &summary.rows {
        if row.is_given_up {
            writeln!(text, "{} gave up: too many seeds fail", name(row)).expect("a string takes everything");
        }
    }
    missing(&mut text, &summary.rows);
    text += &all_broken(&summary.broken);
    let all = sum(&summary.rows);
    let failed = all.failed;
    let uncovered = summary.rows.iter().any(Row::lacks_coverage);
    let verdict = match (failed, uncovered) {
        _ if all.seeds == 0 && failed == 0 => style("nothing was run").yellow(),
        (0, false) if summary.is_pass() => style("all laws held").green(),
        (0, _) => style("not all that must be reached was reached").red(),
        _ => style("laws were broken").red(),
    };
    let mut line = format!("\n{}: {} seeds", verdict.bold(), number(all.seeds));
    let repeated: u64 = summary.rows.iter().map(|row| row.repeated).sum();
    let regressions: u64 = summary.rows.iter().map(|row| row.regressions).sum();
    if let Some(seed) = first_seed {
        write!(line, " from {}", seeds::show(seed)).expect("a string takes everything");
    }
    write!(line, ", {failed} failed, {repeated} repeated and equal").expect("a string takes everything");
    if regressions > 0 {
        write!(line, ", {regressions} regressions").expect("a string takes everything");
    }
    let simulated = Duration::from_millis(all.simulated_ms);
    let jobs = summary.jobs;
    writeln!(line, "; {} simulated in {} by {jobs} jobs", time(simulated), time(elapsed))
        .expect("a string takes everything");
    if summary.is_interrupted {
        line += "interrupted: this is what was run until then\n";
    }
    text + &line
}

/// Of each way to fail the first in full, of others their commands.
fn all_broken(all: &[Broken]) -> String {
    let mut text = String::new();
    let mut shown = std::collections::BTreeSet::new();
    let mut more = Vec::new();
    for broken in all {
        let Outcome { scenario, engine, verdict, .. } = &broken.run.outcome;
        if shown.insert((scenario, engine, verdict.way())) || !broken.notes.is_empty() {
            text.push('\n');
            text += &self::broken(broken);
        } else {
            more.push(format!("  {}: {}\n", broken.replay, verdict.signature()));
        }
    }
    if !more.is_empty() {
        text += "\nfailed in the same ways\n";
        text += &more.concat();
    }
    text
}

fn missing(text: &mut String, rows: &[Row]) {
    for row in rows.iter().filter(|row| !row.missing.is_empty()) {
        let (name, missing) = (name(row), row.missing.join("; "));
        let line = if row.is_covered {
            format!("{} {name}: {missing}", style("MISSING").red().bold())
        } else {
            format!("not yet, in {} seeds of {name}: {missing}", number(row.seeds))
        };
        writeln!(text, "{line}").expect("a string takes everything");
    }
}

/// All there is to know about a failure.
pub(crate) fn broken(broken: &Broken) -> String {
    let Broken { run, shrunk, replay, notes } = broken;
    let outcome = &run.outcome;
    let mut text = format!("{} {}\n", style("FAILED").red().bold(), heading(outcome));
    writeln!(text, "  {}", indented(&outcome.verdict.to_string(), 2)).expect("a string takes everything");
    text += &details(outcome);
    if shrunk.is_some() {
        text += "  (this is the least schedule found that still fails in this way)\n";
    }
    if !run.trace.is_empty() {
        text += "  what happened around it\n";
        text += &events(around(&run.trace));
    }
    for note in notes {
        writeln!(text, "  note: {}", indented(note, 4)).expect("a string takes everything");
    }
    writeln!(text, "  to see it again: {}", style(replay).bold()).expect("a string takes everything");
    text
}

/// Which run it is.
pub(crate) fn heading(outcome: &Outcome) -> String {
    let Outcome { scenario, engine, seed, digest, canary, .. } = outcome;
    let canary = canary.as_ref().map_or_else(String::new, |canary| format!(", canary {canary}"));
    format!("{scenario} on {engine}, seed {}, digest {digest}{canary}", seeds::show(*seed))
}

/// What was drawn for the run: options and faults.
pub(crate) fn details(outcome: &Outcome) -> String {
    let mut text = String::new();
    if !outcome.options.is_empty() {
        let options: Vec<_> = outcome.options.iter().map(|(name, value)| format!("{name} {value}")).collect();
        writeln!(text, "  options: {}", options.join(", ")).expect("a string takes everything");
    }
    if outcome.schedule.faults.is_empty() {
        text += "  no faults\n";
    } else {
        text += "  faults\n";
    }
    for fault in &outcome.schedule.faults {
        writeln!(text, "    {fault}").expect("a string takes everything");
    }
    text
}

/// The events of the trace around the failure; without one, the last.
pub(crate) fn around(trace: &[Event]) -> &[Event] {
    let violation = trace.iter().position(|event| matches!(event.what, What::Violated { .. }));
    let at = violation.unwrap_or(trace.len());
    let (before, after) = AROUND;
    &trace[at.saturating_sub(before)..(at + after).min(trace.len())]
}

pub(crate) fn events(events: &[Event]) -> String {
    let mut text = String::new();
    for event in events {
        writeln!(text, "  {}", indented(&event.to_string(), 8)).expect("a string takes everything");
    }
    text
}

fn name(row: &Row) -> String {
    let engine = row.engine.map_or_else(String::new, |engine| format!(" on {engine}"));
    format!("{}{engine}", row.scenario)
}

/// Lines after the first stand under it.
pub(crate) fn indented(text: &str, by: usize) -> String {
    text.trim_end().replace('\n', &format!("\n{:by$}", ""))
}

fn per_minute(count: u64, elapsed: Duration) -> u64 {
    (count as f64 * 60.0 / elapsed.as_secs_f64().max(0.001)) as u64
}

/// 12,345.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// 340ms, 12s, 3m 20s, 5h 3m.
pub(crate) fn time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", duration.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", number(seconds / 3600), seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_for_people() {
        assert_eq!([0, 999, 1000, 1234567].map(number), ["0", "999", "1,000", "1,234,567"]);
        let times = [0, 1500, 12_000, 200_000, 18_180_000].map(|ms| time(Duration::from_millis(ms)));
        assert_eq!(times, ["0.0s", "1.5s", "12s", "3m 20s", "5h 3m"]);
    }

    #[test]
    fn around_a_violation_is_what_led_to_it() {
        let event = |what| Event { at_ns: 0, host: String::new(), what };
        let mut trace: Vec<_> = (0..100).map(|_| event(What::Boot)).collect();
        assert_eq!(around(&trace).len(), AROUND.0);
        trace[50].what = What::Violated { law: "a law".into(), text: String::new() };
        let shown = around(&trace);
        assert_eq!(shown.len(), AROUND.0 + AROUND.1);
        assert_eq!(shown[AROUND.0], trace[50]);
        assert!(around(&[]).is_empty());
    }
}
