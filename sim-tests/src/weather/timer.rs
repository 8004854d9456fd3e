use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use seaworthy_core::rt::Timer;

use super::{runtime::HostRuntime, strike};
use crate::fault::FaultKind;

/// A timer that fires late while a fault makes it.
pub(super) struct LateTimer {
    runtime: HostRuntime,
    timer: Pin<Box<dyn Timer>>,
    is_late: bool,
}

impl LateTimer {
    pub(super) fn new(runtime: HostRuntime, timer: Pin<Box<dyn Timer>>) -> Self {
        Self { runtime, timer, is_late: false }
    }
}

impl Future for LateTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        ready!(this.timer.as_mut().poll(cx));
        let HostRuntime { sim, host, inner, .. } = &this.runtime;
        if this.is_late || !host.has(FaultKind::LateTimers) {
            return Poll::Ready(());
        }
        let Some((index, delay)) = host.delay(sim, FaultKind::LateTimers) else { return Poll::Ready(()) };
        strike(sim, index);
        this.is_late = true;
        this.timer.as_mut().reset(inner.instant_after(delay));
        // It has forgotten its waker when it fired.
        this.timer.as_mut().poll(cx)
    }
}

impl Timer for LateTimer {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        self.is_late = false;
        self.timer.as_mut().reset(at);
    }
}
