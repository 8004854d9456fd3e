use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::time::Shown;

/// What became of a call, in the eyes of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It worked.
    Success,
    /// It failed in a way that speaks against what was called.
    Failure,
    /// It says nothing: a bad request, a call nobody waits for any more. A probe is given back.
    Ignored,
}

/// Where a breaker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Calls pass, and their outcomes are watched.
    Closed,
    /// No call passes, for a time.
    Open,
    /// A few calls pass as probes; the others are turned away.
    HalfOpen,
    /// No call passes until [`auto`](super::CircuitBreaker::auto) or [`reset`](super::CircuitBreaker::reset).
    ForcedOpen,
    /// Every call passes; failures are counted in [`Stats`] and change nothing.
    ForcedClosed,
    /// Every call passes, and nothing is counted: as if there were no breaker.
    Disabled,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half open",
            Self::ForcedOpen => "forced open",
            Self::ForcedClosed => "forced closed",
            Self::Disabled => "disabled",
        })
    }
}

/// Why a breaker changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// Too many calls of the window failed.
    Failures {
        /// How many.
        failures: u32,
        /// Of how many; of [`Window::Consecutive`](super::Window::Consecutive), as many.
        calls: u32,
    },
    /// Too many calls of the window were slow.
    SlowCalls {
        /// How many.
        slow: u32,
        /// Of how many.
        calls: u32,
    },
    /// It had been open for that long.
    OpenFor(Duration),
    /// So many probes have succeeded.
    ProbesSucceeded(u32),
    /// A probe has failed, or was slow.
    ProbeFailed,
    /// A probe has not reported within its lease.
    ProbeLeaseExpired,
    /// Somebody said so.
    ByHand,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failures { failures, calls } => write!(f, "{failures} of {calls} calls failed"),
            Self::SlowCalls { slow, calls } => write!(f, "{slow} of {calls} calls were slow"),
            Self::OpenFor(time) => write!(f, "it was open for {}", Shown(*time)),
            Self::ProbesSucceeded(probes) => write!(f, "{probes} probes succeeded"),
            Self::ProbeFailed => f.write_str("a probe failed"),
            Self::ProbeLeaseExpired => f.write_str("a probe did not report within its lease"),
            Self::ByHand => f.write_str("somebody said so"),
        }
    }
}

/// One change of the state of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The number of the state it is in from now on. The first is 0, and each transition adds 1.
    pub generation: u64,
    /// Where it was.
    pub from: State,
    /// Where it is.
    pub to: State,
    /// Why.
    pub why: Why,
    /// When. A change that time alone brought about is dated to when it was due, which may be before anyone looked.
    pub at: Instant,
    /// How long it will be open, if it is open now.
    pub open_for: Option<Duration>,
}

/// What a breaker has seen, by [`CircuitBreaker::stats`](super::CircuitBreaker::stats).
///
/// Successes are not counted: while all is well they write nothing, which is why a closed breaker costs so little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Where it is.
    pub state: State,
    /// The number of that state.
    pub generation: u64,
    /// How many calls the window holds now; of consecutive failures, as many as `window_failures`.
    pub window_calls: u32,
    /// How many of them failed.
    pub window_failures: u32,
    /// How many calls of the window were slow, those in flight included.
    pub window_slow: u32,
    /// How many probes are in flight.
    pub probes_in_flight: u32,
    /// How many calls have failed while they could change something or it was forced closed, since it was made.
    pub failures: u64,
    /// How many calls were turned away, since it was made.
    pub rejected: u64,
    /// How many permits were dropped without a report or reported as ignored, since it was made.
    pub ignored: u64,
    /// How many results came after the state they were started in, since it was made. They changed nothing.
    pub late: u64,
    /// How many probes were let through, since it was made.
    pub probes: u64,
    /// How often it opened by itself, since it was made.
    pub opened: u64,
}
