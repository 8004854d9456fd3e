//! What is done about runs that failed: repeat them with their trace, shrink their schedules.

use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{
    Broken, Shown, Summary,
    child::{Keep, Request},
    diverge,
    driver::{Failure, has_digest},
    process::{Ran, Runner},
    seeds,
    shrink::{Tried, shrink},
};
use crate::{
    fault::Schedule,
    outcome::{Outcome, Verdict},
};

/// What stands before the file of a schedule in a command.
pub(crate) const SCHEDULE: &str = " --schedule ";

/// A run that hangs is silent for so long when it is run again, and shrunk.
const SILENCE: Duration = Duration::from_secs(1);

/// How to look into failures.
pub(crate) struct Inquiry<'a> {
    pub(crate) runner: &'a Runner<'a>,
    pub(crate) jobs: usize,
    /// For shrinking, all failures together.
    pub(crate) shrink_time: Duration,
    /// How this program is called, in the words of its user.
    pub(crate) command: &'a str,
}

impl Inquiry<'_> {
    /// Those that are kept, with all there is to show. Of each way to fail, the first is shrunk.
    pub(crate) fn look_into(&self, failures: Vec<Failure>, mut say: impl FnMut(&str)) -> Vec<Broken> {
        let chosen = choose(failures);
        let mut ways = BTreeSet::new();
        let mut left = self.shrink_time;
        let mut broken = Vec::new();
        let firsts: Vec<_> = chosen.iter().map(|failure| ways.insert(way(&failure.outcome))).collect();
        let mut to_shrink = firsts.iter().filter(|is_first| **is_first).count() as u32;
        for (failure, is_first) in chosen.into_iter().zip(firsts) {
            say(&format!("running {} {} again", failure.outcome.scenario, seeds::show(failure.outcome.seed)));
            let (mut found, heard) = self.repeat(failure, is_first);
            if is_first {
                let began = Instant::now();
                self.shrink(&mut found, heard, left / to_shrink, &mut say);
                left = left.saturating_sub(began.elapsed());
                to_shrink -= 1;
            }
            broken.push(found);
        }
        broken
    }

    /// The failure with its trace, if it can be repeated, and when it was heard last.
    fn repeat(&self, failure: Failure, is_first: bool) -> (Broken, Duration) {
        let Failure { outcome, file, mut notes } = failure;
        let request = request(&outcome, file.is_some().then(|| outcome.schedule.clone()));
        let replay = self.replay(&outcome, file.as_deref());
        let mut run = Shown { outcome, trace: Vec::new(), left_out: 0 };
        let mut heard = Duration::ZERO;
        // What does not end takes its whole time again: the first of its kind is enough.
        let is_worth_it = is_first || !matches!(run.outcome.verdict, Verdict::TimedOut { .. });
        let watched = is_worth_it.then(|| self.watch(self.runner, &request, &run.outcome.verdict)).flatten();
        if let Some(again) = watched {
            match difference(&run.outcome, &again.shown.outcome) {
                None => (run, heard) = (again.shown, again.heard),
                Some(text) => notes.push(text),
            }
        }
        (Broken { run, shrunk: None, replay, notes }, heard)
    }

    /// A run with its trace; with what was told until then if it dies. To see one diverge takes two: the trace is what
    /// they have in common, and the first event that they have not.
    fn watch(&self, runner: &Runner<'_>, request: &Request, verdict: &Verdict) -> Option<Ran> {
        if !matches!(verdict, Verdict::Diverged { .. }) {
            return runner.run_until(&request.with(request.schedule.clone(), Keep::Tail), None);
        }
        let request = request.with(request.schedule.clone(), Keep::All);
        let (mut first, second) = (runner.run_until(&request, None)?, runner.run(&request)?);
        let Some(text) = diverge::between(&first.shown.outcome, &second.outcome) else { return Some(first) };
        let Shown { outcome, trace, left_out } = &mut first.shown;
        let event = diverge::event(trace, &second.trace).unwrap_or_default();
        outcome.verdict = Verdict::Diverged { text: format!("{text}\n{event}").trim_end().to_owned() };
        trace.truncate(diverge::common(trace, &second.trace) + 1);
        let spare = trace.len().saturating_sub(Shown::EVENTS_MAX);
        trace.drain(..spare);
        *left_out += spare as u64;
        Some(first)
    }

    /// The one command that repeats a run.
    pub(crate) fn replay(&self, outcome: &Outcome, file: Option<&Path>) -> String {
        let Outcome { scenario, engine, .. } = outcome;
        let mut replay =
            format!("{} replay {scenario} {} --engine {engine}", self.command, seeds::show(outcome.seed));
        if let Some(file) = file {
            replay += &format!("{SCHEDULE}{}", file.display());
        }
        replay
    }

    /// Looks for the least schedule that fails in the same way, for at most `time`. `heard` is when the run was heard last:
    /// one that hangs need not be waited for any longer than that takes.
    pub(crate) fn shrink(
        &self,
        broken: &mut Broken,
        heard: Duration,
        time: Duration,
        mut say: impl FnMut(&str),
    ) {
        let outcome = &broken.run.outcome;
        let verdict = outcome.verdict.clone();
        if time.is_zero() || outcome.schedule.faults.is_empty() {
            return;
        }
        let runner = match verdict {
            Verdict::TimedOut { .. } => self.runner.with_limit(heard * 4 + SILENCE),
            _ => self.runner.clone(),
        };
        let request = request(outcome, None);
        let whole = outcome.schedule.clone();
        let deadline = Instant::now() + time;
        let mut tried = 0;
        let least = shrink(&whole, |candidates| {
            tried += candidates.len();
            say(&format!(
                "shrinking {} {}: {tried} schedules tried",
                request.scenario,
                seeds::show(request.seed)
            ));
            let fails = |schedule: &Schedule| {
                fails(&runner, &request.with(Some(schedule.clone()), Keep::Nothing), &verdict, deadline)
            };
            self.first_failing(candidates, fails)
        });
        if Instant::now() >= deadline {
            let seconds = time.as_secs_f64();
            broken.notes.push(format!(
                "shrinking stopped after {seconds:.1} s; more time might find a smaller schedule"
            ));
        }
        if least == whole {
            return;
        }
        let again = self.watch(&runner, &request.with(Some(least.clone()), Keep::Nothing), &verdict);
        if let Some(again) = again.filter(|again| again.shown.outcome.verdict.way() == verdict.way()) {
            broken.run = again.shown;
            broken.shrunk = Some(least);
        }
    }

    /// The first of the candidates that fails; all jobs try. `fails` does not know when there is no time left.
    fn first_failing(
        &self,
        candidates: &[Schedule],
        fails: impl Fn(&Schedule) -> Option<bool> + Sync,
    ) -> Tried {
        let (next, found, unknown) =
            (AtomicUsize::new(0), AtomicUsize::new(usize::MAX), AtomicUsize::new(usize::MAX));
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= candidates.len() || index > found.load(Ordering::Relaxed) {
                    return;
                }
                match fails(&candidates[index]) {
                    Some(true) => drop(found.fetch_min(index, Ordering::Relaxed)),
                    Some(false) => {}
                    None => {
                        unknown.fetch_min(index, Ordering::Relaxed);
                        return;
                    }
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.jobs.min(candidates.len()) {
                scope.spawn(work);
            }
            work();
        });
        let (found, unknown) = (found.into_inner(), unknown.into_inner());
        match found {
            usize::MAX if unknown < usize::MAX => ControlFlow::Break(()),
            usize::MAX => ControlFlow::Continue(None),
            found => ControlFlow::Continue(Some(found)),
        }
    }
}

