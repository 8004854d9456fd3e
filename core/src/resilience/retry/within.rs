use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use crate::{
    rt::{Rt, Sleep},
    time::{Deadline, DeadlineExceeded},
};

pin_project! {
    /// A future under a deadline that there may be: as `Deadline::run`, without its cost if there is none.
    pub(in crate::resilience) struct Within<'a, F> {
        #[pin]
        future: F,
        rt: &'a Rt,
        deadline: Option<&'a Deadline>,
        sleep: Option<Sleep>,
    }
}

pub(in crate::resilience) fn within<'a, F: Future>(
    rt: &'a Rt,
    deadline: Option<&'a Deadline>,
    future: F,
) -> Within<'a, F> {
    Within { future, rt, deadline, sleep: None }
}

impl<F: Future> Future for Within<'_, F> {
    type Output = Result<F::Output, DeadlineExceeded>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(value) = this.future.poll(cx) {
            return Poll::Ready(Ok(value));
        }
        let (rt, Some(deadline)) = (*this.rt, *this.deadline) else { return Poll::Pending };
        let sleep = this.sleep.get_or_insert_with(|| rt.sleep_until(deadline.at()));
        if Pin::new(sleep).poll(cx).is_pending() {
            return Poll::Pending;
        }
        deadline.check().map_or_else(|exceeded| Poll::Ready(Err(exceeded)), |()| Poll::Pending)
    }
}
