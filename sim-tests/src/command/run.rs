//! `sim run` and `sim soak`.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use super::{
    Exit, Usage,
    args::{How, RunArgs, SoakArgs, Which},
    called, check_canary, choose, on_signals, print,
    screen::Screen,
    text, write_file,
};
use crate::{
    engine::Engine,
    outcome::Outcome,
    scenario::Scenario,
    sweep::{
        Broken, Summary,
        driver::{Sweep, Swept},
        failures::{Inquiry, SCHEDULE},
        plan::Bounds,
        process::Runner,
        regressions::{Regression, read},
        seeds,
    },
};

/// How long a sweep takes if nothing says.
const TIME: Duration = Duration::from_secs(60);

pub(crate) fn run(suite: &[&dyn Scenario], args: RunArgs) -> Result<Exit, Usage> {
    let RunArgs { which, seeds, time, how } = args;
    let bounds = match seeds {
        Some(seeds) => Bounds { seeds, time, extends: false },
        None => Bounds { seeds: seeds::fresh()?..u64::MAX, time: Some(time.unwrap_or(TIME)), extends: true },
    };
    sweep(suite, &which, &how, bounds)
}

pub(crate) fn soak(suite: &[&dyn Scenario], args: SoakArgs) -> Result<Exit, Usage> {
    let bounds = Bounds { seeds: seeds::fresh()?..u64::MAX, time: Some(args.time), extends: false };
    sweep(suite, &args.which, &args.how, bounds)
}

fn sweep(suite: &[&dyn Scenario], which: &Which, how: &How, bounds: Bounds) -> Result<Exit, Usage> {
    let scenarios = choose(suite, &which.scenarios)?;
    let canary = check_canary(&scenarios)?;
    let sweep = Sweep {
        lanes: lanes(&scenarios, which.engine)?,
        regressions: chosen_regressions(suite, &scenarios, which.engine, how)?,
        jobs: how.processes.jobs(),
        bounds,
    };
    // Found out now rather than when all is done.
    for path in [&how.json, &how.report].into_iter().flatten() {
        write_file(path, "")?;
    }
    let stop = on_signals()?;
    let runner = how.processes.runner(&stop)?;
    let mut screen = Screen::new();
    print(&greeting(&sweep, canary.as_deref()));
    let began = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let swept = sweep.run(&runner, |progress| screen.show(&progress));
    let summary = look_into(&runner, how, &sweep, swept, began, &mut screen);
    screen.clear();
    print(&text::summary(&summary, Some(sweep.bounds.seeds.start)));
    keep(&summary.broken, how)?;
    write(&summary, how)?;
    Ok(match summary.is_pass() {
        _ if summary.is_interrupted => Exit::Interrupted,
        true => Exit::Passed,
        false => Exit::Failed,
    })
}

fn look_into(
    runner: &Runner<'_>,
    how: &How,
    sweep: &Sweep<'_>,
    swept: Swept,
    began: String,
    screen: &mut Screen,
) -> Summary {
    let Swept { rows, failures, sample, wall, is_interrupted } = swept;
    let command = called();
    let inquiry = Inquiry { runner, jobs: sweep.jobs, shrink_time: how.shrink_time, command: &command };
    let broken = inquiry.look_into(failures, |text| screen.aside(text));
    let is_shown = how.json.is_some() || how.report.is_some();
    let sample = sample.filter(|_| is_shown && broken.is_empty()).and_then(|request| runner.run(&request));
    Summary {
        began,
        wall_ms: wall.as_millis() as u64,
        jobs: sweep.jobs,
        is_interrupted,
        rows,
        broken,
        sample,
    }
}

/// The scenarios on their engines, or on the one that is asked for.
pub(crate) fn lanes<'a>(
    scenarios: &[&'a dyn Scenario],
    engine: Option<Engine>,
) -> Result<Vec<(&'a dyn Scenario, Engine)>, Usage> {
    let lanes = scenarios.iter().flat_map(|scenario| {
        let engines = scenario.engines().iter().copied();
        engines.filter(|it| engine.is_none_or(|engine| engine == *it)).map(|engine| (*scenario, engine))
    });
    let lanes: Vec<_> = lanes.collect();
    match engine {
        Some(engine) if lanes.is_empty() => Err(Usage(format!("none of these scenarios runs on {engine}"))),
        _ => Ok(lanes),
    }
}

