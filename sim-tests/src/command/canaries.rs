//! `sim canaries`: planted bugs must be found.

use super::{Exit, Usage, args::CanariesArgs, choose, on_signals, print, run::lanes, screen::Screen, text};
use crate::{
    engine::Engine,
    outcome::Verdict,
    scenario::Scenario,
    sweep::{
        Row,
        child::Request,
        driver::{Progress, Sweep},
        plan::Bounds,
        process::Runner,
        seeds,
    },
};

/// From so many places in the line of seeds each canary is looked for.
const BASES: u64 = 5;

/// A prime far from all small numbers, so that the seeds of two bases have nothing in common.
const BASES_APART: u64 = 1_000_003;

pub(crate) fn canaries(suite: &[&dyn Scenario], args: CanariesArgs) -> Result<Exit, Usage> {
    let scenarios = choose(suite, &args.which.scenarios)?;
    if !cfg!(seaworthy_canary) {
        let text = "this program was built without planted bugs; `just canaries` builds one with them, which is \
                    RUSTFLAGS=\"--cfg seaworthy_canary\" CARGO_TARGET_DIR=target/canary cargo run --profile sim -p \
                    seaworthy-sim -- canaries";
        return Err(Usage(text.to_owned()));
    }
    let planted = planted(&scenarios, args.canary.as_deref())?;
    let stop = on_signals()?;
    let runner = args.processes.runner(&stop)?;
    let jobs = args.processes.jobs();
    let mut screen = Screen::new();
    let (mut lost, mut most) = (0, 0);
    for (scenario, canary) in &planted {
        let hunt = Hunt {
            lanes: lanes(&[*scenario], args.which.engine)?,
            runner: &runner.with_canary(canary),
            without: &runner,
            seeds_max: args.seeds_max,
            jobs,
        };
        let mut hunted = Vec::new();
        for base in 0..BASES {
            screen.aside(&format!("{} {canary}: {} of {BASES}", scenario.name(), base + 1));
            let Some(found) = hunt.from(base * BASES_APART) else { return Ok(Exit::Interrupted) };
            hunted.push(found);
            // Once lost is lost: the other bases would only take their time.
            if hunted.iter().any(Option::is_none) {
                break;
            }
        }
        screen.clear();
        let something_else = hunted.iter().flatten().find(|found| found.is_something_else);
        let line = match hunted.iter().flatten().count() as u64 {
            _ if let Some(Found { engine, seed, signature, .. }) = something_else => {
                lost += 1;
                let seed = seeds::show(*seed);
                let name = scenario.name();
                format!(
                    "{name:<12} {canary:<28} UNCLEAR: {engine} {seed} fails without it too, or not by a law: {signature}\n"
                )
            }
            BASES => {
                let (line, median) = found(scenario.name(), canary, hunted.into_iter().flatten().collect());
                most = most.max(median);
                line
            }
            _ => {
                lost += 1;
                format!(
                    "{:<12} {canary:<28} NOT FOUND in {} seeds\n",
                    scenario.name(),
                    text::number(args.seeds_max)
                )
            }
        };
        print(&line);
    }
    let count = planted.len();
    print(&format!("\n{} of {count} canaries found; the largest median is {most} seeds\n", count - lost));
    Ok(if lost == 0 { Exit::Passed } else { Exit::Failed })
}

/// The canaries of these scenarios, or the one of this name.
fn planted<'a>(
    scenarios: &[&'a dyn Scenario],
    name: Option<&str>,
) -> Result<Vec<(&'a dyn Scenario, &'static str)>, Usage> {
    let all =
        scenarios.iter().flat_map(|scenario| scenario.canaries().iter().map(|canary| (*scenario, *canary)));
    let planted: Vec<_> = all.filter(|(_, canary)| name.is_none_or(|name| name == *canary)).collect();
    if planted.is_empty() {
        let which = name.map_or_else(|| "no canary".to_owned(), |name| format!("no canary `{name}`"));
        return Err(Usage(format!("there is {which} in these scenarios; `list` shows what there is")));
    }
    Ok(planted)
}

/// Looking for one canary.
struct Hunt<'a> {
    lanes: Vec<(&'a dyn Scenario, Engine)>,
    runner: &'a Runner<'a>,
    /// Switches no bug on.
    without: &'a Runner<'a>,
    seeds_max: u64,
    jobs: usize,
}

/// Where a canary was found.
struct Found {
    /// How many seeds it took, of all engines together.
    seeds: u64,
    engine: Engine,
    seed: u64,
    signature: String,
    /// Whether this seed fails without the canary too, or has died, hung or diverged: then it was something else that was
    /// found.
    is_something_else: bool,
}

impl Hunt<'_> {
    /// How many seeds it takes from `base` on; `None` if it was interrupted, or else none if it was not found.
    fn from(&self, base: u64) -> Option<Option<Found>> {
        let lanes = self.lanes.len() as u64;
        let end = base + self.seeds_max.div_ceil(lanes);
        let mut from = base;
        // In small steps, so that it ends soon after it was found; and the first is looked for, not the fastest.
        while from < end {
            let step = (from + 2 * self.jobs as u64).min(end);
            let bounds = Bounds { seeds: from..step, time: None, extends: false };
            let sweep = Sweep { lanes: self.lanes.clone(), bounds, jobs: self.jobs, regressions: Vec::new() };
            let swept = sweep.run(self.runner, |_: Progress<'_>| ());
            if swept.is_interrupted {
                return None;
            }
            if let Some(first) = swept.failures.first() {
                let outcome = &first.outcome;
                let before: u64 = (outcome.seed - base) * lanes;
                let engines: Vec<_> = swept.rows.iter().filter_map(|row: &Row| row.engine).collect();
                let lane =
                    engines.iter().position(|engine| *engine == outcome.engine).unwrap_or_default() as u64;
                let signature = outcome.verdict.signature().to_owned();
                let (engine, seed) = (outcome.engine, outcome.seed);
                let without = self.without.run(&Request::new(&outcome.scenario, engine, seed))?;
                let is_finding = matches!(
                    outcome.verdict,
                    Verdict::Violated { .. } | Verdict::Panicked { .. } | Verdict::Stuck { .. }
                );
                let is_something_else = !is_finding || !without.outcome.verdict.is_pass();
                return Some(Some(Found {
                    seeds: before + lane + 1,
                    engine,
                    seed,
                    signature,
                    is_something_else,
                }));
            }
            from = step;
        }
        Some(None)
    }
}

fn found(scenario: &str, canary: &str, mut all: Vec<Found>) -> (String, u64) {
    all.sort_by_key(|found| found.seeds);
    let Found { seeds, engine, seed, signature, .. } = &all[all.len() / 2];
    let range = format!("{} to {}", all[0].seeds, all[all.len() - 1].seeds);
    let seed = seeds::show(*seed);
    let line =
        format!("{scenario:<12} {canary:<28} {seeds:>4} seeds ({range}), {engine} {seed}: {signature}\n");
    (line, *seeds)
}
