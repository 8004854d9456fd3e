use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    super::Acquire,
    driver::{Inner, Request, Waiting},
    error::AcquireError,
};
use crate::{rt::Sleep, time::Deadline};

/// The future of [`RateLimiter::acquire`](super::RateLimiter::acquire).
///
/// It borrows nothing. It goes through, or takes its place in line, at its first poll. Others do not depend on its being
/// polled.
///
/// # Cancel safety
///
/// Dropped at any point, its place or its slot goes to the next in line.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Acquiring {
    inner: Arc<Inner>,
    tokens: u32,
    priority: i32,
    deadline: Option<Deadline>,
    waiting: Option<Waiting>,
    sleep: Option<Sleep>,
}

impl Acquiring {
    pub(in crate::limit) fn new(inner: &Arc<Inner>, tokens: u32, how: Acquire) -> Self {
        let Acquire { deadline, priority } = how;
        let inner = Arc::clone(inner);
        Self { inner, tokens, priority, deadline, waiting: None, sleep: None }
    }
}

impl Future for Acquiring {
    type Output = Result<(), AcquireError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { inner, tokens, priority, deadline, waiting, sleep } = &mut *self;
        let deadline = deadline.as_ref();
        let request = Request { tokens: *tokens, priority: *priority, deadline };
        match waiting {
            Some(waiting) => {
                if let Poll::Ready(outcome) = inner.poll(waiting, &request, cx.waker()) {
                    return Poll::Ready(outcome);
                }
            }
            None => {
                *waiting = inner.enter(&request, cx.waker())?;
                if waiting.is_none() {
                    return Poll::Ready(Ok(()));
                }
            }
        }
        let (Some(deadline), Some(waiting)) = (deadline, waiting) else { return Poll::Pending };
        let sleep = sleep.get_or_insert_with(|| inner.rt.sleep_until(deadline.at()));
        Pin::new(sleep).poll(cx).map(|()| inner.time_out(waiting, &request, deadline))
    }
}

impl Drop for Acquiring {
    fn drop(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            self.inner.leave(waiting);
        }
    }
}

impl fmt::Debug for Acquiring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquiring")
            .field("tokens", &self.tokens)
            .field("deadline", &self.deadline)
            .field("waits", &self.waiting.is_some())
            .finish_non_exhaustive()
    }
}
