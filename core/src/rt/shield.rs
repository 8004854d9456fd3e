use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;

use super::{CancelOnDrop, CancelToken, Cancelled, JoinError, Rt, Sleep, Task};

/// A task that survives its caller for a while, by [`Rt::shield`](super::Rt::shield).
///
/// # Cancel safety
///
/// Dropping it leaves the task its `grace` to end; then it is cancelled.
#[must_use = "dropping it gives the task its grace to end"]
pub struct Shield<T> {
    // `None` only while it is dropped.
    task: Option<Task<Option<T>>>,
    name: &'static str,
    _caller: CancelOnDrop,
}

pub(super) fn spawn<F>(rt: &Rt, name: &'static str, grace: Duration, future: F) -> Shield<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let caller = CancelToken::new();
    let caller_gone = Some(caller.cancelled());
    let shielded = Shielded { future, rt: rt.clone(), grace, caller_gone, grace_over: None };
    Shield { task: Some(rt.spawn(name, shielded)), name, _caller: caller.drop_guard() }
}

impl<T> Future for Shield<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let cancelled = JoinError::Cancelled { task: self.name.into() };
        let Some(task) = &mut self.task else { return Poll::Ready(Err(cancelled)) };
        let joined = ready!(Pin::new(task).poll(cx));
        Poll::Ready(joined.and_then(|value| value.ok_or(cancelled)))
    }
}

impl<T> Drop for Shield<T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.detach();
        }
    }
}

impl<T> fmt::Debug for Shield<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shield").field("task", &self.task).finish_non_exhaustive()
    }
}

pin_project! {
    /// The task: the future, and once the caller is gone its time to end. `None` when that is over.
    struct Shielded<F> {
        #[pin]
        future: F,
        rt: Rt,
        grace: Duration,
        caller_gone: Option<Cancelled>,
        grace_over: Option<Sleep>,
    }
}

impl<F: Future> Future for Shielded<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(value) = this.future.poll(cx) {
            return Poll::Ready(Some(value));
        }
        if let Some(caller_gone) = this.caller_gone {
            ready!(Pin::new(caller_gone).poll(cx));
            *this.caller_gone = None;
            *this.grace_over = Some(this.rt.sleep(*this.grace));
        }
        match this.grace_over {
            Some(grace_over) => Pin::new(grace_over).poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    }
}
