//! What a closed breaker remembers of calls, and when it is too much.
//!
//! Two windows need no lock: [`Ring`], the last N calls, and [`Streak`], failures in a row. The others are [`Watched`] by
//! the machine: a window of time, and any window beside which slow calls are counted.

mod flights;
mod ring;
mod streak;
mod tally;
mod timed;
mod watched;

#[cfg(test)]
pub(super) use flights::Flights;
#[cfg(test)]
pub(super) use ring::{CALL, FAILURE};
pub(super) use ring::{Ring, Verdict};
pub(super) use streak::Streak;
#[cfg(test)]
pub(super) use timed::Timed;
pub(super) use watched::{Excess, Watched};

/// From when on a share of the calls is too much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) calls_min: u32,
    pub(super) percent: u32,
}

impl Limit {
    pub(super) fn is_exceeded(self, count: u32, calls: u32) -> bool {
        calls >= self.calls_min
            && u64::from(count) * 100 >= u64::from(calls) * u64::from(self.percent)
            && count > 0
    }
}