/// Whether a run fails as another did; `None` if there was no time to find out.
fn fails(runner: &Runner<'_>, request: &Request, verdict: &Verdict, deadline: Instant) -> Option<bool> {
    let run = || runner.run_until(request, Some(deadline)).map(|ran| ran.shown.outcome);
    let outcome = run()?;
    if matches!(verdict, Verdict::Diverged { .. }) {
        return Some(diverge::between(&outcome, &run()?).is_some());
    }
    Some(outcome.verdict.way() == verdict.way())
}

/// What keeps a second run from standing for the first, in words.
fn difference(first: &Outcome, second: &Outcome) -> Option<String> {
    let is_same_way = first.verdict.way() == second.verdict.way();
    let ended = second.verdict.to_string();
    let ended = ended.lines().next().unwrap_or_default();
    match &first.verdict {
        Verdict::Diverged { .. } if is_same_way => None,
        Verdict::Diverged { .. } => {
            Some("run twice more it was the same, so where it differs is not known".to_owned())
        }
        _ if !has_digest(first) => {
            (!is_same_way).then(|| format!("run again it ended otherwise, so there is no trace: {ended}"))
        }
        _ => diverge::between(first, second)
            .map(|text| format!("it does not repeat itself, so there is no trace: {text}")),
    }
}

/// The request of a run as it was, or with this schedule.
fn request(outcome: &Outcome, schedule: Option<Schedule>) -> Request {
    Request::new(&outcome.scenario, outcome.engine, outcome.seed).with(schedule, Keep::Nothing)
}

/// What two failures have in common if one of them is enough to look into.
fn way(outcome: &Outcome) -> (String, String, String) {
    (outcome.scenario.clone(), outcome.engine.to_string(), outcome.verdict.way())
}

/// Of so many as are kept, each way to fail has its first; the order remains.
fn choose(failures: Vec<Failure>) -> Vec<Failure> {
    let mut ways = BTreeSet::new();
    let mut order: Vec<_> = failures
        .iter()
        .enumerate()
        .map(|(index, failure)| (!ways.insert(way(&failure.outcome)), index))
        .collect();
    order.sort_unstable();
    order.truncate(Summary::BROKEN_MAX);
    let chosen: BTreeSet<_> = order.into_iter().map(|(_, index)| index).collect();
    let failures = failures.into_iter().enumerate();
    failures.filter(|(index, _)| chosen.contains(index)).map(|(_, failure)| failure).collect()
}
