use std::time::{Duration, Instant};

use super::Verdict;
use crate::resilience::policy::Layer;

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
    /// Which of the attempts of that number it is: 0, and from 1 for hedges.
    pub hedge: u32,
    /// When it began, or began to wait for its turn. Unknown for the first attempt of
    /// [`Retry::run`](super::Retry::run) without a deadline, which looks at no clock before something has failed.
    pub started: Option<Instant>,
    /// How long it waited for a bulkhead and a limiter.
    pub waited: Duration,
    /// How long it ran then; unknown if `started` is.
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
    /// It took longer than one attempt may, and was dropped.
    TimedOut,
    /// It was not made: that layer of the policy did not let it through.
    Refused(Layer),
    /// Another attempt made at the same time was quicker: it was dropped.
    Outrun,
    /// The deadline of the call was over: it was dropped.
    CutOff,
}

impl Record {
    pub(in crate::resilience) fn new(
        number: u32,
        started: Option<Instant>,
        ended: Instant,
        ending: Ending,
    ) -> Self {
        Self {
            number,
            hedge: 0,
            started,
            waited: Duration::ZERO,
            duration: started.map(|started| ended.saturating_duration_since(started)),
            ending,
            pause: None,
        }
    }
}

impl Ledger {
    /// How many attempts were made, also those that are not kept; what was refused was not made.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The latest attempts, in order of their start.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// From the start of the first attempt that is kept and timed to the end of the last.
    pub fn elapsed(&self) -> Duration {
        let first = self.records.iter().find_map(|record| record.started);
        let end = |record: &Record| Some(record.started? + record.waited + record.duration?);
        let last = self.records.iter().filter_map(end).max();
        first.zip(last).map_or(Duration::ZERO, |(first, last)| last.saturating_duration_since(first))
    }

    /// The longest pause the other side asked for in the last attempt and its hedges, if that was not kept.
    pub(in crate::resilience) fn asked(&self) -> Option<Duration> {
        let number = self.records.last()?.number;
        let last = self.records.iter().rev().take_while(|record| record.number == number);
        let asked = |record: &Record| match record.ending {
            Ending::Judged(Verdict::RetryAfter(asked)) => Some(asked),
            _ => None,
        };
        if self.records.last()?.pause.is_some() { None } else { last.filter_map(asked).max() }
    }

    pub(in crate::resilience) fn push(&mut self, record: Record, records_max: usize) {
        if !matches!(record.ending, Ending::Refused(_)) {
            self.attempts = self.attempts.saturating_add(1);
        }
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

    /// Notes how an attempt ended that was noted when it began.
    pub(in crate::resilience) fn end(&mut self, number: u32, hedge: u32, now: Instant, ending: Ending) {
        let is_it = |record: &&mut Record| (record.number, record.hedge) == (number, hedge);
        if let Some(record) = self.records.iter_mut().rev().find(is_it) {
            record.end(now, ending);
        }
    }

    /// Ends all attempts that are under way.
    pub(in crate::resilience) fn end_all(&mut self, now: Instant, ending: Ending) {
        self.records
            .iter_mut()
            .filter(|record| record.duration.is_none())
            .for_each(|record| record.end(now, ending));
    }
}

impl Record {
    fn end(&mut self, now: Instant, ending: Ending) {
        self.ending = ending;
        self.duration = self.started.map(|started| now.saturating_duration_since(started + self.waited));
    }
}
