use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;

use super::{Rt, Sleep};

/// A future did not end within its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not finished within {limit:?}")]
#[non_exhaustive]
pub struct Elapsed {
    /// The limit it was given.
    pub limit: Duration,
}

pin_project! {
    /// A future under a time limit, by [`Rt::timeout`](super::Rt::timeout).
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Timeout<'rt, F> {
        #[pin]
        future: F,
        rt: &'rt Rt,
        limit: Duration,
        sleep: Option<Sleep>,
    }
}

impl<'rt, F: Future> Timeout<'rt, F> {
    pub(super) fn new(rt: &'rt Rt, limit: Duration, future: F) -> Self {
        Self { future, rt, limit, sleep: None }
    }
}

impl<F: Future> Future for Timeout<'_, F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(value) = this.future.poll(cx) {
            return Poll::Ready(Ok(value));
        }
        let (rt, limit) = (*this.rt, *this.limit);
        let sleep = this.sleep.get_or_insert_with(|| rt.sleep(limit));
        ready!(Pin::new(sleep).poll(cx));
        Poll::Ready(Err(Elapsed { limit }))
    }
}

impl<F> fmt::Debug for Timeout<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("limit", &self.limit).finish_non_exhaustive()
    }
}
