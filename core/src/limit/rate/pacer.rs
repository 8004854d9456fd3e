use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use super::driver::Inner;
use crate::rt::{Sleep, Task};

/// What the pacer is doing, kept with the limiter's state.
///
/// The pacer is a task that gives out slots when they are due, one for all who wait, so that a waiter that is not polled
/// stops nobody. It lives while some wait and something goes through.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    running: bool,
    /// Until when it sleeps; `None` if it is on its way.
    until: Option<u64>,
}

/// What the pacer has to be told.
pub(super) enum Order {
    Nothing,
    Start,
    /// To come earlier than it means to.
    Nudge,
}

impl Pacer {
    pub(super) fn settle(&mut self, next_due: Option<u64>) -> Order {
        let is_early_enough = match (next_due, self.until) {
            (Some(_), _) if !self.running => {
                *self = Self { running: true, until: None };
                return Order::Start;
            }
            (_, None) => true,
            (Some(next), Some(until)) => until <= next,
            // Nobody waits: it is to end.
            (None, Some(_)) => false,
        };
        if is_early_enough {
            return Order::Nothing;
        }
        self.until = None;
        Order::Nudge
    }

    /// It has come, and sleeps until `next`; or ends.
    pub(super) fn paced(&mut self, next: Option<u64>) {
        *self = Self { running: next.is_some(), until: next };
    }
}

pub(super) fn carry_out(order: Order, inner: &Arc<Inner>) {
    match order {
        Order::Nothing => {}
        Order::Nudge => inner.nudge.wake(),
        Order::Start => {
            let task = inner.rt.spawn("limit.pacer", Pace { inner: Arc::downgrade(inner), sleep: None });
            // The one before it has ended, or is about to.
            let before = inner.pacer.lock().replace(task);
            before.into_iter().for_each(Task::detach);
        }
    }
}

/// The task.
struct Pace {
    inner: Weak<Inner>,
    sleep: Option<Sleep>,
}

impl Future for Pace {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(inner) = self.inner.upgrade() else { return Poll::Ready(()) };
        // Registered first: a nudge that comes from now on is not missed.
        inner.nudge.register(cx.waker());
        loop {
            let Some(next) = inner.pace() else { return Poll::Ready(()) };
            match &mut self.sleep {
                Some(sleep) => sleep.reset(next),
                none => *none = Some(inner.rt.sleep_until(next)),
            }
            let is_due = self.sleep.as_mut().is_some_and(|sleep| Pin::new(sleep).poll(cx).is_ready());
            if !is_due {
                return Poll::Pending;
            }
        }
    }
}
