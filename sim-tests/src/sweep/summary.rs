use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    engine::Engine,
    event::Event,
    fault::{FaultKind, Schedule},
    outcome::Outcome,
};

/// What came of a sweep: the JSON that it leaves behind, and all that `report.html` shows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// When it began, as text (RFC 3339).
    pub began: String,
    /// How long it took, in milliseconds of real time.
    pub wall_ms: u64,
    /// How many processes ran beside each other.
    pub jobs: usize,
    /// Whether it was ended by Ctrl-C.
    #[serde(default)]
    pub is_interrupted: bool,
    /// One row for each scenario on each engine.
    pub rows: Vec<Row>,
    /// What failed, first those that come first in their order of seeds. At most [`Summary::BROKEN_MAX`].
    pub broken: Vec<Broken>,
    /// A run that went well, with its events, so that a report without failures shows something.
    pub sample: Option<Shown>,
}

/// A scenario on an engine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Row {
    /// The scenario.
    pub scenario: String,
    /// What it is, in a line.
    pub about: String,
    /// The engine; `None` before there is one.
    pub engine: Option<Engine>,
    /// How many seeds were run.
    pub seeds: u64,
    /// How many of them failed.
    pub failed: u64,
    /// How many were run twice, and gave the same digest both times.
    pub repeated: u64,
    /// How many schedules that failed once were run before the seeds.
    #[serde(default)]
    pub regressions: u64,
    /// Whether it was given up before its time, since more seeds failed than anyone reads.
    #[serde(default)]
    pub is_given_up: bool,
    /// Simulated time of all runs, in milliseconds.
    pub simulated_ms: u64,
    /// Real time of all runs, summed over processes, in microseconds.
    pub wall_us: u64,
    /// Events of all runs.
    pub events: u64,
    /// How many faults of each kind were in the schedules, and how often they had an effect.
    pub faults: BTreeMap<FaultKind, Count>,
    /// How many runs reached each point, and how often it was reached.
    pub points: BTreeMap<String, Count>,
    /// Whether there were seeds enough that every kind must have had an effect, and every point be reached.
    pub is_covered: bool,
    /// What is missing, in words; empty if nothing is. A failure if [`Row::is_covered`].
    pub missing: Vec<String>,
}

/// How often something was there, and how often it mattered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Faults drawn; runs that reached a point.
    pub drawn: u64,
    /// Effects; times a point was reached.
    pub effects: u64,
}

/// One run with what happened in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Shown {
    /// What came of it.
    pub outcome: Outcome,
    /// What happened: the last [`Shown::EVENTS_MAX`] events.
    pub trace: Vec<Event>,
    /// How many events there were before those.
    pub left_out: u64,
}

/// A run that failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Broken {
    /// The run; of its shrunk schedule, if that was found.
    pub run: Shown,
    /// The least schedule that still breaks the same law.
    pub shrunk: Option<Schedule>,
    /// The command that repeats it.
    pub replay: String,
    /// What else there is to know, such as that the run did not repeat itself.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Summary {
    /// The most failures that are kept.
    pub const BROKEN_MAX: usize = 20;

    /// Whether the sweep passed.
    pub fn is_pass(&self) -> bool {
        self.broken.is_empty() && self.rows.iter().all(|row| row.failed == 0 && !row.lacks_coverage())
    }
}

impl Row {
    /// Whether something is missing although there were seeds enough, which is a failure.
    pub fn lacks_coverage(&self) -> bool {
        self.is_covered && !self.missing.is_empty()
    }
}

impl Shown {
    /// The most events that are kept of a run.
    pub const EVENTS_MAX: usize = 20_000;
}