fn chosen_regressions(
    suite: &[&dyn Scenario],
    scenarios: &[&dyn Scenario],
    engine: Option<Engine>,
    how: &How,
) -> Result<Vec<(std::path::PathBuf, Regression)>, Usage> {
    if how.no_regressions {
        return Ok(Vec::new());
    }
    let mut all = read(how.folder())?;
    // Another program of the same package may have left it here; one that was renamed should be seen.
    all.retain(|(path, it)| {
        let is_known =
            suite.iter().any(|known| known.name() == it.scenario && known.engines().contains(&it.engine));
        if !is_known {
            let Regression { scenario, engine, .. } = it;
            let path = path.display();
            eprintln!("skipped: {path} is for `{scenario}` on {engine}, which is not in this program");
        }
        is_known
    });
    all.retain(|(_, it)| {
        let is_chosen = scenarios.iter().any(|scenario| scenario.name() == it.scenario);
        is_chosen && engine.is_none_or(|engine| engine == it.engine)
    });
    Ok(all)
}

fn greeting(sweep: &Sweep<'_>, canary: Option<&str>) -> String {
    let Bounds { seeds, time, .. } = &sweep.bounds;
    let seeds = match seeds.end {
        u64::MAX => format!("seeds from {}", seeds::show(seeds.start)),
        end => format!("seeds {} to {}", seeds::show(seeds.start), seeds::show(end - 1)),
    };
    let time = time.map_or_else(String::new, |time| format!(", about {}", text::time(time)));
    let canary = canary.map_or_else(String::new, |canary| format!(", with the planted bug `{canary}`"));
    format!("{seeds}{time}, {} jobs{canary}\n", sweep.jobs)
}

/// Writes the schedules of failures to the folder of regressions, or says how to: of each way to fail the first, and what a
/// regression was shrunk to.
pub(crate) fn keep(broken: &[Broken], how: &How) -> Result<(), Usage> {
    let mut ways = std::collections::BTreeSet::new();
    let mut kept: Vec<_> = broken.iter().collect();
    kept.retain(|broken| {
        let Outcome { scenario, engine, verdict, .. } = &broken.run.outcome;
        let is_file = broken.replay.contains(SCHEDULE);
        ways.insert((scenario, engine, verdict.way())) && (broken.shrunk.is_some() || !is_file)
    });
    if kept.is_empty() {
        return Ok(());
    }
    let folder = how.folder();
    if !how.keep {
        print(&format!("with --keep the shrunk schedules are kept in {}\n", folder.display()));
        return Ok(());
    }
    for broken in kept {
        let Broken { run, replay, .. } = broken;
        if let Some(canary) = &run.outcome.canary {
            print(&format!("not kept, since `{canary}` was planted: {replay}\n"));
            continue;
        }
        let written = Regression::of(&run.outcome).write(folder);
        let path =
            written.map_err(|error| Usage(format!("{} cannot be written: {error}", folder.display())))?;
        let replay = replay.split(SCHEDULE).next().unwrap_or_default();
        print(&format!("kept: {replay}{SCHEDULE}{}\n", path.display()));
    }
    Ok(())
}

/// Writes the files that were asked for.
pub(crate) fn write(summary: &Summary, how: &How) -> Result<(), Usage> {
    if let Some(path) = &how.json {
        let text = serde_json::to_string(summary).map_err(|error| Usage(format!("no JSON: {error}")))?;
        written(path, &(text + "\n"))?;
    }
    if let Some(path) = &how.report {
        written(path, &crate::report::html(summary))?;
    }
    Ok(())
}

fn written(path: &Path, text: &str) -> Result<(), Usage> {
    write_file(path, text)?;
    print(&format!("written: {}\n", path.display()));
    Ok(())
}
