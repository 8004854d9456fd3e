//! The verdict, and the figures of the sweep.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
};

use super::{
    family::Family,
    text::{Span, Text, Whole, counted},
};
use crate::{
    fault::FaultKind,
    outcome::{Outcome, Verdict},
    sweep::{Count, Row, Summary},
};

/// What came of it all, in a few words.
pub(super) struct Headline {
    /// `good`, `bad`, or `idle` where nothing was run: that is no success.
    is: &'static str,
    pub(super) text: String,
}

impl Headline {
    pub(super) fn of(summary: &Summary) -> Self {
        let seeds: u64 = summary.rows.iter().map(|row| row.seeds + row.regressions).sum();
        let failed: u64 = summary.rows.iter().map(|row| row.failed).sum();
        let failed = failed.max(summary.broken.len() as u64);
        let laws = summary.broken.iter().filter_map(|broken| match &broken.run.outcome.verdict {
            Verdict::Violated { law, .. } => Some(law),
            _ => None,
        });
        let laws = laws.collect::<BTreeSet<_>>().len() as u64;
        let lacks = summary.rows.iter().any(Row::lacks_coverage);
        let mut parts = Vec::new();
        if laws > 0 {
            parts.push(counted(laws, "law broken", "laws broken"));
        }
        let unlawful = summary.broken.iter().filter(|broken| !broken.run.outcome.verdict.is_pass());
        let others =
            unlawful.filter(|broken| !matches!(broken.run.outcome.verdict, Verdict::Violated { .. })).count();
        if others > 0 {
            parts.push(counted(others as u64, "run failed otherwise", "runs failed otherwise"));
        } else if laws == 0 && failed > 0 {
            parts.push(counted(failed, "run failed", "runs failed"));
        }
        if lacks {
            let first = if parts.is_empty() { "Coverage" } else { "coverage" };
            parts.push(format!("{first} missing"));
        }
        match () {
            () if !parts.is_empty() => Self { is: "bad", text: parts.join(", ") },
            () if !summary.is_pass() => Self { is: "bad", text: "Failed".to_owned() },
            () if summary.is_interrupted => {
                let text = match seeds {
                    0 => "Interrupted before anything was run",
                    _ => "Interrupted; all laws held until then",
                };
                Self { is: "idle", text: text.to_owned() }
            }
            () if seeds == 0 => Self { is: "idle", text: "Nothing was run".to_owned() },
            () => Self { is: "good", text: "All laws held".to_owned() },
        }
    }
}

