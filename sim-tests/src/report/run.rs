//! One run: what it broke, under which faults, and the frame of its timeline.

use std::fmt::{self, Write as _};

use super::{
    family::Family,
    text::{Span, Text, Whole, counted},
};
use crate::{
    fault::{Fault, Schedule},
    outcome::{Outcome, Verdict},
    sweep::{Broken, Shown},
};

/// How many of the last events are in the markup, for a reader without script.
const LAST: usize = 40;

/// A failure.
pub(super) fn broken(page: &mut String, index: usize, broken: &Broken) -> fmt::Result {
    let outcome = &broken.run.outcome;
    let open = if index == 0 { " open" } else { "" };
    writeln!(page, r#"<details class="run bad" id="run-{index}"{open}>"#)?;
    writeln!(
        page,
        "<summary><h3>{}</h3><span>{} on {} · seed {:#x}</span></summary>",
        Text(outcome.verdict.signature()),
        Text(&outcome.scenario),
        outcome.engine,
        outcome.seed,
    )?;
    verdict(page, &outcome.verdict)?;
    if let Some(canary) = &outcome.canary {
        writeln!(page, r#"<p class="canary">The planted bug <b>{}</b> was switched on.</p>"#, Text(canary))?;
    }
    if !broken.notes.is_empty() {
        writeln!(page, "<ul class=notes>")?;
        for note in &broken.notes {
            writeln!(page, "<li>{}</li>", Text(note))?;
        }
        writeln!(page, "</ul>")?;
    }
    if !broken.replay.is_empty() {
        writeln!(
            page,
            "<p class=replay><code>{}</code> <button type=button class=copy hidden>Copy</button></p>",
            Text(&broken.replay)
        )?;
    }
    facts(page, outcome)?;
    let (schedule, is) = match &broken.shrunk {
        Some(shrunk) => (shrunk, "Shrunk schedule: the least found that still fails in this way"),
        None => (&outcome.schedule, "Schedule as it was run"),
    };
    faults(page, schedule, outcome.simulated_ms, is)?;
    timeline(page, &format!("broken/{index}"), &broken.run)?;
    writeln!(page, "</details>")
}

/// A run that went well.
pub(super) fn sample(page: &mut String, run: &Shown) -> fmt::Result {
    let outcome = &run.outcome;
    writeln!(
        page,
        "<section id=sample class=run><h2>A run that went well</h2><p class=lead>{} on {} · seed {:#x}</p>",
        Text(&outcome.scenario),
        outcome.engine,
        outcome.seed
    )?;
    facts(page, outcome)?;
    faults(page, &outcome.schedule, outcome.simulated_ms, "Schedule")?;
    timeline(page, "sample", run)?;
    writeln!(page, "</section>")
}

fn verdict(page: &mut String, verdict: &Verdict) -> fmt::Result {
    let (place, text) = match verdict {
        Verdict::Violated { text, host, at_ms, .. } => {
            let on = if host.is_empty() { String::new() } else { format!(" on {host}") };
            (format!("at {}.{:03} s{on}", at_ms / 1000, at_ms % 1000), text.as_str())
        }
        Verdict::Panicked { text }
        | Verdict::Stuck { text }
        | Verdict::Failed { text }
        | Verdict::Died { text }
        | Verdict::Diverged { text } => (String::new(), text.as_str()),
        Verdict::TimedOut { .. } | Verdict::Passed => (verdict.to_string(), ""),
    };
    if !place.is_empty() {
        writeln!(page, "<p class=place>{}</p>", Text(&place))?;
    }
    if !text.is_empty() {
        writeln!(page, "<pre class=how>{}</pre>", Text(text))?;
    }
    Ok(())
}

fn facts(page: &mut String, outcome: &Outcome) -> fmt::Result {
    writeln!(page, "<dl class=facts>")?;
    for (name, value) in &outcome.options {
        writeln!(page, "<div><dt>{}</dt><dd>{}</dd></div>", Text(name), Text(value))?;
    }
    writeln!(page, "<div class=of-run><dt>digest</dt><dd>{}</dd></div>", outcome.digest)?;
    writeln!(
        page,
        "<div class=of-run><dt>simulated</dt><dd>{}</dd></div>",
        Span::millis(outcome.simulated_ms)
    )?;
    let (real, events) = (Span { micros: outcome.wall_us }, Whole(outcome.events));
    writeln!(page, "<div class=of-run><dt>real</dt><dd>{real}</dd></div>")?;
    writeln!(page, "<div class=of-run><dt>events</dt><dd>{events}</dd></div>\n</dl>")
}

fn faults(page: &mut String, schedule: &Schedule, end_ms: u64, is: &str) -> fmt::Result {
    if schedule.faults.is_empty() {
        return writeln!(
            page,
            "<p class=calm>{is}. There are no faults in it: it fails, or not, without any.</p>"
        );
    }
    let count = counted(schedule.faults.len() as u64, "fault", "faults");
    writeln!(
        page,
        "<details class=schedule open><summary>{is} <i>{count}</i></summary><div class=scroll><table>"
    )?;
    writeln!(
        page,
        "<thead><tr><th>Kind<th>Host<th class=n>At<th class=n>For<th class=n>Size<th>What it does</tr>"
    )?;
    writeln!(page, "</thead><tbody>")?;
    for fault in &schedule.faults {
        let Fault { at_ms, lasts_ms, kind, on, size } = fault;
        let late = if *at_ms > end_ms { " class=late title=\"after the end of the run\"" } else { "" };
        let lasts = if *lasts_ms == 0 { "at once".to_owned() } else { seconds(*lasts_ms) };
        let size =
            if kind.sizes().1 == 0 { String::new() } else { format!("{} {}", Whole(*size), kind.unit()) };
        writeln!(
            page,
            "<tr{late}><th scope=row><span class=\"dot {}\"></span>{kind}<td class=on>{}<td class=n>{}<td class=n>{lasts}\
             <td class=n>{size}<td class=about>{}</tr>",
            Family::of(*kind).name(),
            Text(on),
            seconds(*at_ms),
            Text(kind.about()),
        )?;
    }
    writeln!(page, "</tbody></table></div></details>")
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03} s", millis / 1000, millis % 1000)
}

fn timeline(page: &mut String, run: &str, shown: &Shown) -> fmt::Result {
    if shown.trace.is_empty() {
        return writeln!(page, "<p class=calm>No events of this run were kept, so there is no timeline.</p>");
    }
    writeln!(page, "<div class=timeline data-run=\"{run}\"></div>\n<noscript>")?;
    let from = shown.trace.len().saturating_sub(LAST);
    let before = shown.left_out + from as u64;
    writeln!(
        page,
        "<p class=calm>The timeline needs JavaScript. These are the last events; {} came before.</p>",
        Whole(before)
    )?;
    write!(page, "<pre class=events>")?;
    for event in &shown.trace[from..] {
        writeln!(page, "{}", Text(&event.to_string()))?;
    }
    writeln!(page, "</pre></noscript>")
}
