use std::{collections::VecDeque, sync::Arc};

use futures::task::AtomicWaker;
use parking_lot::Mutex;

use super::Received;

/// The connections of a [`Server`](super::Server) or [`Proxy`](super::Proxy), and how many requests came on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connections {
    /// How many were accepted in all.
    pub accepted: u64,
    /// How many are open now.
    pub open: usize,
    /// The most that were open at once.
    pub open_max: usize,
    /// How many of those accepted were reset at once, as [`Accept::Reset`](super::Accept::Reset) says.
    pub turned_away: u64,
    /// How many handshakes of TLS failed or were broken off.
    pub handshakes_failed: u64,
    /// How many requests came in all.
    pub requests: u64,
    /// How many of those the ledger no longer has, for want of room.
    pub forgotten: u64,
    /// How many requests could not be read and were answered with 400, 413 or 431.
    pub malformed: u64,
}

/// What a server remembers.
#[derive(Debug)]
pub(super) struct Ledger {
    book: Mutex<Book>,
    requests_max: usize,
    /// The one who accepts, if there was no room for another connection.
    pub(super) room: AtomicWaker,
}

#[derive(Debug, Default)]
struct Book {
    requests: VecDeque<Received>,
    connections: Connections,
}

/// A place in the ledger.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry(u64);

impl Ledger {
    pub(super) fn new(requests_max: usize) -> Arc<Self> {
        Arc::new(Self { book: Mutex::default(), requests_max, room: AtomicWaker::new() })
    }

    pub(super) fn requests(&self) -> Vec<Received> {
        self.book.lock().requests.iter().cloned().collect()
    }

    pub(super) fn connections(&self) -> Connections {
        self.book.lock().connections
    }

    pub(super) fn note(&self, what: impl FnOnce(&mut Connections)) {
        what(&mut self.book.lock().connections);
    }

    /// Counts a connection until the guard is dropped.
    pub(super) fn open(self: &Arc<Self>) -> (u64, Open) {
        let connections = &mut self.book.lock().connections;
        connections.accepted += 1;
        connections.open += 1;
        connections.open_max = connections.open_max.max(connections.open);
        (connections.accepted, Open(Arc::clone(self)))
    }

    pub(super) fn begin(&self, request: Received) -> Entry {
        let mut forgotten = None;
        let mut book = self.book.lock();
        if book.requests.len() >= self.requests_max {
            forgotten = book.requests.pop_front();
            book.connections.forgotten += 1;
        }
        let entry = Entry(book.connections.requests);
        book.connections.requests += 1;
        book.requests.push_back(request);
        drop(book);
        drop(forgotten);
        entry
    }

    /// Writes the request anew, if it is still there.
    pub(super) fn update(&self, entry: Entry, request: Received) {
        let mut book = self.book.lock();
        let place =
            entry.0.checked_sub(book.connections.forgotten).and_then(|place| usize::try_from(place).ok());
        let kept = place.and_then(|place| book.requests.get_mut(place));
        let _before = kept.map(|kept| std::mem::replace(kept, request));
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Open(Arc<Ledger>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.note(|connections| connections.open -= 1);
        self.0.room.wake();
    }
}
