use std::time::{Duration, Instant};

use super::{
    Config, Outcome, State, Transition, Why,
    window::{Excess, Watched},
};
use crate::{rt::Rng, time::Delays};

/// The pure machine of a breaker: it is told the time and what happened, and says what may be done.
///
/// What time alone brings about (an open time is over, a lease expires, a call in flight becomes slow) is done by
/// [`advance`](Self::advance), which every other method calls first, so it does not matter when somebody looks. The
/// windows that need no lock are not in here but in the driver, which tells of their excess by [`trip`](Self::trip).
#[derive(Debug)]
pub(super) struct Machine {
    config: Config,
    state: State,
    generation: u64,
    /// The window of the closed state, unless it is one that needs no lock.
    watched: Option<Watched>,
    rng: Rng,
    /// How often it opened from the closed state: each time the open times start anew.
    incidents: u64,
    /// The open times to come, until it closes.
    delays: Option<Delays>,
    open: Opened,
    /// In order of their ends: all leases are equally long. At most `config.probes`.
    probes: Vec<Probe>,
    successes: u32,
    probes_granted: u64,
    opened: u64,
    transitions: Vec<Transition>,
}

#[derive(Clone, Copy, Debug)]
struct Opened {
    until: Instant,
    delay: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    number: u64,
    lease_ends: Instant,
}

/// What a permit knows of its admission.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    pub(super) generation: u64,
    /// The number of the probe, from 1; 0 is none.
    pub(super) probe: u64,
    /// Only kept if calls can be slow.
    pub(super) started: Option<Instant>,
}

/// Why there is no ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) state: State,
    pub(super) retry_after: Option<Duration>,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reported {
    Counted,
    /// The state it was started in is over.
    Late,
}

