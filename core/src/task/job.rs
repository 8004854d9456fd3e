use std::{
    cell::Cell as StdCell,
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures::task::AtomicWaker;
use parking_lot::Mutex;

use super::{Report, Status, TaskId, driver::Inner, state::TaskKey};
use crate::rt::{JoinError, TaskName};

/// A task of a [`TaskManager`](super::TaskManager): await it for its result.
///
/// Dropping it changes nothing; the task runs on, since its manager owns it.
///
/// # Cancel safety
///
/// It can be polled, put aside and awaited later: nothing is lost.
pub struct Job<T> {
    cell: Arc<Cell<T>>,
    /// It was awaited in vain, so the cell has a waker of whoever did.
    awaited: bool,
    /// The task of the same manager that was noted as waiting for this one.
    awaited_by: Option<TaskKey>,
    /// The result has been handed over: nothing is left to give up.
    taken: bool,
}

/// The future of [`Job::cancel`]. Dropping it does not revoke the cancellation.
#[derive(Debug)]
#[must_use = "the task is cancelled already; await this to know that it has ended"]
pub struct CancelJob<T>(Job<T>);

impl<T: Send + 'static> Job<T> {
    pub(super) fn new(cell: Arc<Cell<T>>) -> Self {
        Self { cell, awaited: false, awaited_by: None, taken: false }
    }

    /// A task that was not accepted.
    pub(super) fn rejected(inner: &Arc<Inner>, error: JoinError, report: Report) -> Self {
        let cell = Arc::new(Cell::new(inner));
        *cell.outcome.lock() = Outcome::Ended(Some(Err(error)), Box::new(report));
        Self::new(cell)
    }

    /// Cancels it, at once, and returns a future that waits until its destructors have run.
    ///
    /// A pending task is never polled and its place is free at once; a running one is dropped at its next await. If it
    /// had finished already, its result is returned: completion wins.
    ///
    /// # Errors
    ///
    /// [`JoinError::Cancelled`] is the usual outcome.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future does not revoke the cancellation.
    pub fn cancel(self) -> CancelJob<T> {
        if let Some(key) = self.cell.key.get() {
            self.cell.inner.cancel(key);
        }
        CancelJob(self)
    }
}

impl<T> Job<T> {
    /// Its number.
    pub fn id(&self) -> TaskId {
        self.cell.key.get().map_or_else(|| self.report().id, |key| key.id)
    }

    /// Where it is.
    pub fn status(&self) -> Status {
        self.cell.look(|report| report.status)
    }

    /// What is known of it.
    pub fn report(&self) -> Report {
        self.cell.look(Report::clone)
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        let mut outcome = self.cell.take();
        if outcome.is_none() {
            self.cell.joiner.register(cx.waker());
            self.awaited = true;
            outcome = self.cell.take();
        }
        if let Some(outcome) = outcome {
            self.taken = true;
            return Poll::Ready(outcome);
        }
        if let (Some(whom), Some(who)) = (self.cell.key.get(), Current::of(&self.cell.inner)) {
            self.awaited_by = Some(who);
            if self.cell.inner.would_deadlock(who, whom) {
                return Poll::Ready(Err(JoinError::WouldDeadlock { task: self.cell.name() }));
            }
        }
        Poll::Pending
    }
}

impl<T> Future for Job<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_outcome(cx)
    }
}

impl<T> Future for CancelJob<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_outcome(cx)
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        // Whoever lets go of a job waits for it no more.
        if let (Some(who), Some(whom)) = (self.awaited_by, self.cell.key.get()) {
            self.cell.inner.state.lock().machine.waits_no_more(who, whom);
        }
        if !self.taken {
            self.cell.abandon();
        }
        if self.awaited {
            // It would be woken for nothing, and be kept alive until then.
            drop(self.cell.joiner.take());
        }
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Job").field(&self.report()).finish()
    }
}

/// What a task, its handle and its manager share.
pub(super) struct Cell<T> {
    pub(super) inner: Arc<Inner>,
    pub(super) key: KeyCell,
    /// The runtime has it: from here its own end is what ends it.
    pub(super) started: AtomicBool,
    pub(super) stopped: AtomicBool,
    /// Nobody is left to take the result.
    pub(super) abandoned: AtomicBool,
    /// It may be noted as waiting for a pending task.
    pub(super) waits: AtomicBool,
    pub(super) executor: AtomicWaker,
    joiner: AtomicWaker,
    outcome: Mutex<Outcome<T>>,
}

/// Where the manager keeps the task. It is set once, under the manager's lock, before the cell is given to anyone who
/// does not go through that lock first: so no ordering is needed.
pub(super) struct KeyCell {
    id: AtomicU64,
    slot: AtomicUsize,
}

impl Default for KeyCell {
    fn default() -> Self {
        Self { id: AtomicU64::new(Self::NONE), slot: AtomicUsize::new(0) }
    }
}

impl KeyCell {
    const NONE: u64 = u64::MAX;

