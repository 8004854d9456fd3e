//! The driver: it locks, tells the machine what happened, and carries out what the machine says once the lock is
//! released. No user code runs under the lock: no future, destructor, waker or `Display`.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Instant,
};

use parking_lot::Mutex;

use super::{
    Config, Event, Job, OnFailure, Report, Spec, Status, TaskId,
    expiry::{Expiry, Pacer},
    job::{Cell, Control},
    room::{Reservation, Room},
    slot::{BoxWork, Slot},
    state::{Machine, TaskKey},
    work::{Failure, Work},
};
use crate::{
    rt::{JoinError, Panic, Place, Rt, TaskName, Wakers, poll_locked},
    wait::{Feed, wake_all},
};

/// What a manager, its tasks and their handles share.
pub(super) struct Inner {
    pub(super) rt: Rt,
    pub(super) state: Mutex<State>,
    pub(super) expiry: Expiry,
    on_failure: OnFailure,
}

pub(super) struct State {
    pub(super) machine: Machine<BoxWork, Arc<dyn Control>>,
    pub(super) feed: Feed<Event>,
    pub(super) room: Room,
    pub(super) pacer: Pacer,
    /// Those who wait until no task is left.
    idlers: Wakers,
    /// Tasks that were withdrawn and whose destructors are still running.
    falling: usize,
}

impl Inner {
    pub(super) fn new(rt: &Rt, config: &Config) -> Self {
        let state = State {
            machine: Machine::new(rt.now(), config),
            feed: Feed::new(config.events_max),
            room: Room::default(),
            pacer: Pacer::default(),
            idlers: Wakers::default(),
            falling: 0,
        };
        Self {
            rt: rt.clone(),
            state: Mutex::new(state),
            expiry: Expiry::default(),
            on_failure: config.on_failure,
        }
    }

