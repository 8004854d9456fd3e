use std::time::{Duration, Instant};

use super::Verdict;

/// The attempts of a call: when each began, how long it took, how it ended, and the pause that followed.
///
/// It is bounded by `ledger_max`: the latest are kept, those before are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    records: Vec<Record>,
    attempts: u32,
}

/// One attempt; plain data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Its number, from 1.
    pub number: u32,
    /// When it began. Unknown for the first attempt of [`Retry::run`](super::Retry::run) without a deadline, which looks
    /// at no clock before something has failed.
    pub started: Option<Instant>,
    /// How long it took; unknown if `started` is.
    pub duration: Option<Duration>,
    /// How it ended.
    pub ending: Ending,
    /// The pause before the next attempt. None after the last.
    pub pause: Option<Duration>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// With a result, which was judged so.
    Judged(Verdict),
    /// The deadline of the call was over: it was dropped.
    CutOff,
}

impl Record {
    pub(super) fn new(
        number: u32,
        started: Option<Instant>,
        ended: Instant,
        verdict: Option<Verdict>,
    ) -> Self {
        Self {
            number,
            started,
            duration: started.map(|started| ended.saturating_duration_since(started)),
            ending: verdict.map_or(Ending::CutOff, Ending::Judged),
            pause: None,
        }
    }
}

impl Ledger {
    /// How many attempts were made, also those that are not kept.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The latest attempts, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// From the start of the first attempt that is kept and timed to the end of the last.
    pub fn elapsed(&self) -> Duration {
        let first = self.records.iter().find_map(|record| record.started);
        let last = self.records.last().and_then(|record| Some(record.started? + record.duration?));
        first.zip(last).map_or(Duration::ZERO, |(first, last)| last.saturating_duration_since(first))
    }

    pub(in crate::resilience) fn push(&mut self, record: Record, records_max: usize) {
        self.attempts = record.number;
        if self.records.len() >= records_max {
            self.records.remove(0);
        }
        self.records.push(record);
    }

    /// Notes the pause after the last attempt.
    pub(in crate::resilience) fn pause(&mut self, pause: Duration) {
        if let Some(last) = self.records.last_mut() {
            last.pause = Some(pause);
        }
    }
}
