use std::{
    sync::{
        Arc,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{
    Config, Outcome, Rejected, State, Stats, Transition, Why, Window,
    state::{Machine, Refusal, Reported, Ticket},
    window::{Limit, Ring, Streak, Verdict, Watched},
    word::{Padded, Word},
};
use crate::{
    rt::{Rt, TaskName},
    wait::{Feed, wake_all},
};

/// What all clones of a breaker share.
///
/// A call that passes a closed breaker reads [`word`](Self::word) and, at its end, reports to the lane. All else goes to the
/// machine, under its lock. `word` and `until` mirror the machine; they are written under its lock only.
#[derive(Debug)]
pub(super) struct Shared {
    word: AtomicU64,
    lane: Lane,
    rt: Rt,
    name: TaskName,
    epoch: Instant,
    config: Config,
    /// The failures that no ring has counted.
    failures: Padded<AtomicU64>,
    rare: Padded<Rare>,
    feed: Arc<Mutex<Feed<Transition>>>,
}

/// What no call that passes a closed breaker and reports in time touches, unless its window needs the lock.
#[derive(Debug)]
struct Rare {
    /// Until when it is open, in nanoseconds since the epoch.
    until: AtomicU64,
    rejected: AtomicU64,
    ignored: AtomicU64,
    late: AtomicU64,
    machine: Mutex<Machine>,
}

/// The window of the closed state, if it needs no lock.
#[derive(Debug)]
enum Lane {
    /// It counts its failures itself.
    Ring(Ring),
    Streak(Padded<Streak>),
    Locked,
}

impl Shared {
    pub(super) fn new(rt: &Rt, name: TaskName, config: Config) -> Self {
        let epoch = rt.now();
        let watched = Watched::new(&config, epoch);
        let lane = match config.window {
            _ if watched.is_some() => Lane::Locked,
            Window::Calls { last } => {
                let limit = Limit { calls_min: config.calls_min, percent: config.failure_percent };
                Lane::Ring(Ring::new(last, limit))
            }
            Window::Consecutive { failures } => Lane::Streak(Padded(Streak::new(failures))),
            Window::Time { .. } => Lane::Locked,
        };
        let word = Word::new(State::Closed, 0, config.slow_call_after.is_some());
        let feed = Arc::new(Mutex::new(Feed::new(config.events_max)));
        let machine = Machine::new(config.clone(), rt.rng("resilience.breaker"), epoch, watched);
        let rare = Rare {
            until: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            ignored: AtomicU64::new(0),
            late: AtomicU64::new(0),
            machine: Mutex::new(machine),
        };
        Self {
            word: AtomicU64::new(word.0),
            lane,
            rt: rt.clone(),
            name,
            epoch,
            config,
            failures: Padded::default(),
            rare: Padded(rare),
            feed,
        }
    }

    pub(super) fn name(&self) -> &TaskName {
        &self.name
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn feed(&self) -> &Arc<Mutex<Feed<Transition>>> {
        &self.feed
    }

    fn word(&self) -> Word {
        // What was made ready for a state is seen by whoever sees the state.
        Word(self.word.load(Acquire))
    }

    #[inline]
    pub(super) fn admit(&self) -> Result<Ticket, Rejected> {
        let word = self.word();
        if word.passes() {
            return Ok(Ticket { generation: word.generation(), probe: 0, started: None });
        }
        self.admit_by_machine()
    }

    #[cold]
    fn admit_by_machine(&self) -> Result<Ticket, Rejected> {
        let now = self.rt.now();
        let admitted = match self.still_open(now) {
            Some(refusal) => Err(refusal),
            None => self.with_machine(|machine| machine.admit(now)),
        };
        admitted.map_err(|refusal| {
            self.rare.0.rejected.fetch_add(1, Relaxed);
            self.rejected(refusal)
        })
    }

    pub(super) fn check(&self) -> Result<(), Rejected> {
        if self.word().passes() {
            return Ok(());
        }
        let now = self.rt.now();
        let checked = match self.still_open(now) {
            Some(refusal) => Err(refusal),
            None => self.with_machine(|machine| machine.check(now)),
        };
        checked.map_err(|refusal| self.rejected(refusal))
    }

    /// Turns a storm of calls away without the lock, while it is open and that is not over.
    fn still_open(&self, now: Instant) -> Option<Refusal> {
        let word = self.word();
        if word.state() != State::Open {
            return None;
        }
        let until = self.epoch + Duration::from_nanos(self.rare.0.until.load(Acquire));
        // An `until` of a later time is only written after the word has changed.
        let is_current = until > now && self.word() == word;
        is_current.then(|| Refusal { state: State::Open, retry_after: Some(until - now) })
    }

    fn rejected(&self, refusal: Refusal) -> Rejected {
        let Refusal { state, retry_after } = refusal;
        Rejected { name: self.name.clone(), state, retry_after }
    }

    #[inline]
    pub(super) fn report(&self, ticket: &Ticket, outcome: Outcome) {
        let failed = match outcome {
            Outcome::Success => false,
            Outcome::Failure => true,
            Outcome::Ignored => return self.ignore(ticket),
        };
        let word = self.word();
        if word.state() == State::Closed && word.generation() == ticket.generation {
            let verdict = match &self.lane {
                Lane::Ring(ring) => ring.report(ticket.generation, failed),
                Lane::Streak(streak) => streak.0.report(ticket.generation, failed),
                Lane::Locked => return self.report_to_machine(ticket, outcome),
            };
            if failed || verdict != Verdict::Counted {
                self.reported(ticket, verdict, failed);
            }
        } else {
            self.report_unclosed(word, ticket, outcome);
        }
    }

    /// What a failure, a late report and the end of an era have in common: they are not the rule.
    fn reported(&self, ticket: &Ticket, verdict: Verdict, failed: bool) {
        if verdict == Verdict::Late {
            self.rare.0.late.fetch_add(1, Relaxed);
            return;
        }
        if failed && !matches!(self.lane, Lane::Ring(_)) {
            self.failures.0.fetch_add(1, Relaxed);
        }
        if let Verdict::Exceeded { failures, calls } = verdict {
            let now = self.rt.now();
            let why = Why::Failures { failures, calls };
            self.with_machine(|machine| machine.trip(now, ticket.generation, why));
        }
    }

    #[cold]
    fn report_unclosed(&self, word: Word, ticket: &Ticket, outcome: Outcome) {
        match word.state() {
            _ if word.generation() != ticket.generation => {
                self.rare.0.late.fetch_add(1, Relaxed);
            }
            State::ForcedClosed if outcome == Outcome::Failure => {
                self.failures.0.fetch_add(1, Relaxed);
            }
            State::ForcedClosed | State::Disabled => {}
            State::Closed | State::HalfOpen | State::Open | State::ForcedOpen => {
                self.report_to_machine(ticket, outcome);
            }
        }
    }

    fn report_to_machine(&self, ticket: &Ticket, outcome: Outcome) {
        let now = self.rt.now();
        match self.with_machine(|machine| machine.report(now, ticket, outcome)) {
            Reported::Late => _ = self.rare.0.late.fetch_add(1, Relaxed),
            Reported::Counted if outcome == Outcome::Failure => _ = self.failures.0.fetch_add(1, Relaxed),
            Reported::Counted => {}
        }
    }

    /// A permit that is given back says nothing, but a probe is free again, and a slow call was slow.
    fn ignore(&self, ticket: &Ticket) {
        let word = self.word();
        if word.generation() != ticket.generation || word.state() != State::Disabled {
            self.rare.0.ignored.fetch_add(1, Relaxed);
        }
        if ticket.probe > 0 || ticket.started.is_some() {
            let now = self.rt.now();
            self.with_machine(|machine| machine.report(now, ticket, Outcome::Ignored));
        }
    }

    pub(super) fn state(&self) -> State {
        let word = self.word();
        if word.passes() || word.state() == State::ForcedOpen {
            return word.state();
        }
        let now = self.rt.now();
        self.with_machine(|machine| {
            machine.advance(now);
            machine.state()
        })
    }

    /// Goes to a forced state, or to a closed one that has forgotten all.
    pub(super) fn force(&self, state: State) {
        let now = self.rt.now();
        self.with_machine(|machine| machine.force(now, state));
    }

    /// Ends a forced state.
    pub(super) fn auto(&self) {
        let now = self.rt.now();
        self.with_machine(|machine| {
            if matches!(machine.state(), State::ForcedOpen | State::ForcedClosed | State::Disabled) {
                machine.force(now, State::Closed);
            }
        });
    }

    pub(super) fn stats(&self) -> Stats {
        let now = self.rt.now();
        self.with_machine(|machine| {
            machine.advance(now);
            let rare = &self.rare.0;
            let of_ring = if let Lane::Ring(ring) = &self.lane { ring.failures_total() } else { 0 };
            let (window_failures, window_calls, window_slow) = match (&self.lane, machine.watched()) {
                _ if machine.state() != State::Closed => (0, 0, 0),
                (Lane::Ring(ring), _) => with_none_slow(ring.count()),
                (Lane::Streak(streak), _) => with_none_slow(streak.0.count()),
                (Lane::Locked, Some(watched)) => watched.count(),
                (Lane::Locked, None) => (0, 0, 0),
            };
            Stats {
                state: machine.state(),
                generation: machine.generation(),
                window_calls,
                window_failures,
                window_slow,
                // At most as many as `probes`, a `u32`.
                probes_in_flight: machine.probes_in_flight() as u32,
                failures: self.failures.0.load(Relaxed) + of_ring,
                rejected: rare.rejected.load(Relaxed),
                ignored: rare.ignored.load(Relaxed),
                late: rare.late.load(Relaxed),
                probes: machine.probes_granted(),
                opened: machine.opened(),
            }
        })
    }

    /// Asks the machine, and makes known what that changed: to the other threads and, in order, to the readers of events
    /// under the lock; to `tracing` and to wakers, which are the code of others, after it.
    fn with_machine<R>(&self, ask: impl FnOnce(&mut Machine) -> R) -> R {
        let (answer, transitions, readers) = {
            let mut machine = self.rare.0.machine.lock();
            let answer = ask(&mut machine);
            let transitions = machine.take_transitions();
            let mut readers = Vec::new();
            if !transitions.is_empty() {
                self.mirror(&machine);
                let mut feed = self.feed.lock();
                transitions.iter().for_each(|transition| feed.publish(|| *transition));
                readers = feed.wakers();
            }
            (answer, transitions, readers)
        };
        if !transitions.is_empty() {
            transitions.iter().for_each(|transition| self.log(transition));
            wake_all(&self.rt, readers);
        }
        answer
    }

    fn mirror(&self, machine: &Machine) {
        let (state, generation) = (machine.state(), machine.generation());
        if state == State::Closed {
            match &self.lane {
                Lane::Ring(ring) => ring.start(generation),
                Lane::Streak(streak) => streak.0.start(generation),
                Lane::Locked => {}
            }
        }
        let until = machine.open_until().saturating_duration_since(self.epoch);
        // Some 584 years.
        self.rare.0.until.store(u64::try_from(until.as_nanos()).unwrap_or(u64::MAX), Release);
        let word = Word::new(state, generation, self.config.slow_call_after.is_some());
        self.word.store(word.0, Release);
    }

    fn log(&self, transition: &Transition) {
        let Transition { generation, from, to, why, open_for, .. } = transition;
        let (name, open_for) = (&*self.name, open_for.unwrap_or_default());
        match to {
            State::Open => tracing::warn!(
                name: "seaworthy.breaker.opened",
                breaker = name, generation, %from, %why, ?open_for, "a circuit breaker opened"
            ),
            State::HalfOpen => tracing::debug!(
                name: "seaworthy.breaker.half_open",
                breaker = name, generation, %from, %why, "a circuit breaker lets probes pass"
            ),
            State::Closed => tracing::info!(
                name: "seaworthy.breaker.closed",
                breaker = name, generation, %from, %why, "a circuit breaker closed"
            ),
            State::ForcedOpen | State::ForcedClosed | State::Disabled => tracing::info!(
                name: "seaworthy.breaker.forced",
                breaker = name, generation, %from, %to, "a circuit breaker was set by hand"
            ),
        }
    }
}

fn with_none_slow((failures, calls): (u32, u32)) -> (u32, u32, u32) {
    (failures, calls, 0)
}

impl Drop for Shared {
    fn drop(&mut self) {
        let mut feed = self.feed.lock();
        feed.close();
        let readers = feed.wakers();
        drop(feed);
        wake_all(&self.rt, readers);
    }
}