    pub(super) fn set(&self, key: TaskKey) {
        self.slot.store(key.slot, Ordering::Relaxed);
        self.id.store(key.id.0, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Option<TaskKey> {
        let id = self.id.load(Ordering::Relaxed);
        (id != Self::NONE).then(|| TaskKey { id: TaskId(id), slot: self.slot.load(Ordering::Relaxed) })
    }
}

enum Outcome<T> {
    Live,
    /// Ended before it began; the destructors of its future have not all run yet.
    Withdrawn(Box<Report>),
    /// Live, and nobody is left to take the result.
    Abandoned,
    Ended(Option<Result<T, JoinError>>, Box<Report>),
}

impl<T> Cell<T> {
    pub(super) fn new(inner: &Arc<Inner>) -> Self {
        Self {
            inner: Arc::clone(inner),
            key: KeyCell::default(),
            started: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            waits: AtomicBool::new(false),
            executor: AtomicWaker::new(),
            joiner: AtomicWaker::new(),
            outcome: Mutex::new(Outcome::Live),
        }
    }

    pub(super) fn end(&self, result: Result<T, JoinError>, report: Report) {
        let mut outcome = self.outcome.lock();
        if matches!(*outcome, Outcome::Abandoned) {
            drop(outcome);
            self.inner.drop_quietly(&report.name, result);
            return;
        }
        *outcome = Outcome::Ended(Some(result), Box::new(report));
        drop(outcome);
        self.joiner.wake();
    }

    fn take(&self) -> Option<Result<T, JoinError>> {
        match &mut *self.outcome.lock() {
            Outcome::Ended(result, report) => {
                // Polled again after its end: as ended as it can be.
                let again = || Err(JoinError::Cancelled { task: report.name.clone() });
                Some(result.take().unwrap_or_else(again))
            }
            Outcome::Live | Outcome::Withdrawn(_) | Outcome::Abandoned => None,
        }
    }

    /// The handle is gone.
    fn abandon(&self) {
        let mut outcome = self.outcome.lock();
        match &mut *outcome {
            live @ (Outcome::Live | Outcome::Withdrawn(_)) => {
                self.abandoned.store(true, Ordering::Relaxed);
                *live = Outcome::Abandoned;
            }
            Outcome::Abandoned => {}
            Outcome::Ended(result, report) => {
                let (result, name) = (result.take(), report.name.clone());
                drop(outcome);
                self.inner.drop_quietly(&name, result);
            }
        }
    }

    fn look<R>(&self, at: impl Fn(&Report) -> R) -> R {
        loop {
            if let Outcome::Ended(_, report) | Outcome::Withdrawn(report) = &*self.outcome.lock() {
                return at(report);
            }
            if let Some(key) = self.key.get()
                && let Some(report) = self.inner.state.lock().machine.report(key)
            {
                return at(report);
            }
            // It ended between the two looks, and its outcome is being written this moment. No user code runs there.
            std::hint::spin_loop();
        }
    }

    pub(super) fn name(&self) -> TaskName {
        self.look(|report| report.name.clone())
    }
}

/// What a manager can do to a task of whatever type.
pub(super) trait Control: Send + Sync {
    /// It is about to be given to the runtime.
    fn started(&self);
    /// Makes a running task end at its next await.
    fn stop(&self);
    /// It was noted as waiting for a pending task, until it is polled again.
    fn waits(&self);
    /// Wakes whoever awaits it.
    fn wake_joiner(&self);
    /// It was taken out of the queue: from here its handle tells its end. Called under the manager's lock.
    fn withdrawn(&self, report: &Report);
    /// Ends a task that never ran, once it is gone.
    fn end_unstarted(&self, error: JoinError, report: Report);
}

impl<T: Send> Control for Cell<T> {
    fn started(&self) {
        self.started.store(true, Ordering::Release);
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.executor.wake();
    }

    fn waits(&self) {
        self.waits.store(true, Ordering::Relaxed);
    }

    fn wake_joiner(&self) {
        self.joiner.wake();
    }

    fn withdrawn(&self, report: &Report) {
        let mut outcome = self.outcome.lock();
        if matches!(*outcome, Outcome::Live) {
            *outcome = Outcome::Withdrawn(Box::new(report.clone()));
        }
    }

    fn end_unstarted(&self, error: JoinError, report: Report) {
        self.end(Err(error), report);
    }
}

thread_local! {
    /// Which task of which manager this thread polls right now. It lives for one poll, and serves one purpose: that a
    /// task which awaits another of its manager is known to do so.
    static CURRENT: StdCell<Option<(usize, TaskKey)>> = const { StdCell::new(None) };
}

/// Notes for as long as it lives that this thread polls a task.
pub(super) struct Current(Option<(usize, TaskKey)>);

impl Current {
    pub(super) fn enter(inner: &Arc<Inner>, key: TaskKey) -> Self {
        Self(CURRENT.replace(Some((Arc::as_ptr(inner).addr(), key))))
    }

    fn of(inner: &Arc<Inner>) -> Option<TaskKey> {
        CURRENT.get().filter(|(manager, _)| *manager == Arc::as_ptr(inner).addr()).map(|(_, key)| key)
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        CURRENT.set(mem::take(&mut self.0));
    }
}