    pub(super) fn submit<F>(
        self: &Arc<Self>,
        spec: Spec,
        future: F,
        failure: Failure<F::Output>,
        reservation: Option<Reservation<'_>>,
    ) -> Job<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let cell = Arc::new(Cell::new(self));
        let work = BoxWork(Box::pin(Work::new(future, &cell, spec.run_timeout, failure)));
        let now = self.rt.now();
        let mut state = self.state.lock();
        if let Err(reason) = state.admit(reservation) {
            let report = state.machine.reject(now, spec, reason);
            drop(state);
            let task = report.name.clone();
            tracing::debug!(name: "seaworthy.task.rejected", %task, %reason, "a task was not accepted");
            self.drop_quietly(&task, work);
            return Job::rejected(self, JoinError::Rejected { task, reason }, report);
        }
        let handle: Arc<dyn Control> = Arc::<Cell<F::Output>>::clone(&cell);
        let key = state.machine.submit(now, spec, work, handle);
        cell.key.set(key);
        state.publish(key);
        let effects = state.settle(now);
        drop(state);
        effects.carry_out(self);
        Job::new(cell)
    }

    /// A running task has ended and its future is gone. `deliver` hands its result to its handle. Returns the task that
    /// starts in its slot.
    pub(super) fn end(
        self: &Arc<Self>,
        key: TaskKey,
        status: Status,
        errors: Vec<String>,
        deliver: impl FnOnce(Report),
    ) -> Option<BoxWork> {
        let now = self.rt.now();
        let mut state = self.state.lock();
        let report = state.machine.end(now, key, status, errors)?;
        state.feed.publish(|| Event::changed(&report));
        let others = if status == Status::Failed && self.on_failure == OnFailure::CancelAll {
            state.withdraw_all(now, &[format!("cancelled because `{}` failed", report.name)])
        } else {
            Vec::new()
        };
        let mut effects = state.settle(now);
        drop(state);
        trace_end(&report);
        deliver(report);
        let next = effects.first.take();
        effects.carry_out(self);
        self.fell(others);
        next
    }

    /// The runtime has dropped a task it was given, so it would drop the next one too, and all after that one within the
    /// other: those that wait are cancelled instead.
    pub(super) fn runtime_has_ended(self: &Arc<Self>) {
        self.close();
        let now = self.rt.now();
        let mut state = self.state.lock();
        let pending = state.withdraw_pending(now, &["its runtime has ended".to_owned()]);
        drop(state);
        self.fell(pending);
    }

    pub(super) fn cancel(self: &Arc<Self>, key: TaskKey) {
        let now = self.rt.now();
        let mut state = self.state.lock();
        let stopped = state.withdraw(now, key, Vec::new());
        let effects = state.settle(now);
        drop(state);
        effects.carry_out(self);
        self.fell(stopped.into_iter().collect());
    }

    /// Cancels the task of that number, if it has not ended.
    pub(super) fn cancel_by_id(self: &Arc<Self>, id: TaskId) -> bool {
        let key = self.state.lock().machine.key_of(id);
        if let Some(key) = key {
            self.cancel(key);
        }
        key.is_some()
    }

    pub(super) fn cancel_all(self: &Arc<Self>, errors: &[String]) {
        let now = self.rt.now();
        let mut state = self.state.lock();
        let stopped = state.withdraw_all(now, errors);
        let effects = state.settle(now);
        drop(state);
        effects.carry_out(self);
        self.fell(stopped);
    }

    /// Runs the destructors of tasks that were withdrawn, stops those that run, and lets their handles know.
    pub(super) fn fell(&self, stopped: Vec<Stopped>) {
        let mut fallen = 0;
        for stopped in stopped {
            match stopped {
                Stopped::Running(handle) => handle.stop(),
                Stopped::Pending { work, handle, error, report } => {
                    trace_end(&report);
                    self.drop_quietly(&report.name, work);
                    handle.end_unstarted(error, report);
                    fallen += 1;
                }
            }
        }
        if fallen == 0 {
            return;
        }
        let mut state = self.state.lock();
        state.falling -= fallen;
        let watching = state.watching();
        drop(state);
        wake_all(&self.rt, watching);
    }

    pub(super) fn set_concurrency(self: &Arc<Self>, concurrency: usize) {
        let now = self.rt.now();
        let mut state = self.state.lock();
        state.machine.set_concurrency(concurrency);
        let effects = state.settle(now);
        drop(state);
        effects.carry_out(self);
    }

    /// Accepts no more; whoever waits for room is told so.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.machine.close();
        let waiting = state.room.wakers();
        let watching = state.watching();
        drop(state);
        wake_all(&self.rt, waiting.into_iter().chain(watching));
    }

    pub(super) async fn idle(&self) {
        let mut idler = Idler { inner: self, place: None };
        poll_fn(move |cx| idler.poll(cx)).await;
    }

    /// Whether `who` must not wait for `whom`; if it may, it is noted that it does.
    pub(super) fn would_deadlock(&self, who: TaskKey, whom: TaskKey) -> bool {
        let mut state = self.state.lock();
        let deadlock = state.machine.would_deadlock(who, whom);
        if !deadlock && let Some(handle) = state.machine.handle(who) {
            handle.waits();
        }
        deadlock
    }

    pub(super) fn resumed(&self, who: TaskKey) {
        self.state.lock().machine.resumed(who);
    }

    /// Drops a user's value. A destructor that panics is reported: it must not harm the thread that came by.
    pub(super) fn drop_quietly<V>(&self, task: &TaskName, value: V) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
            self.rt.report_panic(&Panic::new(task.clone(), payload));
        }
    }
}

/// Someone who waits until no task is left.
struct Idler<'a> {
    inner: &'a Inner,
    place: Place,
}

impl Idler<'_> {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        let idle = |state: &mut State| if state.is_idle() { Poll::Ready(()) } else { Poll::Pending };
        poll_locked(cx, &self.inner.state, &mut self.place, idle, |state| &mut state.idlers)
    }
}

impl Drop for Idler<'_> {
    fn drop(&mut self) {
        let _waker = self.inner.state.lock().idlers.leave(&mut self.place);
    }
}

fn cancelled(report: &Report) -> JoinError {
    JoinError::Cancelled { task: report.name.clone() }
}

/// Says what went wrong, for those who look at logs and not at reports.
fn trace_end(report: &Report) {
    let (task, errors) = (&report.name, &report.errors);
    match report.status {
        Status::Failed => tracing::debug!(name: "seaworthy.task.failed", %task, ?errors, "a task failed"),
        Status::TimedOut => {
            tracing::debug!(name: "seaworthy.task.timed_out", %task, ?errors, "a task timed out");
        }
        _ => {}
    }
}

