//! The two engines, which run one scenario.

mod seeded;
mod storm;

use std::{
    any::Any,
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    str::FromStr,
    time::{Duration, Instant, SystemTime},
};

use seaworthy_core::rt::{Panic, Rng};
use serde::{Deserialize, Serialize};

use crate::{
    Sim,
    event::{Event, Tell, Trace, What},
    fault::{Schedule, Storm},
    outcome::{Outcome, Verdict},
    scenario::{HostInfo, Scenario, Stage},
    sim::Remains,
};

/// What a scenario runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// The seeded test runtime: any order of tasks, virtual time to the nanosecond, a network in memory. Fast.
    Testing,
    /// turmoil: hosts with clocks and executors of their own, and its network, which holds, delays and cuts.
    Turmoil,
}

impl Engine {
    /// Both.
    pub const ALL: &[Self] = &[Self::Testing, Self::Turmoil];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Testing => "testing",
            Self::Turmoil => "turmoil",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|engine| engine.name() == name);
        found.ok_or_else(|| format!("there is no engine `{name}`; there are `testing` and `turmoil`"))
    }
}

/// How to run a scenario once.
#[derive(Clone, Debug)]
pub struct Options {
    /// What on.
    pub engine: Engine,
    /// Where all chance comes from.
    pub seed: u64,
    /// The faults; `None` draws them from the seed.
    pub schedule: Option<Schedule>,
    /// Whether to keep what happened, event by event. It costs time and memory. Default: no.
    pub trace: bool,
    /// How far turmoil's time moves in one step. Default: 5 ms.
    pub tick: Duration,
}

impl Options {
    /// A run of `seed` on `engine`.
    pub fn new(engine: Engine, seed: u64) -> Self {
        Self { engine, seed, schedule: None, trace: false, tick: Duration::from_millis(5) }
    }
}

/// What is left of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Run {
    /// What came of it.
    pub outcome: Outcome,
    /// What happened, if it was asked for.
    pub trace: Vec<Event>,
}

/// The date at which a run begins, for whoever asks the system and not the runtime: 14 November 2023, 22:13:20 UTC.
const EPOCH: Duration = Duration::from_secs(1_700_000_000);

/// Runs `scenario` once, in this process and on this thread.
///
/// Whatever goes wrong in the run is in its [verdict](Outcome::verdict); this function does not panic because of it. For
/// its length the thread is [armed](seaworthy_interpose::arm): clocks and randomness of the system follow from the seed.
///
/// # Panics
///
/// If the thread is armed already.
pub fn run(scenario: &dyn Scenario, options: &Options) -> Run {
    play(scenario, options, if options.trace { Trace::Kept(Vec::new()) } else { Trace::Off })
}

/// The same, and `tell` is told what happens when it happens.
#[cfg_attr(not(unix), expect(dead_code, reason = "for the runner"))]
pub(crate) fn run_telling(scenario: &dyn Scenario, options: &Options, tell: Tell) -> Outcome {
    play(scenario, options, Trace::Told(tell)).outcome
}

fn play(scenario: &dyn Scenario, options: &Options, trace: Trace) -> Run {
    let began = now();
    let sim = Sim::new(options.seed, options.engine, scenario.points(), trace);
    let mut stage = Stage::new(sim.clone());
    let storm = scenario.storm();
    // What does not ask the runtime is answered from the seed all the same.
    let clock = sim.clone();
    let epoch = SystemTime::UNIX_EPOCH + EPOCH;
    let armed = seaworthy_interpose::arm(options.seed, move || clock.system_now(), epoch);
    let played = catch_unwind(AssertUnwindSafe(|| {
        scenario.set_up(&mut stage);
        let schedule = options.schedule.clone().unwrap_or_else(|| draw(scenario, &storm, options, &stage));
        sim.set_schedule(schedule);
        let Stage { hosts, checks, .. } = stage;
        match options.engine {
            Engine::Testing => seeded::play(&sim, hosts, &storm),
            Engine::Turmoil => storm::play(&sim, hosts, &storm, options.tick),
        }
        if !sim.has_failed() {
            checks.into_iter().for_each(|check| check(&sim));
        }
    }));
    if let Err(payload) = played {
        sim.fail(Verdict::Panicked { text: text(payload) });
    }
    drop(armed);
    let Remains { digest, events, trace, points, effects, options: drawn, failure } = sim.end();
    let points = scenario.points().iter().map(|name| {
        let reached = points.get(name).copied().unwrap_or(0);
        ((*name).to_owned(), reached)
    });
    let outcome = Outcome {
        scenario: scenario.name().to_owned(),
        engine: options.engine,
        seed: options.seed,
        canary: None,
        verdict: failure.unwrap_or(Verdict::Passed),
        simulated_ms: sim.now().as_millis() as u64,
        wall_us: began.elapsed().as_micros() as u64,
        digest: digest.value(),
        checkpoints: digest.checkpoints().to_vec(),
        events,
        options: drawn,
        schedule: sim.schedule().clone(),
        effects,
        points: points.collect::<BTreeMap<_, _>>(),
    };
    Run { outcome, trace }
}

/// What would be drawn for a run, without running it: for runs that do not live to say it.
#[cfg_attr(not(unix), expect(dead_code, reason = "for the runner"))]
pub(crate) fn draw_only(scenario: &dyn Scenario, options: &Options) -> (BTreeMap<String, String>, Schedule) {
    let sim = Sim::new(options.seed, options.engine, scenario.points(), Trace::Off);
    let mut stage = Stage::new(sim.clone());
    let storm = scenario.storm();
    let drawn = catch_unwind(AssertUnwindSafe(|| {
        scenario.set_up(&mut stage);
        options.schedule.clone().unwrap_or_else(|| draw(scenario, &storm, options, &stage))
    }));
    (sim.end().options, drawn.unwrap_or_default())
}

fn draw(scenario: &dyn Scenario, storm: &Storm, options: &Options, stage: &Stage) -> Schedule {
    let mut rng = Rng::from_seed(options.seed).fork("schedule", 0);
    Schedule::draw(&mut rng, storm, options.engine, |kind| {
        let suffers = stage.hosts.iter().filter(|host| {
            let info = HostInfo { name: &host.name, is_client: host.is_client };
            scenario.suffers(kind, &info)
        });
        suffers.map(|host| host.name.to_string()).collect()
    })
}

/// How long a run may take in simulated time: what is not over some time after it should be is stuck.
fn limit(storm: &Storm) -> Duration {
    storm.chaos + storm.settle + Duration::from_secs(60)
}

/// Notes the beginning of a fault, before it has any effect.
fn announce(sim: &Sim, index: usize) {
    let fault = &sim.schedule().faults[index];
    sim.record(&fault.on, What::FaultBegan { fault: index, text: fault.to_string() });
}

fn text(payload: Box<dyn Any + Send>) -> String {
    Panic::new("simulation", payload).message()
}

fn now() -> Instant {
    Instant::now()
}
