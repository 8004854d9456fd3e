//! The breakers of a client, by what they tell.

use std::{sync::Arc, time::Instant};

use futures::{FutureExt, StreamExt};
use parking_lot::Mutex;
use seaworthy_core::{
    http::{Attempt, Client, Ending, Phase},
    resilience::{
        CircuitBreaker,
        breaker::{Event, Events, State, Transition, Why},
    },
};

use super::{BACKENDS, backend::url};
use crate::{always, scenario::Host, sometimes};

/// All breakers of a client; none if it has none.
pub(super) struct Watch(Vec<Arc<Mutex<Watched>>>);

struct Watched {
    breaker: CircuitBreaker,
    events: Events,
    last: Option<Transition>,
    /// When it was open.
    open: Vec<(Instant, Instant)>,
}

impl Watch {
    pub(super) fn new(_host: &Host, client: &Client) -> Result<Self, seaworthy_core::http::Error> {
        let mut watched = Vec::new();
        for number in 0..BACKENDS {
            let Some(breaker) = client.breaker(url(number, None))? else { continue };
            let events = breaker.events();
            watched.push(Arc::new(Mutex::new(Watched { breaker, events, last: None, open: Vec::new() })));
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
    pub(super) fn check(&self, host: &Host, backend: u16, attempt: &Attempt) {
        if attempt.ending == Ending::Failed(Phase::Limit) {
            return;
        }
        let Some(watched) = self.0.get(usize::from(backend)) else { return };
        let mut watched = watched.lock();
        watched.look(host);
        let mut open = watched.open.iter();
        let within = open.find(|(from, to)| *from < attempt.started && attempt.started < *to);
        if let Some((from, to)) = within {
            let (since, left) = (attempt.started - *from, *to - attempt.started);
            let text = format_args!("{since:?} after it opened, and {left:?} before it was to: {attempt:?}");
            host.violated("an open breaker lets nothing through", text);
        }
    }
}

impl Watched {
    fn look(&mut self, host: &Host) {
        while let Some(event) = self.events.next().now_or_never() {
            match event {
                Some(Event::Changed(transition)) => self.step(host, transition),
                other => host.violated("a breaker tells all that happens to it", format_args!("{other:?}")),
            }
            if event.is_none() {
                return;
            }
        }
    }

    fn step(&mut self, host: &Host, next: Transition) {
        let before = self.last.replace(next);
        let Transition { from, to, why, at, .. } = next;
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
        host.note(format_args!("breaker of {}: {from} to {to}, since {why}", self.breaker.name()));
        sometimes!(host, from == State::Closed, "a breaker opens");
        sometimes!(host, to == State::HalfOpen, "a breaker is half open");
        sometimes!(host, why == Why::ProbeFailed, "a probe fails");
        sometimes!(host, to == State::Closed, "a breaker closes again");
    }
}
