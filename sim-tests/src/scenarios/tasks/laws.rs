//! Tasks, counted beside their manager.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use seaworthy_core::task::Order;

use crate::{fault::FaultKind, scenario::Host, scenarios::turns, sometimes};

/// How long a task that was told to start may take to begin, where nothing keeps it from its turn.
const MOMENT: Duration = Duration::from_millis(50);

/// The tasks of one manager.
#[derive(Clone, Default)]
pub(super) struct Ledger(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    order: Option<Order>,
    slots: usize,
    /// More than that do not run: it falls to `slots` as soon as tasks have ended.
    bound: usize,
    most_slots: usize,
    submitted: u64,
    /// In the queue: the priority of each and when it came, by number.
    pending: BTreeMap<u64, (i32, Duration)>,
    running: usize,
    alive: u64,
}

impl Ledger {
    pub(super) fn set_order(&self, order: Order) {
        self.0.lock().order = Some(order);
    }

    pub(super) fn set_concurrency(&self, slots: usize) {
        let mut book = self.0.lock();
        book.slots = slots;
        book.bound = book.bound.max(slots);
        book.most_slots = book.most_slots.max(slots);
    }

    /// The manager says that so many run, those included that were told to start and have not begun.
    pub(super) fn look(&self, running: usize) {
        let mut book = self.0.lock();
        book.bound = running.max(book.slots).min(book.bound);
    }

    /// How many futures of tasks there are.
    pub(super) fn alive(&self) -> u64 {
        self.0.lock().alive
    }

    /// A task that is about to be submitted. Put it into its future.
    pub(super) fn submit(&self, host: &Host, priority: i32, limits: Limits) -> Work {
        let mut book = self.0.lock();
        book.submitted += 1;
        book.alive += 1;
        let number = book.submitted;
        book.pending.insert(number, (priority, host.now()));
        let since = host.now();
        Work { host: host.clone(), ledger: self.clone(), number, priority, limits, since, is_running: false }
    }

    /// It was taken out of the queue: whoever polls it now is wrong. Returns whether it was there.
    pub(super) fn withdraw(&self, number: u64) -> bool {
        self.0.lock().pending.remove(&number).is_some()
    }
}

/// A task from within: it says when it starts and when it is dropped.
pub(super) struct Work {
    host: Host,
    ledger: Ledger,
    number: u64,
    priority: i32,
    limits: Limits,
    /// When it came, or began to run.
    since: Duration,
    is_running: bool,
}

/// How long a task may wait and run.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) queue: Option<Duration>,
    pub(super) run: Option<Duration>,
}

impl Work {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// It has done for so long what it may do for `limit`.
    fn check_limit(&self, limit: Option<Duration>, law: &str) {
        let took = self.host.now() - self.since;
        if limit.is_some_and(|limit| took > limit + MOMENT) && turns::are_on_time(&self.host, self.since) {
            self.host.violated(law, format_args!("task {}: {took:?} instead of {limit:?}", self.number));
        }
    }

    /// At its first poll.
    pub(super) fn start(&mut self) {
        self.check_limit(self.limits.queue, "no task waits longer than it may");
        self.since = self.host.now();
        let (number, host) = (self.number, &self.host);
        let mut book = self.ledger.0.lock();
        let was_pending = book.pending.remove(&number).is_some();
        book.running += 1;
        self.is_running = true;
        let (running, bound) = (book.running, book.bound);
        let is_strict = book.order == Some(Order::Strict);
        // Those of equal priority never pass each other, whatever the order.
        // Those that came in the meantime came too late: a task that was told to start begins a moment later.
        let before = host.now().saturating_sub(MOMENT);
        let better = book.pending.iter().filter(|(other, (priority, came))| {
            let comes_first =
                (is_strict && *priority > self.priority) || (*priority == self.priority && **other < number);
            comes_first && *came < before
        });
        let better = better.count();
        let passed = book.pending.keys().next().is_some_and(|first| *first < number);
        let slots = book.most_slots;
        drop(book);
        host.note(format_args!("task {number} starts as one of {running}"));
        if !was_pending {
            host.violated(
                "a task that was cancelled in the queue is never polled",
                format_args!("task {number}"),
            );
        }
        if running > bound {
            host.violated("no more run than may", format_args!("{running} of {bound}"));
        }
        // As many as there are slots may have been told to start and not have begun.
        if better > slots && turns::are_spared(host, &[FaultKind::Pause, FaultKind::SlowTasks]) {
            let text = format_args!("task {number} starts, and {better} that come before it do not");
            host.violated("tasks start in their order", text);
        }
        sometimes!(host, passed, "a task is passed by a more urgent one");
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if self.is_running {
            self.check_limit(self.limits.run, "no task runs longer than it may");
        }
        let mut book = self.ledger.0.lock();
        book.alive -= 1;
        book.pending.remove(&self.number);
        if self.is_running {
            book.running -= 1;
        }
    }
}
