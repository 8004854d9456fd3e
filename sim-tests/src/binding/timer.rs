use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Instant,
};

use seaworthy_core::rt::Timer;
use tokio::time::Sleep;

use super::host::Host;

/// A timer of a host's paused clock.
pub(crate) struct SimTimer {
    sleep: Pin<Box<Sleep>>,
    host: Arc<Host>,
    waker: Option<Waker>,
}

impl SimTimer {
    pub(crate) fn new(host: Arc<Host>, at: Instant) -> Self {
        let sleep = {
            let _entered = host.handle.enter();
            Box::pin(tokio::time::sleep_until(host.tokio_instant(at)))
        };
        Self { sleep, host, waker: None }
    }
}

impl Future for SimTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // tokio's timer panics when its runtime is gone. The time it waits for will not come: pending is the truth.
        if self.host.is_over() {
            return Poll::Pending;
        }
        self.waker.get_or_insert_with(|| cx.waker().clone()).clone_from(cx.waker());
        self.sleep.as_mut().poll(cx)
    }
}

impl Timer for SimTimer {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        if self.host.is_over() {
            return;
        }
        let at = self.host.tokio_instant(at);
        self.sleep.as_mut().reset(at);
        // tokio forgets the waker when a timer fires: without this poll, one that is used again would wake nobody.
        if let Some(waker) = self.waker.clone()
            && self.sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
        {
            waker.wake();
        }
    }
}
