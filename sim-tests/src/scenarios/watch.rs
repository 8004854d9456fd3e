//! A line of waiters, seen from outside: who came when, who was told when, and in which order.

use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

use parking_lot::Mutex;

use crate::{Sim, scenario::Host};

/// How many of the last that were let through are compared.
const PASSED_MAX: usize = 64;

/// A line in which those who come first are let through first.
pub(super) struct Line {
    host: Host,
    /// What one waits for.
    name: &'static str,
    wakes: Arc<AtomicU64>,
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    came: u64,
    gave_up: u64,
    waiting: BTreeMap<u64, Arc<Watcher>>,
    /// The wakes with which each of the last was let through.
    passed: BTreeMap<u64, Told>,
}

/// How a wait ended.
pub(super) struct Ended<T> {
    pub(super) value: T,
    /// When it was told; `None` if it did not have to wait.
    pub(super) told: Option<Duration>,
}

impl Line {
    pub(super) fn new(host: &Host, name: &'static str) -> Self {
        Self { host: host.clone(), name, wakes: Arc::default(), members: Mutex::default() }
    }

    /// How many are in line and have not been told anything.
    pub(super) fn waiting(&self) -> usize {
        self.members.lock().waiting.values().filter(|watcher| !watcher.is_told.load(Relaxed)).count()
    }

    /// How many are in line, have been told that it is their turn, and have not come to look.
    pub(super) fn told(&self) -> usize {
        self.members.lock().waiting.values().filter(|watcher| watcher.is_told.load(Relaxed)).count()
    }

    /// Waiters are woken when it is their turn, and not to look whether it is.
    pub(super) fn check_wakes(&self, changes: u64) {
        let (wakes, members) = (self.wakes.load(Relaxed), self.members.lock());
        let (came, gave_up) = (members.came, members.gave_up);
        drop(members);
        if wakes > came + gave_up + changes + 4 {
            let text = format_args!("{wakes} wakes for {came} waiters for {}", self.name);
            self.host.violated("a waiter is woken once", text);
        }
    }

    /// Somebody was let through without a wait.
    pub(super) fn newcomer_passed(&self) {
        let waiting = self.waiting();
        if waiting > 0 {
            let text = format_args!("{waiting} waited for {}", self.name);
            self.host.violated("no newcomer overtakes those in line", text);
        }
    }

    /// Waits for `future`, and holds what it sees against the laws. If it `may_be_passed`, since its own timer wakes it as
    /// well or its priority is not that of others, nothing is said about its turn.
    pub(super) async fn wait<T, E>(
        &self,
        may_be_passed: bool,
        future: impl Future<Output = Result<T, E>>,
    ) -> Ended<Result<T, E>> {
        let watcher = Arc::new(Watcher {
            sim: self.host.sim().clone(),
            wakes: Arc::clone(&self.wakes),
            is_told: AtomicBool::new(false),
            state: Mutex::default(),
        });
        let (mut future, mut place) = (pin!(future), None);
        let (mut was_passed, mut told) = (false, None);
        let value = poll_fn(|cx| {
            // Before the poll: it may be told in the midst of it.
            told = watcher.begin_poll(cx);
            let polled = future.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&watcher))));
            if polled.is_pending() {
                // Told, and not let through: it came too late for its turn, or was told of something else.
                was_passed |= told.is_some();
                place.get_or_insert_with(|| self.join(&watcher));
            }
            polled
        });
        let value = value.await;
        let Some(mut place) = place else {
            if value.is_ok() {
                self.newcomer_passed();
            }
            return Ended { value, told: None };
        };
        place.has_ended = true;
        let unasked = self.wakes.load(Relaxed);
        let unasked = Told { first: unasked, last: unasked, at: self.host.now() };
        let told = told.unwrap_or(unasked);
        if value.is_ok() && !was_passed && !may_be_passed {
            self.passed(place.number, told);
        }
        Ended { value, told: Some(told.at) }
    }

    fn join(&self, watcher: &Arc<Watcher>) -> Place<'_> {
        let mut members = self.members.lock();
        members.came += 1;
        let number = members.came;
        members.waiting.insert(number, Arc::clone(watcher));
        Place { line: self, number, has_ended: false }
    }

    fn passed(&self, number: u64, told: Told) {
        let mut members = self.members.lock();
        let mut later = members.passed.range(number..);
        let before = later.find(|(_, other)| other.last < told.first).map(|(later, _)| *later);
        members.passed.insert(number, told);
        while members.passed.len() > PASSED_MAX {
            members.passed.pop_first();
        }
        drop(members);
        if let Some(later) = before {
            let name = self.name;
            let text = format_args!("number {later} came after number {number} and had {name} before it");
            self.host.violated("those in line are served in the order of arrival", text);
        }
    }
}

/// One who waits in line, and leaves it when the value is dropped.
struct Place<'a> {
    line: &'a Line,
    number: u64,
    has_ended: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut members = self.line.members.lock();
        members.waiting.remove(&self.number);
        members.gave_up += u64::from(!self.has_ended);
    }
}

/// Stands between a waiter and its task, to see when it is told.
struct Watcher {
    sim: Sim,
    wakes: Arc<AtomicU64>,
    is_told: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    task: Option<Waker>,
    told: Option<Told>,
}

/// The wakes of a waiter since it was polled last. One of them was its turn; another may have been for another reason,
/// before it came to look.
#[derive(Clone, Copy)]
struct Told {
    first: u64,
    last: u64,
    /// The time of the first.
    at: Duration,
}

impl Watcher {
    /// The waiter comes to look. Returns what it was told since it came last.
    fn begin_poll(&self, cx: &Context<'_>) -> Option<Told> {
        self.is_told.store(false, Relaxed);
        let mut state = self.state.lock();
        state.task = Some(cx.waker().clone());
        state.told.take()
    }
}

impl Wake for Watcher {
    fn wake(self: Arc<Self>) {
        let number = self.wakes.fetch_add(1, Relaxed) + 1;
        let now = self.sim.now();
        self.is_told.store(true, Relaxed);
        let task = {
            let mut state = self.state.lock();
            let told = state.told.get_or_insert(Told { first: number, last: number, at: now });
            told.last = number;
            state.task.take()
        };
        task.into_iter().for_each(Waker::wake);
    }
}
