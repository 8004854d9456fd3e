//! The machine against a simple model: lists of all that happened, looked through each time.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::{
    Config, Outcome, State, Window,
    state::{Machine, Reported, Ticket},
    window::Watched,
};
use crate::{
    rt::Rng,
    testing,
    time::{Backoff, Jitter},
};

const SLOW_AFTER: u64 = 160;
const LEASE: u64 = 700;

fn config(window: Window, has_slow: bool, probes: u32, successes_to_close: u32) -> Config {
    let millis = Duration::from_millis;
    Config {
        window,
        calls_min: 4,
        failure_percent: 50,
        slow_call_after: has_slow.then(|| millis(SLOW_AFTER)),
        slow_percent: 60,
        open_for: Backoff { initial: millis(300), factor: 2, max: millis(1000), jitter: Jitter::None },
        probes,
        successes_to_close,
        probe_lease: millis(LEASE),
        ..Config::default()
    }
}

fn any_config() -> impl Strategy<Value = Config> {
    let window = prop_oneof![
        (4..8_u32).prop_map(|last| Window::Calls { last }),
        (1..6_u32).prop_map(|buckets| Window::Time { span: Duration::from_millis(100) * buckets, buckets }),
    ];
    (window, any::<bool>(), 1..4_u32, 1..4_u32)
        .prop_map(|(window, has_slow, probes, successes)| config(window, has_slow, probes, successes))
        .prop_filter("the machine watches", |config| {
            config.slow_call_after.is_some() || matches!(config.window, Window::Time { .. })
        })
}

#[derive(Clone, Debug)]
enum Step {
    Admit,
    Check,
    Report(prop::sample::Index, Outcome),
    Wait(u64),
    Force(State),
}

fn any_step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![Just(Outcome::Success), Just(Outcome::Failure), Just(Outcome::Ignored)];
    let forced = prop_oneof![
        3 => Just(State::Closed),
        1 => Just(State::ForcedOpen),
        1 => Just(State::ForcedClosed),
        1 => Just(State::Disabled)
    ];
    prop_oneof![
        12 => Just(Step::Admit),
        2 => Just(Step::Check),
        10 => (any::<prop::sample::Index>(), outcome).prop_map(|(which, outcome)| Step::Report(which, outcome)),
        8 => (0..120_u64).prop_map(Step::Wait),
        2 => (0..2000_u64).prop_map(Step::Wait),
        1 => forced.prop_map(Step::Force),
    ]
}

/// A permit that is out.
#[derive(Clone, Copy, Debug)]
struct Call {
    ticket: Ticket,
    started: u64,
    generation: u64,
    is_probe: bool,
    was_seen_slow: bool,
}

struct Model {
    config: Config,
    now: u64,
    state: State,
    generation: u64,
    until: u64,
    openings: u32,
    successes: u32,
    calls: Vec<Call>,
    /// Of this generation: when it was counted, and whether it failed; whether it was slow.
    reports: Vec<(u64, bool)>,
    slow: Vec<(u64, bool)>,
}

impl Model {
    fn change(&mut self, state: State) {
        self.state = state;
        self.generation += 1;
        self.successes = 0;
        self.reports.clear();
        self.slow.clear();
        if state == State::Closed {
            self.openings = 0;
        }
    }

    fn open(&mut self, at: u64) {
        self.openings += 1;
        self.until = at + (300 << (self.openings - 1).min(9)).min(1000);
        self.change(State::Open);
    }

    /// How many are bad, of how many, in the window.
    fn count(&self, entries: &[(u64, bool)]) -> (usize, usize) {
        let kept: Vec<_> = match self.config.window {
            Window::Calls { last } => entries.iter().rev().take(last as usize).collect(),
            Window::Time { span, buckets } => {
                let width = span.as_millis() as u64 / u64::from(buckets);
                let oldest = (self.now / width + 1).saturating_sub(u64::from(buckets));
                entries.iter().filter(|(at, _)| at / width >= oldest).collect()
            }
            Window::Consecutive { .. } => unreachable!("it is not the machine's"),
        };
        (kept.iter().filter(|(_, bad)| *bad).count(), kept.len())
    }

    fn judge(&mut self) {
        let is_too_much =
            |(bad, calls): (usize, usize), percent: usize| calls >= 4 && bad * 100 >= calls * percent;
        if is_too_much(self.count(&self.reports), 50) || is_too_much(self.count(&self.slow), 60) {
            self.open(self.now);
        }
    }

    fn advance(&mut self) {
        let (now, generation) = (self.now, self.generation);
        if self.state == State::Closed && self.config.slow_call_after.is_some() {
            let mut has_slow = false;
            for call in self.calls.iter_mut().filter(|call| call.generation == generation) {
                let steps = SLOW_AFTER / 16;
                if !call.was_seen_slow && (call.started / steps + 1) * steps + SLOW_AFTER <= now {
                    call.was_seen_slow = true;
                    has_slow = true;
                    self.slow.push((now, true));
                }
            }
            if has_slow {
                self.judge();
            }
        }
        let probes = self.calls.iter().filter(|call| call.is_probe && call.generation == self.generation);
        if let Some(first) = probes.map(|call| call.started).min()
            && first + LEASE <= now
        {
            self.open(first + LEASE);
        }
        if self.state == State::Open && self.until <= now {
            self.change(State::HalfOpen);
        }
    }