/// A task on its way out.
pub(super) enum Stopped {
    Pending { work: BoxWork, handle: Arc<dyn Control>, error: JoinError, report: Report },
    Running(Arc<dyn Control>),
}

impl State {
    pub(super) fn is_idle(&self) -> bool {
        self.machine.is_idle() && self.falling == 0
    }

    fn publish(&mut self, key: TaskKey) {
        let Self { machine, feed, .. } = self;
        if let Some(report) = machine.report(key) {
            feed.publish(|| Event::changed(report));
        }
    }

    /// Cancels a pending task, or says how to stop a running one. Hand the result to [`Inner::fell`].
    fn withdraw(&mut self, now: Instant, key: TaskKey, errors: Vec<String>) -> Option<Stopped> {
        self.withdraw_as(now, key, Status::Cancelled, errors, cancelled)
            .or_else(|| self.machine.handle(key).map(|handle| Stopped::Running(Arc::clone(handle))))
    }

    /// Ends a pending task with `error`. Hand the result to [`Inner::fell`].
    pub(super) fn withdraw_as(
        &mut self,
        now: Instant,
        key: TaskKey,
        status: Status,
        errors: Vec<String>,
        error: impl FnOnce(&Report) -> JoinError,
    ) -> Option<Stopped> {
        let (work, handle, report) = self.machine.withdraw(now, key, status, errors)?;
        self.feed.publish(|| Event::changed(&report));
        self.falling += 1;
        handle.withdrawn(&report);
        Some(Stopped::Pending { work, handle, error: error(&report), report })
    }

    fn withdraw_pending(&mut self, now: Instant, errors: &[String]) -> Vec<Stopped> {
        if self.machine.stats().pending == 0 {
            // As it is for all but the first of many tasks that end with their runtime.
            return Vec::new();
        }
        let keys = self.machine.live().into_iter();
        keys.filter_map(|key| self.withdraw_as(now, key, Status::Cancelled, errors.to_vec(), cancelled))
            .collect()
    }

    fn withdraw_all(&mut self, now: Instant, errors: &[String]) -> Vec<Stopped> {
        let keys = self.machine.live().into_iter();
        keys.filter_map(|key| self.withdraw(now, key, errors.to_vec())).collect()
    }

    /// Starts what may start, and says what else follows from a change. Every change ends with it.
    pub(super) fn settle(&mut self, now: Instant) -> Effects {
        let first = self.start(now);
        let more =
            if first.is_some() { std::iter::from_fn(|| self.start(now)).collect() } else { Vec::new() };
        let awaited = self.machine.deadlock_victim().and_then(|(_, whom)| self.machine.handle(whom).cloned());
        Effects {
            first,
            more,
            awaited,
            room: self.room.settle(&self.machine),
            pacer: self.pacer.settle(self.machine.next_expiry()),
            watching: self.watching(),
        }
    }

    /// Those who wait for news, and those who wait until no task is left if none is.
    fn watching(&mut self) -> Vec<Waker> {
        if self.machine.is_closed() && self.machine.is_idle() {
            self.feed.close();
        }
        let mut wakers = self.feed.wakers();
        if self.is_idle() {
            wakers.append(&mut self.idlers.take());
        }
        wakers
    }

    fn start(&mut self, now: Instant) -> Option<BoxWork> {
        let (key, work) = self.machine.start(now)?;
        self.publish(key);
        if let Some(handle) = self.machine.handle(key) {
            handle.started();
        }
        Some(work)
    }
}

/// What is to be done once the lock is released.
#[must_use]
pub(super) struct Effects {
    /// What starts, each in a slot of its own.
    first: Option<BoxWork>,
    more: Vec<BoxWork>,
    /// What a task awaits that is to stop waiting: woken, it asks again whether it may wait.
    awaited: Option<Arc<dyn Control>>,
    room: Vec<Waker>,
    pacer: super::expiry::Order,
    watching: Vec<Waker>,
}

impl Effects {
    pub(super) fn carry_out(self, inner: &Arc<Inner>) {
        for work in self.first.into_iter().chain(self.more) {
            inner.rt.runtime().spawn("task.slot", Box::pin(Slot::new(work)));
        }
        if let Some(awaited) = self.awaited {
            awaited.wake_joiner();
        }
        inner.expiry.carry_out(self.pacer, inner);
        wake_all(&inner.rt, self.room.into_iter().chain(self.watching));
    }
}
