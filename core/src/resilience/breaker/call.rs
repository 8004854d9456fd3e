use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::{CallError, Outcome, Permit, driver::Shared};

pin_project! {
    /// A call through a breaker, by [`CircuitBreaker::call`](super::CircuitBreaker::call).
    ///
    /// It asks for its permit at its first poll.
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Call<'a, F, C> {
        // First, so that it is dropped before the permit.
        #[pin]
        future: F,
        stage: Stage<'a>,
        shared: &'a Shared,
        classify: C,
    }
}

enum Stage<'a> {
    New,
    Called(Permit<'a>),
    Done,
}

impl<'a, F, C> Call<'a, F, C> {
    pub(super) fn new(shared: &'a Shared, classify: C, future: F) -> Self {
        Self { future, stage: Stage::New, shared, classify }
    }
}

impl<F, C, T, E> Future for Call<'_, F, C>
where
    F: Future<Output = Result<T, E>>,
    C: Fn(&Result<T, E>) -> Outcome,
{
    type Output = Result<T, CallError<E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let call = self.project();
        // Taken out: if what follows panics, it is dropped on the way and reports that.
        let permit = match std::mem::replace(call.stage, Stage::Done) {
            Stage::New => match call.shared.admit() {
                Ok(ticket) => Permit::new(call.shared, ticket),
                Err(rejected) => return Poll::Ready(Err(rejected.into())),
            },
            Stage::Called(permit) => permit,
            Stage::Done => panic!("a `Call` was polled after it had ended"),
        };
        let mut unwinding = FailsOnUnwind(Some(permit));
        let Poll::Ready(result) = call.future.poll(cx) else {
            if let Some(permit) = unwinding.0.take() {
                *call.stage = Stage::Called(permit);
            }
            return Poll::Pending;
        };
        let outcome = (call.classify)(&result);
        if let Some(permit) = unwinding.0.take() {
            permit.report(outcome);
        }
        Poll::Ready(result.map_err(CallError::Failed))
    }
}

/// A panic is a failure of the call.
struct FailsOnUnwind<'a>(Option<Permit<'a>>);

impl Drop for FailsOnUnwind<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(permit) = self.0.take() {
            permit.failure();
        }
    }
}

impl<F, C> fmt::Debug for Call<'_, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match &self.stage {
            Stage::New => "new",
            Stage::Called(_) => "called",
            Stage::Done => "done",
        };
        f.debug_struct("Call").field("stage", &stage).finish_non_exhaustive()
    }
}
