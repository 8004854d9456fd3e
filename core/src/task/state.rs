//! The pure machine: who runs, who waits, who comes next. It is told the time and what happened, and says what to do;
//! it never sleeps, spawns or wakes.

use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use slab::Slab;

use super::{Config, Order, Report, Spec, Stats, Status, TaskId};
use crate::{
    canary,
    rt::Rejection,
    wait::{Key, Ordered, Place},
};

/// Names a live task: where it is kept, and which one it is, since places are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TaskKey {
    pub(super) id: TaskId,
    pub(super) slot: usize,
}

/// `W` is what is needed to start a task, given out once; `H` what is needed to stop it, kept till its end.
#[derive(Debug)]
pub(super) struct Machine<W, H> {
    epoch: Instant,
    order: Order,
    concurrency: usize,
    pending_max: usize,
    reports_max: usize,
    tasks: Slab<Task<W, H>>,
    line: Ordered<usize>,
    /// Of the pending tasks that may not wait for ever: until when, and which.
    expiries: BTreeSet<(Instant, TaskId, usize)>,
    /// Running tasks that await a pending one: (who, whom), the last to wait last.
    blocked: Vec<(TaskKey, TaskKey)>,
    reports: VecDeque<Report>,
    next_number: u64,
    stats: Stats,
    closed: bool,
}

#[derive(Debug)]
struct Task<W, H> {
    report: Report,
    handle: H,
    queued: Option<Queued<W>>,
}

#[derive(Debug)]
struct Queued<W> {
    work: W,
    place: Place,
    expires: Option<Instant>,
}

impl<W, H> Machine<W, H> {
    pub(super) fn new(now: Instant, config: &Config) -> Self {
        Self {
            epoch: now,
            order: config.order,
            concurrency: config.concurrency,
            pending_max: config.pending_max,
            reports_max: config.reports_max,
            tasks: Slab::new(),
            line: Ordered::default(),
            expiries: BTreeSet::new(),
            blocked: Vec::new(),
            reports: VecDeque::new(),
            next_number: 0,
            stats: Stats::default(),
            closed: false,
        }
    }

    /// Whether a task could be queued, with `reserved` places promised to others.
    pub(super) fn admits(&self, reserved: usize) -> Result<(), Rejection> {
        if self.closed {
            return Err(Rejection::ShutDown);
        }
        let queued = self.line.len();
        // A task that starts at once takes no place in the queue.
        let free = self.concurrency.saturating_sub(self.stats.running);
        if queued + reserved >= self.pending_max + free {
            return Err(Rejection::Full { queued });
        }
        Ok(())
    }

    /// Counts a task that was not admitted, and says what there is to say of it.
    pub(super) fn reject(&mut self, now: Instant, spec: Spec, reason: Rejection) -> Report {
        self.stats.rejected += 1;
        Report {
            status: Status::Cancelled,
            ended: Some(now),
            errors: vec![reason.to_string()],
            ..self.new_report(now, spec)
        }
    }

    fn new_report(&mut self, now: Instant, spec: Spec) -> Report {
        let id = TaskId(self.next_number);
        self.next_number += 1;
        Report {
            id,
            name: spec.name,
            priority: spec.priority,
            status: Status::Pending,
            attempts: 0,
            created: now,
            started: None,
            ended: None,
            errors: Vec::new(),
        }
    }

    /// Queues a task that was admitted.
    pub(super) fn submit(&mut self, now: Instant, spec: Spec, work: W, handle: H) -> TaskKey {
        self.stats.submitted += 1;
        let key = self.order.key(now.saturating_duration_since(self.epoch), spec.priority);
        let slot = self.tasks.vacant_key();
        let key = if canary::is_on("task.serves-the-newest-first") { Key(u64::MAX - key.0) } else { key };
        let place = self.line.insert(key, slot);
        let expires = spec.queue_timeout.and_then(|limit| now.checked_add(limit));
        let report = self.new_report(now, spec);
        let id = report.id;
        self.expiries.extend(expires.map(|at| (at, id, slot)));
        let queued = Some(Queued { work, place, expires });
        self.tasks.insert(Task { report, handle, queued });
        TaskKey { id, slot }
    }