    fn probes(&self) -> usize {
        self.calls.iter().filter(|call| call.is_probe && call.generation == self.generation).count()
    }

    fn passes(&self) -> bool {
        match self.state {
            State::Closed | State::ForcedClosed | State::Disabled => true,
            State::Open | State::ForcedOpen => false,
            State::HalfOpen => self.probes() < self.config.probes as usize,
        }
    }

    /// False if it is late.
    fn report(&mut self, call: Call, outcome: Outcome) -> bool {
        if call.generation != self.generation {
            return false;
        }
        let is_slow = self.config.slow_call_after.is_some() && self.now - call.started >= SLOW_AFTER;
        match self.state {
            State::Closed => {
                if outcome != Outcome::Ignored {
                    self.reports.push((self.now, outcome == Outcome::Failure));
                }
                if self.config.slow_call_after.is_some()
                    && !call.was_seen_slow
                    && (is_slow || outcome != Outcome::Ignored)
                {
                    self.slow.push((self.now, is_slow));
                }
                self.judge();
            }
            State::HalfOpen if outcome == Outcome::Ignored && !is_slow => {}
            State::HalfOpen if outcome == Outcome::Success && !is_slow => {
                self.successes += 1;
                if self.successes == self.config.successes_to_close {
                    self.change(State::Closed);
                }
            }
            State::HalfOpen => self.open(self.now),
            _ => {}
        }
        true
    }
}

struct Pair {
    epoch: Instant,
    machine: Machine,
    model: Model,
}

impl Pair {
    fn new(epoch: Instant, config: Config) -> Self {
        let watched = Watched::new(&config, epoch);
        let machine = Machine::new(config.clone(), Rng::from_seed(1), epoch, watched);
        let model = Model {
            config,
            now: 0,
            state: State::Closed,
            generation: 0,
            until: 0,
            openings: 0,
            successes: 0,
            calls: Vec::new(),
            reports: Vec::new(),
            slow: Vec::new(),
        };
        Self { epoch, machine, model }
    }

    fn now(&self) -> Instant {
        self.epoch + Duration::from_millis(self.model.now)
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Wait(millis) => self.model.now += millis,
            Step::Admit => self.admit(),
            Step::Check => {
                self.model.advance();
                assert_eq!(self.machine.check(self.now()).is_ok(), self.model.passes());
            }
            Step::Report(which, outcome) => self.report(which, *outcome),
            Step::Force(state) => {
                self.model.advance();
                if *state == State::Closed || self.model.state != *state {
                    self.model.change(*state);
                }
                self.machine.force(self.now(), *state);
            }
        }
        self.compare();
    }

    fn admit(&mut self) {
        self.model.advance();
        let passes = self.model.passes();
        match self.machine.admit(self.now()) {
            Ok(ticket) => {
                assert!(passes);
                let is_probe = self.model.state == State::HalfOpen;
                let Model { now: started, generation, .. } = self.model;
                assert_eq!((ticket.probe > 0, ticket.generation), (is_probe, generation));
                self.model.calls.push(Call { ticket, started, generation, is_probe, was_seen_slow: false });
            }
            Err(refusal) => {
                assert!(!passes);
                assert_eq!(refusal.state, self.model.state);
                let millis = Duration::from_millis;
                let retry_after = match refusal.state {
                    State::Open => Some(millis(self.model.until - self.model.now)),
                    State::ForcedOpen => None,
                    // Bounded is what it has to be.
                    _ => refusal.retry_after.filter(|after| *after <= millis(300)),
                };
                assert_eq!(refusal.retry_after, retry_after);
            }
        }
    }

    fn report(&mut self, which: &prop::sample::Index, outcome: Outcome) {
        self.model.advance();
        if self.model.calls.is_empty() {
            return;
        }
        let call = self.model.calls.swap_remove(which.index(self.model.calls.len()));
        let in_time = self.model.report(call, outcome);
        let reported = self.machine.report(self.now(), &call.ticket, outcome);
        assert_eq!(reported == Reported::Counted, in_time);
    }

    fn compare(&mut self) {
        self.model.advance();
        self.machine.advance(self.now());
        let Model { state, generation, .. } = self.model;
        assert_eq!((self.machine.state(), self.machine.generation()), (state, generation));
        assert_eq!(self.machine.probes_in_flight(), self.model.probes());
        if state == State::Closed {
            let (failures, calls, slow) = self.machine.watched().expect("it watches").count();
            assert_eq!((failures as usize, calls as usize), self.model.count(&self.model.reports));
            assert_eq!(slow as usize, self.model.count(&self.model.slow).0);
        }
        let told = self.machine.take_transitions();
        assert!(told.last().is_none_or(|last| last.generation == generation && last.to == state));
        assert!(told.iter().all(|told| told.at <= self.now()));
        assert!(told.windows(2).all(|pair| {
            pair[0].at <= pair[1].at
                && pair[0].to == pair[1].from
                && pair[0].generation + 1 == pair[1].generation
        }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_machine_does_what_the_model_does(
        config in any_config(),
        steps in prop::collection::vec(any_step(), 0..150),
    ) {
        // The test runtime, for an instant to count from.
        testing::run(1, |rt| async move {
            let mut pair = Pair::new(rt.now(), config);
            steps.iter().for_each(|step| pair.step(step));
        });
    }
}