impl Machine {
    /// `watched` is the window of the closed state, if it is this machine that looks after it.
    pub(super) fn new(config: Config, rng: Rng, now: Instant, watched: Option<Watched>) -> Self {
        Self {
            state: State::Closed,
            generation: 0,
            watched,
            rng,
            incidents: 0,
            delays: None,
            open: Opened { until: now, delay: Duration::ZERO },
            probes: Vec::new(),
            successes: 0,
            probes_granted: 0,
            opened: 0,
            transitions: Vec::new(),
            config,
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Until when it is open, if it is.
    pub(super) fn open_until(&self) -> Instant {
        self.open.until
    }

    pub(super) fn watched(&self) -> Option<&Watched> {
        self.watched.as_ref()
    }

    pub(super) fn probes_in_flight(&self) -> usize {
        self.probes.len()
    }

    pub(super) fn probes_granted(&self) -> u64 {
        self.probes_granted
    }

    pub(super) fn opened(&self) -> u64 {
        self.opened
    }

    /// The transitions since the last time.
    pub(super) fn take_transitions(&mut self) -> Vec<Transition> {
        std::mem::take(&mut self.transitions)
    }

    /// Does what was due by `now`, each thing dated to when it was due.
    pub(super) fn advance(&mut self, now: Instant) {
        if self.state == State::Closed
            && let Some(watched) = &mut self.watched
            && let Some(excess) = watched.advance(now)
        {
            self.open(now, excess.into());
        }
        if self.state == State::HalfOpen
            && let Some(first) = self.probes.first()
            && first.lease_ends <= now
        {
            self.open(first.lease_ends, Why::ProbeLeaseExpired);
        }
        let Opened { until, delay } = self.open;
        if self.state == State::Open && until <= now {
            self.change(State::HalfOpen, until, Why::OpenFor(delay));
        }
    }

    /// Lets a call pass, as a probe if it is half open.
    pub(super) fn admit(&mut self, now: Instant) -> Result<Ticket, Refusal> {
        self.check(now)?;
        let mut probe = 0;
        if self.state == State::HalfOpen {
            self.probes_granted += 1;
            probe = self.probes_granted;
            self.probes.push(Probe { number: probe, lease_ends: now + self.config.probe_lease });
        } else if self.state == State::Closed
            && let Some(watched) = &mut self.watched
        {
            watched.started(now);
        }
        let started = self.config.slow_call_after.map(|_| now);
        Ok(Ticket { generation: self.generation, probe, started })
    }

    /// Whether a call would pass.
    pub(super) fn check(&mut self, now: Instant) -> Result<(), Refusal> {
        self.advance(now);
        let retry_after = match self.state {
            State::Closed | State::ForcedClosed | State::Disabled => return Ok(()),
            State::ForcedOpen => None,
            State::Open => Some(self.open.until - now),
            State::HalfOpen => {
                let first = self.probes.first().map(|probe| probe.lease_ends);
                if self.probes.len() < self.config.probes as usize {
                    return Ok(());
                }
                first.map(|ends| ends.saturating_duration_since(now).min(self.config.open_for.initial))
            }
        };
        Err(Refusal { state: self.state, retry_after })
    }

    /// Takes in what became of the call of `ticket`. Each ticket is reported once.
    pub(super) fn report(&mut self, now: Instant, ticket: &Ticket, outcome: Outcome) -> Reported {
        self.advance(now);
        if ticket.generation != self.generation {
            return Reported::Late;
        }
        match self.state {
            State::Closed => {
                if let Some(watched) = &mut self.watched
                    && let Some(excess) = watched.ended(now, ticket.started, outcome)
                {
                    self.open(now, excess.into());
                }
            }
            State::HalfOpen => self.probe_ended(now, ticket, outcome),
            // No ticket is made while it is open, and in the other states outcomes mean nothing.
            State::Open | State::ForcedOpen | State::ForcedClosed | State::Disabled => {}
        }
        Reported::Counted
    }

    fn probe_ended(&mut self, now: Instant, ticket: &Ticket, outcome: Outcome) {
        self.probes.retain(|probe| probe.number != ticket.probe);
        let is_slow = || match (self.config.slow_call_after, ticket.started) {
            (Some(after), Some(started)) => now.saturating_duration_since(started) >= after,
            _ => false,
        };
        match outcome {
            Outcome::Ignored if !is_slow() => {}
            Outcome::Success if !is_slow() => {
                self.successes += 1;
                if self.successes >= self.config.successes_to_close {
                    self.change(State::Closed, now, Why::ProbesSucceeded(self.successes));
                }
            }
            // Also one that was dropped when it was slow: callers that give up must not keep it half open for ever.
            Outcome::Ignored | Outcome::Success | Outcome::Failure => self.open(now, Why::ProbeFailed),
        }
    }

    /// Opens, because a window outside has seen too much of `generation`. Nothing happens if that is over.
    pub(super) fn trip(&mut self, now: Instant, generation: u64, why: Why) {
        if self.state == State::Closed && self.generation == generation {
            self.open(now, why);
        }
    }

    /// Goes to one of the forced states, or to a closed one that has forgotten all. To be in a forced state already is
    /// fine.
    pub(super) fn force(&mut self, now: Instant, state: State) {
        self.advance(now);
        if state == State::Closed || self.state != state {
            self.change(state, now, Why::ByHand);
        }
    }

    fn open(&mut self, at: Instant, why: Why) {
        let delays = self.delays.get_or_insert_with(|| {
            self.incidents += 1;
            self.config.open_for.delays(self.rng.fork("incident", self.incidents))
        });
        let delay = delays.next().unwrap_or(self.config.open_for.max);
        self.open = Opened { until: at + delay, delay };
        self.opened += 1;
        self.change(State::Open, at, why);
    }

    fn change(&mut self, to: State, at: Instant, why: Why) {
        let from = std::mem::replace(&mut self.state, to);
        self.generation += 1;
        self.probes.clear();
        self.successes = 0;
        if to == State::Closed {
            self.delays = None;
            if let Some(watched) = &mut self.watched {
                watched.clear();
            }
        }
        let open_for = (to == State::Open).then_some(self.open.delay);
        self.transitions.push(Transition { generation: self.generation, from, to, why, at, open_for });
    }
}

impl From<Excess> for Why {
    fn from(excess: Excess) -> Self {
        match excess {
            Excess::Failures { failures, calls } => Self::Failures { failures, calls },
            Excess::Slow { slow, calls } => Self::SlowCalls { slow, calls },
        }
    }
}
