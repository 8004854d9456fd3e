use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    Acquire, AcquireError, BulkheadFull, Permit,
    driver::{Caller, Inner},
};
use crate::{rt::Sleep, time::Deadline};

/// The future of [`Bulkhead::acquire`](super::Bulkhead::acquire).
///
/// It borrows nothing. It takes its place in line at its first poll. Poll it when it is woken: a permit that it does not
/// come for within [`Config::handover_max`](super::Config::handover_max) goes to the next in line.
///
/// # Cancel safety
///
/// Dropped at any point, its place or its permit goes to the next in line.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Acquiring {
    inner: Arc<Inner>,
    caller: Caller,
    deadline: Option<Deadline>,
    sleep: Option<Sleep>,
}

impl Acquiring {
    pub(super) fn new(inner: &Arc<Inner>, how: Acquire) -> Self {
        let Acquire { deadline, priority } = how;
        let inner = Arc::clone(inner);
        Self { inner, caller: Caller::new(priority), deadline, sleep: None }
    }

    fn queue_full(&self, full: BulkheadFull) -> AcquireError {
        tracing::debug!(name: "seaworthy.bulkhead.queue_full", %full, "nobody more may wait for a permit");
        AcquireError::QueueFull(full)
    }
}

impl Future for Acquiring {
    type Output = Result<Permit, AcquireError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let outcome = this.inner.poll(&mut this.caller, cx.waker());
        if outcome.map_err(|full| this.queue_full(full))? {
            return Poll::Ready(Ok(Permit::new(&this.inner)));
        }
        let Some(deadline) = &this.deadline else { return Poll::Pending };
        let sleep = this.sleep.get_or_insert_with(|| this.inner.rt.sleep_until(deadline.at()));
        if Pin::new(sleep).poll(cx).is_pending() {
            return Poll::Pending;
        }
        match this.inner.time_out(&mut this.caller) {
            // It was granted one in the meantime: the permit wins.
            Ok(()) => Poll::Ready(Ok(Permit::new(&this.inner))),
            Err(full) => {
                let deadline = deadline.exceeded();
                tracing::debug!(name: "seaworthy.bulkhead.timed_out", %deadline, %full, "waited in vain");
                Poll::Ready(Err(AcquireError::DeadlineExceeded { deadline, full }))
            }
        }
    }
}

impl Drop for Acquiring {
    fn drop(&mut self) {
        self.inner.leave(&mut self.caller);
    }
}

impl fmt::Debug for Acquiring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquiring")
            .field("deadline", &self.deadline)
            .field("waits", &self.caller.waits())
            .finish_non_exhaustive()
    }
}