/// The verdict line, the figures of the whole, and the way to each failure.
pub(super) fn head(page: &mut String, summary: &Summary, headline: &Headline) -> fmt::Result {
    let total = |figure: fn(&Row) -> u64| summary.rows.iter().map(figure).sum::<u64>();
    let (seeds, simulated_ms) = (total(|row| row.seeds), total(|row| row.simulated_ms));
    let wall_ms = summary.wall_ms.max(1);
    writeln!(page, r#"<header class="verdict {}">"#, headline.is)?;
    writeln!(page, r#"<p class="kicker">Seaworthy simulation"#)?;
    if !summary.began.is_empty() {
        write!(page, r#" <time>{}</time>"#, Text(&summary.began))?;
    }
    writeln!(page, "</p>\n<h1>{}</h1>", Text(&headline.text))?;
    if summary.is_interrupted {
        writeln!(page, r#"<p class="cut">The sweep was interrupted. This is what was run until then.</p>"#)?;
    }
    if !summary.broken.is_empty() {
        writeln!(page, r#"<ol class="found">"#)?;
        for alike in ways(summary) {
            found(page, &alike)?;
        }
        writeln!(page, "</ol>")?;
    }
    let mut of_seeds = counted(total(|row| row.failed), "failed", "failed");
    let regressions = total(|row| row.regressions);
    if regressions > 0 {
        of_seeds += &format!(", and {} first", counted(regressions, "regression", "regressions"));
    }
    let figures = [
        (Whole(seeds).to_string(), "seeds", of_seeds),
        (
            Span::millis(simulated_ms).to_string(),
            "simulated",
            counted(total(|row| row.events), "event", "events"),
        ),
        (
            Span::millis(summary.wall_ms).to_string(),
            "of real time",
            counted(summary.jobs as u64, "process at a time", "processes at a time"),
        ),
        (format!("{} ×", Whole(simulated_ms / wall_ms)), "faster than real", String::new()),
        (Whole(seeds * 60_000 / wall_ms).to_string(), "seeds a minute", String::new()),
        (
            Whole(total(|row| row.repeated)).to_string(),
            "ran twice, equal",
            "same seed, another process, same digest".to_owned(),
        ),
    ];
    writeln!(page, r#"<dl class="figures">"#)?;
    for (figure, unit, note) in figures {
        writeln!(page, "<div><dt>{unit}</dt><dd>{figure}</dd><dd class=\"note\">{note}</dd></div>")?;
    }
    writeln!(page, "</dl>\n</header>")
}

/// The failures, those together that failed in the same way, each with its place on the page.
fn ways(summary: &Summary) -> Vec<Vec<(usize, &Outcome)>> {
    let mut ways: Vec<Vec<(usize, &Outcome)>> = Vec::new();
    let way = |it: &Outcome| (it.verdict.signature().to_owned(), it.scenario.clone(), it.engine);
    for (index, broken) in summary.broken.iter().enumerate() {
        let outcome = &broken.run.outcome;
        match ways.iter_mut().find(|alike| way(alike[0].1) == way(outcome)) {
            Some(alike) => alike.push((index, outcome)),
            None => ways.push(vec![(index, outcome)]),
        }
    }
    ways
}

/// A way to fail, and the seeds that did.
fn found(page: &mut String, alike: &[(usize, &Outcome)]) -> fmt::Result {
    let (first, outcome) = alike[0];
    let (law, scenario, engine) =
        (Text(outcome.verdict.signature()), Text(&outcome.scenario), outcome.engine);
    write!(page, r##"<li><a href="#run-{first}">{law}</a> <span>{scenario} on {engine}, "##)?;
    if alike.len() == 1 {
        return writeln!(page, "seed {:#x}</span></li>", outcome.seed);
    }
    write!(page, r#"{} seeds</span> <span class="seeds">"#, alike.len())?;
    for (index, outcome) in alike {
        write!(page, r##"<a href="#run-{index}">{:#x}</a> "##, outcome.seed)?;
    }
    writeln!(page, "</span></li>")
}

/// A row for each scenario on each engine.
pub(super) fn rows(page: &mut String, summary: &Summary) -> fmt::Result {
    if summary.rows.is_empty() {
        return writeln!(page, r#"<p class="none">No scenario was run, so nothing is shown here.</p>"#);
    }
    writeln!(page, r#"<section id="scenarios"><h2>Scenarios</h2><div class="scroll"><table class="rows">"#)?;
    writeln!(
        page,
        "<thead><tr><th>Scenario<th>Engine<th class=n>Seeds<th class=n>Failed<th class=n>Twice, equal\
         <th class=n>Simulated<th class=n>Real, a seed<th class=n>Events<th class=n>Fault kinds<th class=n>Points\
         </tr></thead><tbody>"
    )?;
    for row in &summary.rows {
        let kinds = row.faults.values().filter(|count| count.effects > 0).count();
        let points = row.points.values().filter(|count| count.drawn > 0).count();
        let seeds = row.seeds.max(1);
        let is = if row.failed > 0 || row.lacks_coverage() { "bad" } else { "good" };
        writeln!(
            page,
            "<tr class={is}><th scope=row>{}<small>{}</small><td>{}<td class=n>{}<td class=\"n failed\">{}<td class=n>{}\
             <td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{kinds}<i>/{}</i><td class=n>{points}<i>/{}</i></tr>",
            Text(&row.scenario),
            Text(&row.about),
            row.engine.map_or("", |engine| engine.name()),
            Whole(row.seeds),
            Whole(row.failed),
            Whole(row.repeated),
            Span::millis(row.simulated_ms),
            Span { micros: row.wall_us / seeds },
            Whole(row.events),
            row.faults.len(),
            row.points.len(),
        )?;
        if row.is_given_up {
            writeln!(
                page,
                "<tr class=\"missing bad\"><td colspan=10><b>Given up:</b> so many seeds failed that the others were not run</tr>"
            )?;
        }
        if !row.missing.is_empty() {
            let (class, why) = match row.is_covered {
                true => ("missing bad", "Coverage missing"),
                false => ("missing", "Not seen yet, and too few seeds to expect it"),
            };
            let missing: Vec<_> = row.missing.iter().map(|text| Text(text).to_string()).collect();
            let missing = missing.join("; ");
            writeln!(page, "<tr class=\"{class}\"><td colspan=10><b>{why}:</b> {missing}</tr>")?;
        }
    }
    writeln!(page, "</tbody></table></div></section>")
}

/// How much of a bar a count fills, in per cent. Logarithmic: short reads strike thousands of times, crashes once.
fn share(count: u64, most: u64) -> f64 {
    if count == 0 { 0.0 } else { 100.0 * ((count + 1) as f64).ln() / ((most + 1) as f64).ln() }
}

/// Which faults were drawn, and which of them did anything.
pub(super) fn faults(page: &mut String, summary: &Summary) -> fmt::Result {
    let mut kinds: BTreeMap<FaultKind, (Count, Vec<String>)> = BTreeMap::new();
    for row in &summary.rows {
        for (kind, count) in &row.faults {
            let (sum, inert) = kinds.entry(*kind).or_default();
            sum.drawn += count.drawn;
            sum.effects += count.effects;
            if count.effects == 0 {
                inert.push(place(row));
            }
        }
    }
    if kinds.is_empty() {
        return Ok(());
    }
    let most = kinds.values().map(|(count, _)| count.drawn.max(count.effects)).max().unwrap_or(1).max(1);
    writeln!(
        page,
        r#"<section id="faults"><h2>Faults</h2><p class="lead">How many were drawn, and how often they"#
    )?;
    writeln!(page, "had an effect. A kind without one proves nothing. Bars are logarithmic.</p>")?;
    writeln!(page, r#"<div class="families">"#)?;
    for family in Family::ALL {
        let of_family: Vec<_> = kinds.iter().filter(|(kind, _)| Family::of(**kind) == *family).collect();
        if of_family.is_empty() {
            continue;
        }
        let name = family.name();
        writeln!(
            page,
            "<table class=\"bars {name}\"><caption>{name}</caption><thead><tr><th>Kind<th class=n>Drawn"
        )?;
        writeln!(
            page,
            "<th class=n>Effects<th class=bar><span class=hidden>Bars</span></tr></thead><tbody>"
        )?;
        for (kind, (count, inert)) in of_family {
            let is_inert = count.effects == 0;
            write!(
                page,
                "<tr{}><th scope=row title=\"{}\">{kind}",
                if is_inert { " class=inert" } else { "" },
                Text(kind.about()),
            )?;
            if is_inert {
                write!(page, " <em>{}</em>", if count.drawn == 0 { "never drawn" } else { "inert" })?;
            } else if !inert.is_empty() {
                write!(page, "<small>no effect in {}</small>", Text(&inert.join(", ")))?;
            }
            writeln!(
                page,
                "<td class=n>{}<td class=n>{}<td class=bar><i style=\"width:{:.1}%\"></i><b style=\"width:{:.1}%\"></b></tr>",
                Whole(count.drawn),
                Whole(count.effects),
                share(count.drawn, most),
                share(count.effects, most),
            )?;
        }
        writeln!(page, "</tbody></table>")?;
    }
    writeln!(page, "</div></section>")
}

/// Which points were reached, and by how many runs.
pub(super) fn points(page: &mut String, summary: &Summary) -> fmt::Result {
    let mut scenarios: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in summary.rows.iter().filter(|row| !row.points.is_empty()) {
        scenarios.entry(&row.scenario).or_default().push(row);
    }
    if scenarios.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        r#"<section id="points"><h2>Points</h2><p class="lead">Places that some run must reach, and the"#
    )?;
    writeln!(page, "share of seeds that did.</p><div class=families>")?;
    for (scenario, rows) in scenarios {
        let names: BTreeSet<&String> = rows.iter().flat_map(|row| row.points.keys()).collect();
        let runs =
            |name: &String| rows.iter().map(|row| row.points.get(name).map_or(0, |count| count.drawn)).sum();
        let mut names: Vec<(u64, &String)> = names.into_iter().map(|name| (runs(name), name)).collect();
        // What is missing first, then what is rare.
        names.sort();
        let reached = names.iter().filter(|(runs, _)| *runs > 0).count();
        write!(
            page,
            "<table class=\"bars reached\"><caption>{} <small>{reached} of {} reached</small></caption>",
            Text(scenario),
            names.len()
        )?;
        write!(page, "<thead><tr><th>Point")?;
        for row in &rows {
            write!(page, "<th class=n>{}", row.engine.map_or("", |engine| engine.name()))?;
        }
        writeln!(page, "</tr></thead><tbody>")?;
        for (runs, name) in names {
            write!(page, "<tr{}><th scope=row>{}", if runs == 0 { " class=inert" } else { "" }, Text(name))?;
            if runs == 0 {
                write!(page, " <em>not reached</em>")?;
            }
            for row in &rows {
                let count = row.points.get(name).copied().unwrap_or_default();
                let per_cent = count.drawn as f64 * 100.0 / row.seeds.max(1) as f64;
                let title = format!("{} times in {} of {} seeds", count.effects, count.drawn, row.seeds);
                match count.drawn {
                    0 => write!(page, "<td class=\"n share\" title=\"{title}\">–")?,
                    _ if per_cent < 1.0 => write!(page, "<td class=\"n share\" title=\"{title}\">&lt; 1 %")?,
                    _ => write!(
                        page,
                        "<td class=\"n share\" title=\"{title}\" style=\"--share:{per_cent:.0}%\">{per_cent:.0} %"
                    )?,
                }
            }
            writeln!(page, "</tr>")?;
        }
        writeln!(page, "</tbody></table>")?;
    }
    writeln!(page, "</div></section>")
}

fn place(row: &Row) -> String {
    row.engine.map_or_else(|| row.scenario.clone(), |engine| format!("{}/{engine}", row.scenario))
}