    /// The next task to start, if one may; it counts as running from here. Call it until it says `None`.
    pub(super) fn start(&mut self, now: Instant) -> Option<(TaskKey, W)> {
        if self.stats.running >= self.concurrency {
            return None;
        }
        let slot = self.line.pop()?;
        let task = &mut self.tasks[slot];
        let queued = task.queued.take()?;
        task.report.status = Status::Running;
        task.report.started = Some(now);
        task.report.attempts += 1;
        self.stats.running += 1;
        let key = TaskKey { id: task.report.id, slot };
        if let Some(expires) = queued.expires {
            self.expiries.remove(&(expires, key.id, slot));
        }
        self.blocked.retain(|(_, whom)| *whom != key);
        Some((key, queued.work))
    }

    /// Takes a pending task out of the queue and ends it. `None` if it is not pending.
    pub(super) fn withdraw(
        &mut self,
        now: Instant,
        key: TaskKey,
        status: Status,
        errors: Vec<String>,
    ) -> Option<(W, H, Report)> {
        let queued = self.task_mut(key)?.queued.take()?;
        self.line.remove(queued.place);
        if let Some(expires) = queued.expires {
            self.expiries.remove(&(expires, key.id, key.slot));
        }
        let (handle, report) = self.end_task(now, key, status, errors)?;
        Some((queued.work, handle, report))
    }

    /// A running task has ended and its future is gone: its slot is free.
    pub(super) fn end(
        &mut self,
        now: Instant,
        key: TaskKey,
        status: Status,
        errors: Vec<String>,
    ) -> Option<Report> {
        self.task_mut(key).filter(|task| task.queued.is_none())?;
        if status != Status::Cancelled || !canary::is_on("task.keeps-the-slot-of-a-cancelled-task") {
            self.stats.running -= 1;
        }
        self.resumed(key);
        self.end_task(now, key, status, errors).map(|(_, report)| report)
    }

    fn end_task(
        &mut self,
        now: Instant,
        key: TaskKey,
        status: Status,
        errors: Vec<String>,
    ) -> Option<(H, Report)> {
        let Task { mut report, handle, .. } = self.tasks.try_remove(key.slot)?;
        self.blocked.retain(|(_, whom)| *whom != key);
        self.stats.count(status);
        report.status = status;
        report.ended = Some(now);
        report.errors = errors;
        self.keep(&report);
        Some((handle, report))
    }

    fn keep(&mut self, report: &Report) {
        if self.reports.len() == self.reports_max {
            self.reports.pop_front();
            self.stats.reports_dropped += 1;
        }
        if self.reports_max > 0 {
            self.reports.push_back(report.clone());
        }
    }

