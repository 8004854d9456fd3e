use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{Acquire, AcquireError, BulkheadFull, Permit, driver::Inner};
use crate::{
    rt::Sleep,
    time::Deadline,
    wait::{Key, Ticket},
};

/// The future of [`Bulkhead::acquire`](super::Bulkhead::acquire).
///
/// It borrows nothing. It takes its place in line at its first poll.
///
/// # Cancel safety
///
/// Dropped at any point, its place or its permit goes to the next in line.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Acquiring {
    inner: Arc<Inner>,
    key: Key,
    deadline: Option<Deadline>,
    ticket: Option<Ticket>,
    sleep: Option<Sleep>,
}

impl Acquiring {
    pub(super) fn new(inner: &Arc<Inner>, how: Acquire) -> Self {
        let Acquire { deadline, priority } = how;
        let inner = Arc::clone(inner);
        Self { inner, key: Key::strict(priority), deadline, ticket: None, sleep: None }
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
        if this.ticket.is_some() {
            if this.inner.poll(&mut this.ticket, cx.waker()).is_ready() {
                return Poll::Ready(Ok(Permit::new(&this.inner)));
            }
        } else if this
            .inner
            .take_or_join(this.key, cx.waker(), &mut this.ticket)
            .map_err(|f| this.queue_full(f))?
        {
            return Poll::Ready(Ok(Permit::new(&this.inner)));
        }
        let Some(deadline) = &this.deadline else { return Poll::Pending };
        let sleep = this.sleep.get_or_insert_with(|| this.inner.rt.sleep_until(deadline.at()));
        if Pin::new(sleep).poll(cx).is_pending() {
            return Poll::Pending;
        }
        match this.inner.time_out(this.ticket.take()) {
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
        if let Some(ticket) = self.ticket.take() {
            self.inner.leave(ticket);
        }
    }
}

impl fmt::Debug for Acquiring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquiring")
            .field("deadline", &self.deadline)
            .field("waits", &self.ticket.is_some())
            .finish_non_exhaustive()
    }
}
