use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use crate::rt::{Rt, Sleep};

/// One timer for all waits of an adapter, made when it first has to wait.
#[derive(Default)]
pub(super) struct Timer {
    sleep: Option<Sleep>,
    /// When it will fire; `None` if nobody waits for it.
    armed: Option<Instant>,
}

impl Timer {
    /// Waits until `at`; it may be another time at each call.
    pub(super) fn poll(&mut self, rt: &Rt, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if self.armed != Some(at) {
                    sleep.reset(at);
                }
                sleep
            }
            none => none.insert(rt.sleep_until(at)),
        };
        self.armed = Some(at);
        ready!(Pin::new(sleep).poll(cx));
        self.armed = None;
        Poll::Ready(())
    }

    /// Ends the wait: a timer that is left running would wake the task for nothing.
    #[inline]
    pub(super) fn disarm(&mut self) {
        if self.armed.take().is_some() {
            self.sleep = None;
        }
    }
}
