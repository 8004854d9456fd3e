//! `sim replay`.

use std::time::SystemTime;

use super::{
    Exit, Usage, args::ReplayArgs, called, check_canary, choose, on_signals, print, run, screen::Screen, text,
};
use crate::scenario::Scenario;
use crate::{
    outcome::Verdict,
    sweep::{
        Broken, Shown, Summary,
        child::{Keep, Request},
        diverge,
        driver::has_digest,
        failures::Inquiry,
        process::Ran,
        regressions::read_schedule,
        tally,
    },
};

pub(crate) fn replay(suite: &[&dyn Scenario], args: ReplayArgs) -> Result<Exit, Usage> {
    let scenario = choose(suite, std::slice::from_ref(&args.scenario))?[0];
    let canary = check_canary(&[scenario])?;
    let engine = match args.engine {
        Some(engine) if !scenario.engines().contains(&engine) => {
            return Err(Usage(format!("{} does not run on {engine}", args.scenario)));
        }
        Some(engine) => engine,
        None => {
            *scenario.engines().first().ok_or_else(|| Usage(format!("{} has no engine", args.scenario)))?
        }
    };
    let schedule = args.schedule.as_deref().map(read_schedule).transpose()?;
    let keep = if args.trace { Keep::All } else { Keep::Tail };
    let request = Request::new(&args.scenario, engine, args.seed).with(schedule, keep);
    let stop = on_signals()?;
    let runner = args.how.processes.runner(&stop)?;
    let began = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();

    let Some(Ran { shown: mut run, said, heard }) = runner.run_until(&request, None) else {
        return Ok(Exit::Interrupted);
    };
    let mut equal = false;
    if has_digest(&run.outcome) {
        let Some(again) = runner.run(&request) else { return Ok(Exit::Interrupted) };
        match diverge::between(&run.outcome, &again.outcome) {
            None => equal = true,
            Some(text) => {
                let event = diverge::event(&run.trace, &again.trace).unwrap_or_default();
                run.outcome.verdict = Verdict::Diverged { text: format!("{text}\n{event}") };
            }
        }
    }
    if let Some(canary) = canary {
        print(&format!("with the planted bug `{canary}`\n"));
    }
    show(&run, &said, args.trace, equal);
    let mut summary = Summary { began, jobs: 1, ..Summary::default() };
    let mut row = tally::row(scenario, engine);
    row.add(&run.outcome);
    row.repeated += u64::from(equal);
    summary.wall_ms = run.outcome.wall_us / 1000;
    summary.rows.push(row);
    let passed = run.outcome.verdict.is_pass();
    if passed {
        summary.sample = Some(run);
    } else {
        let command = called();
        let (jobs, shrink_time) = (args.how.processes.jobs(), args.how.shrink_time);
        let inquiry = Inquiry { runner: &runner, jobs, shrink_time, command: &command };
        let replay = inquiry.replay(&run.outcome, args.schedule.as_deref());
        let mut broken = Broken { run, shrunk: None, replay, notes: Vec::new() };
        if args.shrink {
            let mut screen = Screen::new();
            let before = broken.run.outcome.schedule.faults.len();
            inquiry.shrink(&mut broken, heard, shrink_time, |text| screen.aside(text));
            screen.clear();
            print(&shrunk(&broken, before));
        }
        summary.broken.push(broken);
    }
    run::keep(&summary.broken, &args.how)?;
    run::write(&summary, &args.how)?;
    Ok(match passed {
        _ if stop.is_stopped() => Exit::Interrupted,
        true => Exit::Passed,
        false => Exit::Failed,
    })
}

fn show(run: &Shown, said: &str, all: bool, equal: bool) {
    let outcome = &run.outcome;
    let mut words = format!("{}\n{}", text::heading(outcome), text::details(outcome));
    if !run.trace.is_empty() {
        let events = if all { &run.trace[..] } else { text::around(&run.trace) };
        let left_out = run.left_out + (run.trace.len() - events.len()) as u64;
        words += &text::events(events);
        if left_out > 0 {
            words += &format!("  ({} more events: --trace)\n", text::number(left_out));
        }
    }
    if !said.is_empty() {
        words += &format!("  it said\n    {}\n", text::indented(said, 4));
    }
    let same = if equal { "; twice the same" } else { "" };
    let (events, simulated) = (text::number(outcome.events), outcome.simulated_ms);
    let simulated = text::time(std::time::Duration::from_millis(simulated));
    words +=
        &format!("{events} events in {simulated}, digest {}{same}\n{}\n", outcome.digest, outcome.verdict);
    print(&words);
}

fn shrunk(broken: &Broken, before: usize) -> String {
    match &broken.shrunk {
        Some(least) => {
            format!("\nof {before} faults, {} are left\n{}", least.faults.len(), text::broken(broken))
        }
        None => {
            let notes: Vec<_> = broken.notes.iter().map(|note| format!("\n  {note}")).collect();
            format!("no smaller schedule fails in this way{}\n", notes.concat())
        }
    }
}
