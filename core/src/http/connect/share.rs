//! Which requests to one origin share a connection, and when another one is made.
//!
//! The pool of an origin lends *places*. Over HTTP/1.1 a place is a connection; over HTTP/2 it is the right to one stream
//! of a connection that many use, so the line of the pool is as fair as ever. Whether the other side speaks HTTP/2 is found
//! out by the first connection: whoever comes meanwhile waits for it, and shares it or makes one of its own.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use event_listener::{Event, EventListener};
use parking_lot::Mutex;

use super::{
    Failure, Why,
    dial::{Repeated, Times},
};
use crate::{
    http::wire::h2::{Line, Sender, Ticket},
    rt::{Address, Sleep},
};

/// The connections to one origin, of whatever kind, and the streams on them.
pub(in crate::http) struct Sharing {
    state: Mutex<State>,
    changed: Event,
    /// How many connections there are, those being made included.
    connections: AtomicUsize,
    connections_max: usize,
    streams_max: usize,
}

#[derive(Default)]
struct State {
    /// Whether the other side speaks HTTP/2, once that is known.
    is_shared: Option<bool>,
    /// How many connects are under way.
    making: usize,
    lines: Vec<Entry>,
    /// How many connects have failed, and how the last one did.
    failures: u64,
    failure: Option<Failure>,
}

struct Entry {
    line: Arc<Line>,
    sender: Sender,
    times: Times,
    peer: Option<Address>,
}

/// What a connect is to do.
pub(super) enum Turn {
    /// There is a stream for it.
    Place(Box<Place>),
    /// Make a connection.
    Make(Making),
    /// The connection it waited for was not made.
    Failed(Failure),
    Wait,
}

impl Sharing {
    pub(in crate::http) fn new(connections_max: usize, streams_max: usize) -> Self {
        Self {
            state: Mutex::default(),
            changed: Event::new(),
            connections: AtomicUsize::new(0),
            connections_max,
            streams_max,
        }
    }

    /// How many places a pool may lend.
    pub(in crate::http) fn places_max(&self) -> usize {
        let state = self.state.lock();
        let streams = match state.is_shared {
            Some(true) => state.lines.iter().map(|entry| entry.line.streams_max()).min(),
            _ => Some(1),
        };
        let streams = streams.unwrap_or(self.streams_max).min(self.streams_max);
        self.connections_max.saturating_mul(streams).min(1_000_000)
    }

    /// To be asked for before the turn, and to be waited for after it.
    pub(super) fn changes(&self) -> EventListener {
        self.changed.listen()
    }

    /// How many connects have failed so far.
    pub(super) fn failures(&self) -> u64 {
        self.state.lock().failures
    }

    /// What somebody is to do who wants a connection since there were `failures`.
    pub(super) fn turn(self: &Arc<Self>, failures: u64) -> Turn {
        // Dropped after the lock is released: the last sender of a connection ends it.
        let mut gone = Vec::new();
        let mut state = self.state.lock();
        gone.extend(state.lines.extract_if(.., |entry| entry.line.is_retired()));
        let free = state.lines.iter().find(|entry| entry.line.streams() < self.streams_of(&entry.line));
        if let Some(entry) = free {
            entry.line.add_stream();
            entry.line.add_place();
            let Entry { line, sender, times, peer } = entry;
            let (line, sender, times, peer) = (Arc::clone(line), sender.clone(), *times, peer.clone());
            drop(state);
            return Turn::Place(Box::new(Place::new(self, line, sender, times, peer)));
        }
        if state.failures > failures
            && state.lines.is_empty()
            && let Some(failure) = &state.failure
        {
            return Turn::Failed(failure.repeated());
        }
        let goes_alone = state.is_shared != Some(false);
        let has_room = self.connections.load(Ordering::Acquire) < self.connections_max;
        if !has_room || goes_alone && state.making > 0 {
            return Turn::Wait;
        }
        state.making += 1;
        let connection = Counted::new(self);
        drop(state);
        Turn::Make(Making { sharing: Arc::clone(self), connection: Some(connection), is_over: false })
    }

    /// How many streams a connection may have at once.
    fn streams_of(&self, line: &Line) -> usize {
        line.streams_max().min(self.streams_max)
    }

    fn tell(&self) {
        self.changed.notify(usize::MAX);
    }

    /// One connect is over.
    fn made(&self, change: impl FnOnce(&mut State) -> Option<Failure>) {
        let mut state = self.state.lock();
        state.making -= 1;
        let before = change(&mut state);
        drop(state);
        drop(before);
        self.tell();
    }
}

/// A connection that is being made. If it is dropped, the next one tries.
pub(super) struct Making {
    sharing: Arc<Sharing>,
    connection: Option<Counted>,
    is_over: bool,
}

impl Making {
    /// The connection counts for as long as this is held.
    pub(super) fn connection(&mut self) -> Option<Counted> {
        self.connection.take()
    }

    /// It serves one request at a time.
    pub(super) fn alone(mut self) {
        self.is_over = true;
        self.sharing.made(|state| {
            state.is_shared = Some(false);
            None
        });
    }

    /// It serves many. The first place is for whoever made it.
    pub(super) fn shared(
        mut self,
        line: Arc<Line>,
        sender: Sender,
        times: Times,
        peer: Option<Address>,
    ) -> Place {
        self.is_over = true;
        line.add_stream();
        line.add_place();
        let entry = Entry { line: Arc::clone(&line), sender: sender.clone(), times, peer: peer.clone() };
        self.sharing.made(|state| {
            state.is_shared = Some(true);
            state.lines.push(entry);
            None
        });
        Place::new(&self.sharing, line, sender, times, peer)
    }

