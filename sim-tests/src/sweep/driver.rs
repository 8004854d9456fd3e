//! The sweep: as many processes at a time as there are jobs.

use std::{
    collections::VecDeque,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::{
    Row, Shown,
    child::{Keep, Request},
    diverge,
    plan::{Bounds, Next, Plan},
    process::Runner,
    regressions::Regression,
    tally,
};
use crate::{
    engine::Engine,
    outcome::{Outcome, Verdict},
    scenario::Scenario,
};

/// What to run.
pub(crate) struct Sweep<'a> {
    /// The scenarios on their engines.
    pub(crate) lanes: Vec<(&'a dyn Scenario, Engine)>,
    pub(crate) bounds: Bounds,
    pub(crate) jobs: usize,
    /// What is run first, and the files that it is from.
    pub(crate) regressions: Vec<(PathBuf, Regression)>,
}

/// What came of it, before anything is done about failures.
pub(crate) struct Swept {
    pub(crate) rows: Vec<Row>,
    pub(crate) failures: Vec<Failure>,
    /// A run that went well and in which much happened.
    pub(crate) sample: Option<Request>,
    pub(crate) wall: Duration,
    pub(crate) is_interrupted: bool,
}

/// A run that failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) outcome: Outcome,
    /// The file it is from, if it is a regression.
    pub(crate) file: Option<PathBuf>,
    pub(crate) notes: Vec<String>,
}

/// How it stands, for those who watch.
pub(crate) struct Progress<'a> {
    pub(crate) rows: &'a [Row],
    /// Failures that were not shown before.
    pub(crate) news: &'a [Failure],
    pub(crate) elapsed: Duration,
}

struct State<'a> {
    plan: Plan,
    regressions: VecDeque<&'a (PathBuf, Regression)>,
    rows: Vec<Row>,
    failures: Vec<Failure>,
    /// How many of the failures were shown.
    shown: usize,
    sample: Option<(usize, Request)>,
    workers: usize,
}

enum Work<'a> {
    Seed(Next),
    Regression(&'a (PathBuf, Regression)),
}

/// What a regression says that one run alone cannot show.
const DIVERGED: &str = "diverged";

/// How often those who watch are told.
const TICK: Duration = Duration::from_millis(200);

