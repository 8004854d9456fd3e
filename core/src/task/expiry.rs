use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, Weak},
    task::{Context, Poll, Waker},
    time::Instant,
};

use futures::future::select;
use parking_lot::Mutex;

use super::{Status, driver::Inner};
use crate::{
    rt::{JoinError, Task, TaskPhase},
    wait::wake_all,
};

/// Ends pending tasks that have waited too long: one task for all of them, which lives while there are any.
#[derive(Default)]
pub(super) struct Expiry {
    task: Mutex<Option<Task<()>>>,
}

/// What the pacer is doing, kept with the manager's state.
#[derive(Default)]
pub(super) struct Pacer {
    running: bool,
    /// Until when it sleeps.
    until: Option<Instant>,
    sleeper: Option<Waker>,
}

/// What the pacer has to be told.
pub(super) enum Order {
    Nothing,
    Start,
    /// A task expires before the time it sleeps to.
    Nudge(Option<Waker>),
}

impl Pacer {
    pub(super) fn settle(&mut self, next_expiry: Option<Instant>) -> Order {
        let Some(next) = next_expiry else { return Order::Nothing };
        if !self.running {
            self.running = true;
            return Order::Start;
        }
        if self.until.is_some_and(|until| next < until) {
            self.until = None;
            return Order::Nudge(self.sleeper.take());
        }
        Order::Nothing
    }
}

impl Expiry {
    pub(super) fn carry_out(&self, order: Order, inner: &Arc<Inner>) {
        match order {
            Order::Nothing => {}
            Order::Nudge(sleeper) => wake_all(&inner.rt, sleeper),
            Order::Start => {
                let task = inner.rt.spawn("task.expiry", pace(Arc::downgrade(inner)));
                // The one before it has ended, or is about to.
                let before = self.task.lock().replace(task);
                before.into_iter().for_each(Task::detach);
            }
        }
    }

    pub(super) fn stop(&self) {
        let task = self.task.lock().take();
        drop(task);
    }
}

async fn pace(manager: Weak<Inner>) {
    loop {
        let Some(inner) = manager.upgrade() else { return };
        let Some(next) = inner.expire() else { return };
        let sleep = inner.rt.sleep_until(next);
        drop(inner);
        let nudged = poll_fn(|cx| manager.upgrade().map_or(Poll::Ready(()), |inner| inner.poll_nudged(cx)));
        select(pin!(sleep), pin!(nudged)).await;
    }
}

impl Inner {
    fn poll_nudged(&self, cx: &Context<'_>) -> Poll<()> {
        // Before the guard, so that it is dropped after it.
        let mut waker = Some(cx.waker().clone());
        let pacer = &mut self.state.lock().pacer;
        if pacer.until.is_none() {
            return Poll::Ready(());
        }
        std::mem::swap(&mut pacer.sleeper, &mut waker);
        Poll::Pending
    }

    /// Ends the pending tasks that have waited too long and says when the next one will have. `None` ends the pacer.
    fn expire(self: &Arc<Self>) -> Option<Instant> {
        let now = self.rt.now();
        let mut state = self.state.lock();
        let mut expired = Vec::new();
        while let Some((key, limit)) = state.machine.expired(now) {
            let errors = vec![format!("not started within {limit:?}")];
            expired.extend(state.withdraw_as(now, key, Status::TimedOut, errors, |report| {
                JoinError::TimedOut { task: report.name.clone(), phase: TaskPhase::Queued, limit }
            }));
        }
        let next = state.machine.next_expiry();
        state.pacer.running = next.is_some();
        state.pacer.until = next;
        let effects = state.settle(now);
        drop(state);
        effects.carry_out(self);
        self.fell(expired);
        next
    }
}
