//! The breakers of a client, by what they tell.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt};
use parking_lot::Mutex;
use seaworthy_core::{
    http::{Client, Ending, Phase},
    resilience::{
        CircuitBreaker,
        breaker::{Event, Events, State, Transition, Why},
    },
};

use super::{BACKENDS, backend::url, laws::Tried};
use crate::{always, scenario::Host, sometimes};

/// All breakers of a client; none if it has none.
pub(super) struct Watch(Vec<Arc<Mutex<Watched>>>);

struct Watched {
    breaker: CircuitBreaker,
    events: Events,
    course: Course,
}

/// What a breaker has told of itself.
#[derive(Default)]
pub(super) struct Course {
    last: Option<Step>,
    /// When it was open.
    open: Vec<(Instant, Instant)>,
}

/// One change of its state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) generation: u64,
    pub(super) from: State,
    pub(super) to: State,
    pub(super) why: Why,
    pub(super) at: Instant,
    pub(super) open_for: Option<Duration>,
}

impl From<Transition> for Step {
    fn from(transition: Transition) -> Self {
        let Transition { generation, from, to, why, at, open_for, .. } = transition;
        Self { generation, from, to, why, at, open_for }
    }
}

impl Watch {
    pub(super) fn new(_host: &Host, client: &Client) -> Result<Self, seaworthy_core::http::Error> {
        let mut watched = Vec::new();
        for number in 0..BACKENDS {
            let Some(breaker) = client.breaker(url(number, None))? else { continue };
            let events = breaker.events();
            watched.push(Arc::new(Mutex::new(Watched { breaker, events, course: Course::default() })));
        }
        Ok(Self(watched))
    }

    /// Looks at what has happened since.
    pub(super) fn look(&self, host: &Host) {
        self.0.iter().for_each(|watched| watched.lock().look(host));
    }

    /// Whether all of them let requests through.
    pub(super) fn are_closed(&self) -> bool {
        self.0.iter().all(|watched| watched.lock().breaker.state() == State::Closed)
    }

    /// An attempt, as the client reports it, to this backend.
    pub(super) fn check(&self, host: &Host, backend: u16, attempt: &Tried) {
        if attempt.ending == Ending::Failed(Phase::Limit) {
            return;
        }
        let Some(watched) = self.0.get(usize::from(backend)) else { return };
        let mut watched = watched.lock();
        watched.look(host);
        watched.course.check(host, attempt);
    }
}

impl Course {
    /// An attempt that a breaker let through.
    pub(super) fn check(&self, host: &Host, attempt: &Tried) {
        let mut open = self.open.iter();
        let within = open.find(|(from, to)| *from < attempt.started && attempt.started < *to);
        if let Some((from, to)) = within {
            let (since, left) = (attempt.started - *from, *to - attempt.started);
            let text = format_args!("{since:?} after it opened, and {left:?} before it was to: {attempt:?}");
            host.violated("an open breaker lets nothing through", text);
        }
    }

    /// It has changed.
    pub(super) fn step(&mut self, host: &Host, next: Step) {
        let before = self.last.replace(next);
        let Step { from, to, why, at, .. } = next;
        let is_legal = match (from, to) {
            (State::Closed, State::Open) => matches!(why, Why::Failures { .. } | Why::SlowCalls { .. }),
            (State::Open, State::HalfOpen) => matches!(why, Why::OpenFor(_)),
            (State::HalfOpen, State::Closed) => matches!(why, Why::ProbesSucceeded(_)),
            (State::HalfOpen, State::Open) => matches!(why, Why::ProbeFailed | Why::ProbeLeaseExpired),
            _ => false,
        };
        let follows = match before {
            None => from == State::Closed,
            Some(before) => before.to == from && before.generation + 1 == next.generation && before.at <= at,
        };
        always!(
            host,
            is_legal && follows,
            "a breaker goes from state to state as it should",
            "{next:?} after {before:?}"
        );
        if let Some(before) = before.filter(|_| to == State::HalfOpen) {
            let is_due = before.open_for.is_some_and(|time| at >= before.at + time);
            always!(host, is_due, "a breaker is open for as long as it says", "{next:?} after {before:?}");
        }
        if let Some(time) = next.open_for.filter(|_| to == State::Open) {
            self.open.push((at, at + time));
        }
        sometimes!(host, from == State::Closed, "a breaker opens");
        sometimes!(host, to == State::HalfOpen, "a breaker is half open");
        sometimes!(host, why == Why::ProbeFailed, "a probe fails");
        sometimes!(host, to == State::Closed, "a breaker closes again");
    }
}

impl Watched {
    fn look(&mut self, host: &Host) {
        while let Some(event) = self.events.next().now_or_never() {
            match event {
                Some(Event::Changed(transition)) => {
                    let Transition { from, to, why, .. } = transition;
                    host.note(format_args!(
                        "breaker of {}: {from} to {to}, since {why}",
                        self.breaker.name()
                    ));
                    self.course.step(host, transition.into());
                }
                other => host.violated("a breaker tells all that happens to it", format_args!("{other:?}")),
            }
            if event.is_none() {
                return;
            }
        }
    }
}