impl Sweep<'_> {
    /// Runs it, and tells `watch` how it stands a few times a second.
    pub(crate) fn run(&self, runner: &Runner<'_>, mut watch: impl FnMut(Progress<'_>)) -> Swept {
        let began = Instant::now();
        let least = self.lanes.iter().map(|(scenario, _)| scenario.seeds_for_coverage());
        let state = Mutex::new(State {
            plan: Plan::new(self.bounds.clone(), least),
            regressions: self.regressions.iter().collect(),
            rows: self.lanes.iter().map(|(scenario, engine)| tally::row(*scenario, *engine)).collect(),
            failures: Vec::new(),
            shown: 0,
            sample: None,
            workers: self.jobs,
        });
        let ended = Condvar::new();
        thread::scope(|scope| {
            for _ in 0..self.jobs {
                scope.spawn(|| {
                    self.work(&state, runner, began);
                    state.lock().workers -= 1;
                    ended.notify_all();
                });
            }
            loop {
                let mut now = state.lock();
                if now.workers > 0 {
                    ended.wait_for(&mut now, TICK);
                }
                let is_over = now.workers == 0;
                let (rows, news) = (now.rows.clone(), now.failures[now.shown..].to_vec());
                now.shown = now.failures.len();
                drop(now);
                watch(Progress { rows: &rows, news: &news, elapsed: began.elapsed() });
                if is_over {
                    break;
                }
            }
        });
        let State { plan, mut rows, mut failures, sample, .. } = state.into_inner();
        for (lane, row) in rows.iter_mut().enumerate() {
            row.is_given_up = plan.is_given_up(lane);
        }
        tally::cover(&mut rows, &self.scenarios());
        let place = |failure: &Failure| {
            let lane = self.lane(&failure.outcome.scenario, failure.outcome.engine);
            (failure.file.is_none(), failure.outcome.seed, lane)
        };
        failures.sort_by_key(place);
        Swept {
            rows,
            failures,
            sample: sample.map(|(_score, request)| request),
            wall: began.elapsed(),
            is_interrupted: runner.stop().is_stopped(),
        }
    }

    fn scenarios(&self) -> Vec<&dyn Scenario> {
        let mut scenarios: Vec<&dyn Scenario> = Vec::new();
        for (scenario, _) in &self.lanes {
            if scenarios.iter().all(|known| known.name() != scenario.name()) {
                scenarios.push(*scenario);
            }
        }
        scenarios
    }

    fn lane(&self, scenario: &str, engine: Engine) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.0.name() == scenario && lane.1 == engine)
    }

    /// One job: one process after the other.
    fn work<'a>(&'a self, state: &Mutex<State<'a>>, runner: &Runner<'_>, began: Instant) {
        while !runner.stop().is_stopped() {
            let work = {
                let mut state = state.lock();
                let regression = state.regressions.pop_front().map(Work::Regression);
                regression.or_else(|| state.plan.next(began.elapsed()).map(Work::Seed))
            };
            let done = match work {
                None => break,
                Some(Work::Seed(next)) => self.seed(state, runner, next),
                Some(Work::Regression(regression)) => self.regression(state, runner, regression),
            };
            // Stopped in the midst of a run, which says nothing then.
            if done.is_none() {
                break;
            }
        }
    }

    fn seed(&self, state: &Mutex<State<'_>>, runner: &Runner<'_>, next: Next) -> Option<()> {
        let began = Instant::now();
        let (scenario, engine) = self.lanes[next.lane];
        let request = Request::new(scenario.name(), engine, next.seed);
        let mut outcome = runner.run(&request)?.outcome;
        let mut notes = Vec::new();
        let mut repeated = false;
        if next.twice && has_digest(&outcome) {
            let second = runner.run(&request)?.outcome;
            match diverge::between(&outcome, &second) {
                None => repeated = true,
                Some(text) if outcome.verdict.is_pass() => outcome.verdict = Verdict::Diverged { text },
                Some(text) => notes.push(format!("it does not repeat itself: {text}")),
            }
        }
        let failed = !outcome.verdict.is_pass();
        let mut state = state.lock();
        state.plan.done(next.lane, began.elapsed(), failed);
        state.rows[next.lane].add(&outcome);
        state.rows[next.lane].repeated += u64::from(repeated);
        if failed {
            state.failures.push(Failure { outcome, file: None, notes });
        } else {
            // Where most kinds of faults had an effect there is most to see.
            let score = outcome.effects.len() * 2 + usize::from(engine == Engine::Turmoil);
            let is_readable = outcome.events < Shown::EVENTS_MAX as u64;
            if is_readable && state.sample.as_ref().is_none_or(|(best, _)| score > *best) {
                state.sample = Some((score, request.with(None, Keep::Tail)));
            }
        }
        Some(())
    }

    fn regression(
        &self,
        state: &Mutex<State<'_>>,
        runner: &Runner<'_>,
        (file, regression): &(PathBuf, Regression),
    ) -> Option<()> {
        let Regression { scenario, engine, seed, schedule, .. } = regression;
        let request = Request::new(scenario, *engine, *seed).with(Some(schedule.clone()), Keep::Nothing);
        let mut outcome = runner.run(&request)?.outcome;
        if regression.failed == DIVERGED && outcome.verdict.is_pass() {
            let second = runner.run(&request)?.outcome;
            if let Some(text) = diverge::between(&outcome, &second) {
                outcome.verdict = Verdict::Diverged { text };
            }
        }
        let mut state = state.lock();
        if let Some(lane) = self.lane(scenario, *engine) {
            state.rows[lane].regressions += 1;
            state.rows[lane].failed += u64::from(!outcome.verdict.is_pass());
        }
        if !outcome.verdict.is_pass() {
            let note =
                format!("it is back: {} is from when it failed with `{}`", file.display(), regression.failed);
            state.failures.push(Failure { outcome, file: Some(file.clone()), notes: vec![note] });
        }
        Some(())
    }
}

/// Whether the process lived to say what happened.
pub(crate) fn has_digest(outcome: &Outcome) -> bool {
    !matches!(outcome.verdict, Verdict::Died { .. } | Verdict::TimedOut { .. })
}
