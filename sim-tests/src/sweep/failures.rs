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
    process::Runner,
    seeds,
    shrink::{Tried, shrink},
};
use crate::{
    fault::Schedule,
    outcome::{Outcome, Verdict},
};

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
            let mut found = self.repeat(failure);
            if is_first {
                let began = Instant::now();
                self.shrink(&mut found, left / to_shrink, &mut say);
                left = left.saturating_sub(began.elapsed());
                to_shrink -= 1;
            }
            broken.push(found);
        }
        broken
    }

    /// The failure with its trace, if it can be repeated.
    pub(crate) fn repeat(&self, failure: Failure) -> Broken {
        let Failure { outcome, file, mut notes } = failure;
        let request = request(&outcome, file.is_some().then(|| outcome.schedule.clone()));
        let mut run = Shown { outcome, trace: Vec::new(), left_out: 0 };
        if let Verdict::Diverged { text } = &mut run.outcome.verdict {
            if let Some(found) = self.first_difference(&request) {
                *text = format!("{text}\n{found}");
            }
        } else if has_digest(&run.outcome)
            && let Some(again) = self.runner.run(&request.with(request.schedule.clone(), Keep::Tail))
        {
            match diverge::between(&run.outcome, &again.outcome) {
                None => run = again,
                Some(text) => notes.push(format!("it does not repeat itself, so there is no trace: {text}")),
            }
        }
        let replay = self.replay(&run.outcome, file.as_deref());
        Broken { run, shrunk: None, replay, notes }
    }

    /// The one command that repeats a run.
    pub(crate) fn replay(&self, outcome: &Outcome, file: Option<&Path>) -> String {
        let Outcome { scenario, engine, .. } = outcome;
        let mut replay =
            format!("{} replay {scenario} {} --engine {engine}", self.command, seeds::show(outcome.seed));
        if let Some(file) = file {
            replay += &format!(" --schedule {}", file.display());
        }
        replay
    }

    /// Looks for the least schedule that fails in the same way, for at most `time`.
    pub(crate) fn shrink(&self, broken: &mut Broken, time: Duration, mut say: impl FnMut(&str)) {
        let outcome = &broken.run.outcome;
        let signature = outcome.verdict.signature().to_owned();
        if matches!(outcome.verdict, Verdict::Diverged { .. })
            || time.is_zero()
            || outcome.schedule.faults.is_empty()
        {
            return;
        }
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
            self.first_failing(&request, &signature, candidates, deadline)
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
        let again = self.runner.run(&request.with(Some(least.clone()), Keep::Tail));
        if let Some(again) = again.filter(|again| again.outcome.verdict.signature() == signature) {
            broken.run = again;
            broken.shrunk = Some(least);
        }
    }

    /// The first of the candidates that fails with this signature; all jobs try.
    fn first_failing(
        &self,
        request: &Request,
        signature: &str,
        candidates: &[Schedule],
        deadline: Instant,
    ) -> Tried {
        let (next, found, unknown) =
            (AtomicUsize::new(0), AtomicUsize::new(usize::MAX), AtomicUsize::new(usize::MAX));
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= candidates.len() || index > found.load(Ordering::Relaxed) {
                    return;
                }
                let request = request.with(Some(candidates[index].clone()), Keep::Nothing);
                match self.runner.run_until(&request, Some(deadline)) {
                    Some((shown, _said)) if shown.outcome.verdict.signature() == signature => {
                        found.fetch_min(index, Ordering::Relaxed);
                    }
                    Some(_) => {}
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

    /// Where two runs of one seed part, by their traces.
    fn first_difference(&self, request: &Request) -> Option<String> {
        let request = request.with(request.schedule.clone(), Keep::All);
        let (first, second) = (self.runner.run(&request)?, self.runner.run(&request)?);
        if diverge::between(&first.outcome, &second.outcome).is_none() {
            return Some("run twice more it was the same, so where it differs is not known".to_owned());
        }
        diverge::event(&first.trace, &second.trace)
    }
}

/// The request of a run as it was, or with this schedule.
fn request(outcome: &Outcome, schedule: Option<Schedule>) -> Request {
    Request::new(&outcome.scenario, outcome.engine, outcome.seed).with(schedule, Keep::Nothing)
}

/// What two failures have in common if one of them is enough to look into.
fn way(outcome: &Outcome) -> (String, String, String) {
    (outcome.scenario.clone(), outcome.engine.to_string(), outcome.verdict.signature().to_owned())
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