    /// When the next pending task has waited too long.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|(at, ..)| *at)
    }

    /// A pending task that has waited too long by `now`, and how long it might have.
    pub(super) fn expired(&self, now: Instant) -> Option<(TaskKey, Duration)> {
        let (at, id, slot) = *self.expiries.first()?;
        let key = TaskKey { id, slot };
        let limit = at.saturating_duration_since(self.report(key)?.created);
        (at <= now).then_some((key, limit))
    }

    /// `who`, which runs, is about to wait for `whom`. True if it must not: all that run would wait for those that
    /// cannot start until one of them ends.
    pub(super) fn would_deadlock(&mut self, who: TaskKey, whom: TaskKey) -> bool {
        if who == whom {
            return true;
        }
        let runs = self.task_mut(who).is_some_and(|task| task.queued.is_none());
        if !runs || self.task_mut(whom).is_none_or(|task| task.queued.is_none()) {
            return false;
        }
        if !self.blocked.contains(&(who, whom)) {
            self.blocked.push((who, whom));
        }
        if self.is_deadlocked() {
            self.resumed(who);
            return true;
        }
        false
    }

    /// `who` runs again, so it waits for nobody.
    pub(super) fn resumed(&mut self, who: TaskKey) {
        self.blocked.retain(|(blocked, _)| *blocked != who);
    }

    /// `who` has let go of `whom`.
    pub(super) fn waits_no_more(&mut self, who: TaskKey, whom: TaskKey) {
        self.blocked.retain(|pair| *pair != (who, whom));
    }

    /// Who must stop waiting, and for whom, if everything that runs waits for what cannot start: the last to wait. Woken,
    /// it finds out by [`would_deadlock`](Self::would_deadlock), unless it has been helped by then.
    ///
    /// Waiting is checked when it begins. This is for the rest: the last task that did not wait has ended, or the bound
    /// was lowered.
    pub(super) fn deadlock_victim(&mut self) -> Option<(TaskKey, TaskKey)> {
        if !self.is_deadlocked() {
            return None;
        }
        let (who, whom) = self.blocked.last().copied()?;
        self.resumed(who);
        Some((who, whom))
    }

    /// Paused is not deadlocked: whoever paused it can go on.
    fn is_deadlocked(&self) -> bool {
        let full = self.concurrency > 0 && self.stats.running >= self.concurrency;
        // A task may wait for several, so there are at least as many entries as tasks that wait.
        if self.blocked.is_empty() || !full || self.blocked.len() < self.stats.running {
            return false;
        }
        let mut waiting: Vec<usize> = self.blocked.iter().map(|(who, _)| who.slot).collect();
        waiting.sort_unstable();
        waiting.dedup();
        waiting.len() == self.stats.running
    }

    pub(super) fn set_concurrency(&mut self, concurrency: usize) {
        if canary::is_on("task.starts-beyond-the-bound-after-a-resize") {
            self.concurrency = self.concurrency.max(concurrency);
            return;
        }
        self.concurrency = concurrency;
    }

    /// Accepts no more.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Nothing runs and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }

    /// All live tasks, in order of submission.
    pub(super) fn live(&self) -> Vec<TaskKey> {
        let mut keys: Vec<_> =
            self.tasks.iter().map(|(slot, task)| TaskKey { id: task.report.id, slot }).collect();
        keys.sort_unstable_by_key(|key| key.id);
        keys
    }

    /// Where the task of that number is, if it has not ended: by looking at all that have not.
    pub(super) fn key_of(&self, id: TaskId) -> Option<TaskKey> {
        self.tasks.iter().find(|(_, task)| task.report.id == id).map(|(slot, _)| TaskKey { id, slot })
    }

    pub(super) fn handle(&self, key: TaskKey) -> Option<&H> {
        self.tasks.get(key.slot).filter(|task| task.report.id == key.id).map(|task| &task.handle)
    }

    pub(super) fn report(&self, key: TaskKey) -> Option<&Report> {
        self.tasks.get(key.slot).filter(|task| task.report.id == key.id).map(|task| &task.report)
    }

    /// What is known of all tasks that are live or were kept, in order of submission.
    pub(super) fn reports(&self) -> Vec<Report> {
        let live = self.tasks.iter().map(|(_, task)| task.report.clone());
        let mut reports: Vec<_> = live.chain(self.reports.iter().cloned()).collect();
        reports.sort_unstable_by_key(|report| report.id);
        reports
    }

    pub(super) fn stats(&self) -> Stats {
        Stats { pending: self.line.len(), concurrency: self.concurrency, ..self.stats }
    }

    fn task_mut(&mut self, key: TaskKey) -> Option<&mut Task<W, H>> {
        self.tasks.get_mut(key.slot).filter(|task| task.report.id == key.id)
    }
}
