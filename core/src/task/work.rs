use std::{
    any::Any,
    error::Error,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use tracing::Span;

use super::{
    Status,
    job::{Cell, Current},
    slot::BoxWork,
    state::TaskKey,
};
use crate::rt::{JoinError, Panic, Sleep, TaskName, TaskPhase};

/// Whether a result is a failure, and why: the error and what caused it, outermost first.
pub(super) type Failure<T> = fn(&T) -> Option<Vec<String>>;

/// The failure of a `Result`.
pub(super) fn error_chain<T, E: Error + 'static>(result: &Result<T, E>) -> Option<Vec<String>> {
    let mut next: Option<&dyn Error> = Some(result.as_ref().err()?);
    let mut chain = Vec::new();
    while let Some(error) = next {
        chain.push(error.to_string());
        next = error.source();
    }
    Some(chain)
}

pin_project! {
    /// What the runtime polls for a managed task: the user's future, its time limit, and its end reported to the manager
    /// whatever happens.
    pub(super) struct Work<F: Future> {
        #[pin]
        future: Option<F>,
        cell: Arc<Cell<F::Output>>,
        failure: Failure<F::Output>,
        run_timeout: Option<Duration>,
        sleep: Option<Sleep>,
        span: Option<Span>,
    }

    impl<F: Future> PinnedDrop for Work<F> {
        fn drop(this: Pin<&mut Self>) {
            // Started and not ended: the runtime has ended, or thrown the task away. What never started is ended by
            // whoever withdrew it.
            if this.cell.started.load(Ordering::Acquire) && this.future.is_some() {
                this.cell.inner.clone().runtime_has_ended();
                this.finish(End::Cancelled);
            }
        }
    }
}

enum End<T> {
    Done(T),
    Panicked(Box<dyn Any + Send>),
    Cancelled,
    TimedOut(Duration),
}

impl<F: Future> Work<F> {
    pub(super) fn new(
        future: F,
        cell: &Arc<Cell<F::Output>>,
        run_timeout: Option<Duration>,
        failure: Failure<F::Output>,
    ) -> Self {
        let span = Some(Span::current()).filter(|span| !span.is_none());
        Self { future: Some(future), cell: Arc::clone(cell), failure, run_timeout, sleep: None, span }
    }

    /// What ends it though its future is pending. If nothing does, it is woken when something will.
    fn stopped_by(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<End<F::Output>> {
        let this = self.project();
        let cell = this.cell;
        if let Some(limit) = *this.run_timeout {
            let sleep = this.sleep.get_or_insert_with(|| cell.inner.rt.sleep(limit));
            if Pin::new(sleep).poll(cx).is_ready() {
                return Some(End::TimedOut(limit));
            }
        }
        // Only now, for a task that ends at its first poll needs no waker. Whoever came before that left word.
        cell.executor.register(cx.waker());
        cell.stopped.load(Ordering::Acquire).then_some(End::Cancelled)
    }

    /// Drops the future, and only then lets the manager and the handle know. Returns who is next in this slot.
    fn finish(self: Pin<&mut Self>, end: End<F::Output>) -> Option<BoxWork> {
        let mut this = self.project();
        let key = this.cell.key.get().filter(|_| this.future.is_some())?;
        let inner = &this.cell.inner;
        let entered = this.span.as_ref().map(Span::enter);
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| this.future.set(None))) {
            inner.rt.report_panic(&Panic::new(this.cell.name(), payload));
        }
        drop(entered);
        drop(this.cell.executor.take());
        let (status, errors) = match &end {
            // The text of an error is user code, too.
            End::Done(value) => match catch_unwind(AssertUnwindSafe(|| (this.failure)(value))) {
                Ok(None) => (Status::Completed, Vec::new()),
                Ok(Some(errors)) => (Status::Failed, errors),
                Err(_) => (Status::Failed, vec!["an error that panicked when it was shown".to_owned()]),
            },
            End::Panicked(payload) => {
                let (task, message) = (this.cell.name(), panic_text(payload));
                tracing::warn!(name: "seaworthy.task.panicked", %task, message, "a task panicked");
                (Status::Failed, vec![format!("panicked: {message}")])
            }
            End::Cancelled => (Status::Cancelled, Vec::new()),
            End::TimedOut(limit) => (Status::TimedOut, vec![format!("still running after {limit:?}")]),
        };
        // A result that nobody will take goes before the task counts as ended: nothing of it outlives its manager's rest.
        let end = if this.cell.abandoned.load(Ordering::Relaxed) {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(end))) {
                inner.rt.report_panic(&Panic::new(this.cell.name(), payload));
            }
            End::Cancelled
        } else {
            end
        };
        inner.end(key, status, errors, |report| {
            let result = end.into_result(&report.name);
            this.cell.end(result, report);
        })
    }
}

impl<T> End<T> {
    fn into_result(self, name: &TaskName) -> Result<T, JoinError> {
        let task = name.clone();
        match self {
            Self::Done(value) => Ok(value),
            Self::Panicked(payload) => Err(JoinError::Panicked(Panic::new(task, payload))),
            Self::Cancelled => Err(JoinError::Cancelled { task }),
            Self::TimedOut(limit) => Err(JoinError::TimedOut { task, phase: TaskPhase::Running, limit }),
        }
    }
}

fn panic_text(payload: &Box<dyn Any + Send>) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no text)")
}

impl<F: Future> Future for Work<F> {
    type Output = Option<BoxWork>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<BoxWork>> {
        let this = self.as_mut().project();
        let cell = this.cell;
        if cell.stopped.load(Ordering::Acquire) {
            return Poll::Ready(self.finish(End::Cancelled));
        }
        let (Some(future), Some(key)) = (this.future.as_pin_mut(), cell.key.get()) else {
            return Poll::Ready(None);
        };
        if cell.waits.load(Ordering::Relaxed) {
            cell.waits.store(false, Ordering::Relaxed);
            cell.inner.resumed(key);
        }
        let polled = {
            let _entered = this.span.as_ref().map(Span::enter);
            poll_as(future, cell, key, cx)
        };
        let end = match polled {
            Ok(Poll::Ready(value)) => End::Done(value),
            Err(payload) => End::Panicked(payload),
            Ok(Poll::Pending) => match self.as_mut().stopped_by(cx) {
                Some(end) => end,
                None => return Poll::Pending,
            },
        };
        Poll::Ready(self.finish(end))
    }
}

type Caught<T> = Result<T, Box<dyn Any + Send>>;

/// Polls the user's future with its task noted as the current one.
fn poll_as<F: Future>(
    future: Pin<&mut F>,
    cell: &Arc<Cell<F::Output>>,
    key: TaskKey,
    cx: &mut Context<'_>,
) -> Caught<Poll<F::Output>> {
    let _current = Current::enter(&cell.inner, key);
    catch_unwind(AssertUnwindSafe(|| future.poll(cx)))
}
