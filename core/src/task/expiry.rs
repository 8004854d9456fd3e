use std::{
    pin::pin,
    sync::{Arc, Weak},
    time::Instant,
};

use event_listener::Event;
use futures::future::select;
use parking_lot::Mutex;

use super::{Status, driver::Inner};
use crate::rt::{JoinError, Task, TaskPhase};

/// Ends pending tasks that have waited too long: one task for all of them, which lives while there are any.
#[derive(Default)]
pub(super) struct Expiry {
    task: Mutex<Option<Task<()>>>,
    nudge: Event,
}

/// What the pacer is doing, kept with the manager's state.
#[derive(Default)]
pub(super) struct Pacer {
    running: bool,
    /// Until when it sleeps.
    until: Option<Instant>,
}

/// What the pacer has to be told.
pub(super) enum Order {
    Nothing,
    Start,
    /// A task expires before the time it sleeps to.
    Nudge,
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
            return Order::Nudge;
        }
        Order::Nothing
    }
}

impl Expiry {
    pub(super) fn carry_out(&self, order: Order, inner: &Arc<Inner>) {
        match order {
            Order::Nothing => {}
            Order::Nudge => {
                self.nudge.notify(usize::MAX);
            }
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
        // Listen first and look then: a nudge in between is not missed.
        let nudged = inner.expiry.nudge.listen();
        let Some(next) = inner.expire() else { return };
        let sleep = inner.rt.sleep_until(next);
        drop(inner);
        select(pin!(sleep), pin!(nudged)).await;
    }
}

impl Inner {
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
        state.pacer = Pacer { running: next.is_some(), until: next };
        let effects = state.settle(now);
        drop(state);
        effects.carry_out(self);
        self.fell(expired);
        next
    }
}
