//! What the pool must not know that it is watched by: every connection and every lease, counted beside it.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use crate::{always, scenario::Host};

/// The connections and leases of one pool.
#[derive(Default)]
pub(super) struct Ledger(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    /// The size the pool has been given.
    max: usize,
    /// No total above this is right: it falls to `max` as soon as the total has.
    bound: usize,
    made: u64,
    /// The connections there are, being made or made, and who holds each.
    connections: BTreeMap<u64, Option<u64>>,
    /// Those in line, and how many came later and were served before each.
    waiting: BTreeMap<u64, u64>,
    came: u64,
    most_passed: u64,
}

impl Ledger {
    pub(super) fn set_max(&self, max: usize) {
        let mut book = self.0.lock();
        book.max = max;
        book.bound = book.bound.max(max);
    }

    pub(super) fn max(&self) -> usize {
        self.0.lock().max
    }

    /// What a total of `total` is to be held against.
    pub(super) fn bound(&self, total: usize) -> usize {
        let mut book = self.0.lock();
        let bound = book.bound;
        book.bound = total.max(book.max).min(bound);
        bound
    }

    pub(super) fn connections(&self) -> usize {
        self.0.lock().connections.len()
    }

    /// A connect begins.
    pub(super) fn connect(&self, host: &Host) -> Token {
        let mut book = self.0.lock();
        book.made += 1;
        let number = book.made;
        book.connections.insert(number, None);
        // A connect that was decided on before the pool became smaller may begin after it.
        let (total, bound) = (book.connections.len(), book.bound);
        drop(book);
        always!(host, total <= bound, "no connect begins beyond the pool's size", "{total} of {bound}");
        Token { number, book: Arc::clone(&self.0), is_counted: true }
    }

    /// A lease is taken by `caller`; it is over when the value is dropped.
    pub(super) fn hold(&self, host: &Host, connection: u64, caller: u64) -> Held {
        let before = self.0.lock().connections.insert(connection, Some(caller)).flatten();
        if let Some(other) = before {
            let text = format_args!("connection {connection} of caller {other} is lent to caller {caller}");
            host.violated("a connection has one holder at a time", text);
        }
        Held { connection, book: Arc::clone(&self.0) }
    }

    /// A caller takes its place in line; it leaves it when the value is dropped.
    pub(super) fn wait(&self) -> InLine {
        let mut book = self.0.lock();
        book.came += 1;
        let number = book.came;
        book.waiting.insert(number, 0);
        InLine { number, book: Arc::clone(&self.0) }
    }

    /// Equal callers are served in the order in which they came. Not to the letter, since whose turn it is may be polled
    /// after others; but nobody is passed again and again.
    pub(super) fn check_order(&self, host: &Host, max: usize) {
        let (passed, bound) = (self.0.lock().most_passed, 8 * max as u64 + 32);
        always!(host, passed <= bound, "nobody is passed by for ever", "{passed} later callers came first");
    }
}

/// A connection, from the beginning of its connect to its end.
pub(super) struct Token {
    number: u64,
    book: Arc<Mutex<Book>>,
    is_counted: bool,
}

impl Token {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// It leaves the pool, and is no longer the pool's to count.
    pub(super) fn take_along(&mut self) {
        self.is_counted = false;
        self.book.lock().connections.remove(&self.number);
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if self.is_counted {
            self.book.lock().connections.remove(&self.number);
        }
    }
}

/// A lease.
pub(super) struct Held {
    connection: u64,
    book: Arc<Mutex<Book>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(holder) = self.book.lock().connections.get_mut(&self.connection) {
            *holder = None;
        }
    }
}

/// A place in line.
pub(super) struct InLine {
    number: u64,
    book: Arc<Mutex<Book>>,
}

impl InLine {
    /// It is served: all who came before and still wait were passed.
    pub(super) fn served(self) {
        let mut book = self.book.lock();
        let mut most = book.most_passed;
        for passed in book.waiting.range_mut(..self.number).map(|(_, passed)| passed) {
            *passed += 1;
            most = most.max(*passed);
        }
        book.most_passed = most;
    }
}

impl Drop for InLine {
    fn drop(&mut self) {
        self.book.lock().waiting.remove(&self.number);
    }
}
