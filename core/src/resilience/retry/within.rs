use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use crate::{rt::Sleep, time::Deadline};

pin_project! {
    /// A future under a deadline that there may be: as `Deadline::run`, without its cost if there is none.
    pub(in crate::resilience) struct Within<'a, F> {
        #[pin]
        future: F,
        deadline: Option<&'a Deadline>,
        sleep: Option<Sleep>,
    }
}

pub(in crate::resilience) fn within<'a, F: Future>(
    deadline: Option<&'a Deadline>,
    future: F,
) -> Within<'a, F> {
    Within { future, deadline, sleep: None }
}

impl<F: Future> Future for Within<'_, F> {
    /// None when the deadline is over.
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(value) = this.future.poll(cx) {
            return Poll::Ready(Some(value));
        }
        let Some(deadline) = *this.deadline else { return Poll::Pending };
        let sleep = this.sleep.get_or_insert_with(|| deadline.over());
        Pin::new(sleep).poll(cx).map(|()| None)
    }
}
