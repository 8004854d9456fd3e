//! `sim list`.

use std::{fmt::Write as _, path::Path};

use console::style;

use super::{Exit, Usage, choose, print, text};
use crate::{engine::Engine, scenario::Scenario, sweep::regressions::read};

pub(crate) fn list(suite: &[&dyn Scenario], names: &[String], folder: &Path) -> Result<Exit, Usage> {
    let scenarios = choose(suite, names)?;
    let mut text = String::new();
    for scenario in &scenarios {
        text += &one(*scenario);
    }
    let count =
        |of: fn(&dyn Scenario) -> usize| scenarios.iter().map(|scenario| of(*scenario)).sum::<usize>() as u64;
    let points = text::number(count(|scenario| scenario.points().len()));
    let canaries = text::number(count(|scenario| scenario.canaries().len()));
    let mut kinds: Vec<_> = scenarios.iter().flat_map(|scenario| scenario.storm().kinds).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let (scenarios, kinds) = (scenarios.len(), kinds.len());
    writeln!(text, "{scenarios} scenarios, {kinds} kinds of faults, {points} points, {canaries} canaries")
        .expect("a string takes everything");
    let regressions = read(folder)?.len();
    writeln!(text, "{regressions} regressions in {}", folder.display()).expect("a string takes everything");
    print(&text);
    Ok(Exit::Passed)
}

fn one(scenario: &dyn Scenario) -> String {
    let storm = scenario.storm();
    let mut text = format!("{}: {}\n", style(scenario.name()).bold(), scenario.about());
    let engines: Vec<_> = scenario.engines().iter().map(|engine| engine.name()).collect();
    let mut line = |name: &str, words: Vec<String>| {
        if !words.is_empty() {
            writeln!(text, "  {name:<9} {}", words.join(", ")).expect("a string takes everything");
        }
    };
    line("engines", engines.into_iter().map(str::to_owned).collect());
    line("storm", vec![format!("{}, then {} to settle", text::time(storm.chaos), text::time(storm.settle))]);
    let only_turmoil = storm.kinds_on(Engine::Testing).len() < storm.kinds_on(Engine::Turmoil).len();
    line("faults", storm.kinds.iter().map(ToString::to_string).collect());
    if only_turmoil {
        let on_testing = storm.kinds_on(Engine::Testing);
        let only = storm.kinds.iter().filter(|kind| !on_testing.contains(kind));
        line(
            "",
            vec![format!(
                "(on turmoil only: {})",
                only.map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
            )],
        );
    }
    line("points", scenario.points().iter().map(|point| format!("\"{point}\"")).collect());
    line("canaries", scenario.canaries().iter().map(|canary| (*canary).to_owned()).collect());
    line("coverage", vec![format!("from {} seeds on", text::number(scenario.seeds_for_coverage()))]);
    text + "\n"
}