    /// There is none.
    pub(super) fn failed(mut self, failure: Failure) -> Failure {
        self.is_over = true;
        let (own, others) = failure.split();
        // It does not count any more once the others look.
        drop(self.connection.take());
        self.sharing.made(|state| {
            state.failures += 1;
            state.failure.replace(others)
        });
        own
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if !self.is_over {
            self.sharing.made(|_| None);
        }
    }
}

/// Counts among the connections to its origin.
pub(in crate::http) struct Counted(Arc<Sharing>);

impl Counted {
    fn new(sharing: &Arc<Sharing>) -> Self {
        sharing.connections.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(sharing))
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted")
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
        self.0.tell();
    }
}

/// One of the streams that a connection may have at once.
pub(in crate::http) struct StreamPlace {
    line: Arc<Line>,
    sharing: Arc<Sharing>,
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.line.remove_stream();
        self.sharing.tell();
    }
}

/// The right to one stream at a time on a connection that others use, too.
pub(in crate::http) struct Place {
    pub(in crate::http) line: Arc<Line>,
    pub(in crate::http) sender: Sender,
    pub(in crate::http) ticket: Arc<Ticket>,
    pub(in crate::http) peer: Option<Address>,
    /// For the time limits of whoever holds it; it goes along to the next.
    pub(in crate::http) timer: Option<Sleep>,
    times: Times,
    is_in_use: bool,
    sharing: Arc<Sharing>,
}

impl Place {
    fn new(
        sharing: &Arc<Sharing>,
        line: Arc<Line>,
        sender: Sender,
        times: Times,
        peer: Option<Address>,
    ) -> Self {
        let ticket = ticket(sharing, &line);
        Self {
            line,
            sender,
            ticket,
            peer,
            timer: None,
            times,
            is_in_use: false,
            sharing: Arc::clone(sharing),
        }
    }

    /// Whether a request may be sent on it: the connection takes more streams, and the last body is out.
    pub(in crate::http) fn is_ready(&self) -> bool {
        let is_free = Arc::strong_count(&self.ticket) == 1;
        !self.line.is_retired()
            && self.sender.is_ready()
            && is_free
            && self.line.streams() <= self.line.streams_max()
    }

    /// Somebody has it who will send a request, on a connection that is used up after `uses_max` of them. Whoever is the
    /// first is told how long it took to make.
    pub(in crate::http) fn begin(&mut self, uses_max: u64) -> Option<Times> {
        let before = self.line.begin_use();
        self.is_in_use = true;
        if uses_max > 0 && before as u64 + 1 >= uses_max {
            self.line.retire();
        }
        (before == 0).then_some(self.times)
    }

    /// It comes back.
    pub(in crate::http) fn end(&mut self) {
        if std::mem::take(&mut self.is_in_use) {
            self.line.end_use();
        }
        if Arc::strong_count(&self.ticket) == 1 {
            return;
        }
        // Its body is still being sent. It ends soon, and has its stream until then.
        self.ticket.leave();
        let Self { line, sharing, .. } = &*self;
        if line.streams() < sharing.streams_of(line) {
            line.add_stream();
            self.ticket = ticket(sharing, line);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.end();
        if !self.line.remove_place() {
            return;
        }
        // Nobody has a place any more: without a sender the connection ends.
        let mut state = self.sharing.state.lock();
        let is_own = |entry: &Entry| Arc::ptr_eq(&entry.line, &self.line);
        let at = state.lines.iter().position(|entry| is_own(entry) && entry.line.is_deserted());
        let gone = at.map(|at| state.lines.remove(at));
        drop(state);
        drop(gone);
    }
}

/// For a stream that was counted.
fn ticket(sharing: &Arc<Sharing>, line: &Arc<Line>) -> Arc<Ticket> {
    Arc::new(Ticket::new(StreamPlace { line: Arc::clone(line), sharing: Arc::clone(sharing) }))
}

impl Failure {
    /// For whoever has failed, and for those who waited for that.
    fn split(self) -> (Self, Self) {
        let Self { at, times, phase, why } = self;
        let (own, others) = match why {
            Why::Io(error) => share(error.kind(), error),
            Why::Handshake(error) => share(io::ErrorKind::Other, error),
            Why::TimedOut(limit) => (Why::TimedOut(limit), Why::TimedOut(limit)),
            Why::NoPlace(what) => (Why::NoPlace(what.clone()), Why::NoPlace(what)),
            Why::Unwanted => (Why::Unwanted, Why::Unwanted),
        };
        (Self { at, times, phase, why: own }, Self { at, times, phase, why: others })
    }

    fn repeated(&self) -> Self {
        let Self { at, times, phase, why } = self;
        let why = match why {
            Why::Io(error) => {
                let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Repeated>());
                Why::Io(match inner {
                    Some(repeated) => io::Error::new(error.kind(), repeated.clone()),
                    None => error.kind().into(),
                })
            }
            Why::Handshake(_) => Why::Io(io::ErrorKind::Other.into()),
            Why::TimedOut(limit) => Why::TimedOut(*limit),
            Why::NoPlace(what) => Why::NoPlace(what.clone()),
            Why::Unwanted => Why::Unwanted,
        };
        Self { at: *at, times: *times, phase: *phase, why }
    }
}

fn share(kind: io::ErrorKind, error: impl std::error::Error + Send + Sync + 'static) -> (Why, Why) {
    let repeated = Repeated::new(error);
    let why = || Why::Io(io::Error::new(kind, repeated.clone()));
    (why(), why())
}
