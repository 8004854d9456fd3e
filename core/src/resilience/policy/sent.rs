use std::{
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;

use super::{Refusal, admission::Admission};
use crate::{
    limit::bulkhead,
    resilience::{
        breaker,
        retry::{Classify, Verdict},
    },
    rt::{Rt, Sleep},
};

/// How one attempt ended.
pub(super) enum Ended<T, E> {
    /// With a result, which was judged so.
    Answered(Verdict, Result<T, E>),
    TimedOut(Duration),
    Refused(Refusal),
}

pin_project! {
    /// An attempt that was let through: the operation under its time limit, and what it holds meanwhile.
    ///
    /// It tells the breaker how it ended. The operation is dropped before its permit and its place are given back.
    pub(super) struct Sent<'a, Fut, T, E, C> {
        #[pin]
        future: Fut,
        sleep: Option<Sleep>,
        report: Report<'a>,
        slot: Option<bulkhead::Permit>,
        rt: &'a Rt,
        timeout: Option<Duration>,
        classify: &'a C,
        result: PhantomData<fn() -> (T, E)>,
    }
}

impl<'a, Fut, T, E, C> Sent<'a, Fut, T, E, C> {
    pub(super) fn new(
        rt: &'a Rt,
        timeout: Option<Duration>,
        classify: &'a C,
        admission: Admission<'a>,
        cut_off: Option<&'a AtomicBool>,
        begin: impl FnOnce() -> Fut,
    ) -> Self {
        let Admission { permit, slot } = admission;
        let mut panics = FailsOnUnwind(permit);
        let future = begin();
        let report = Report { permit: panics.0.take(), cut_off };
        Self { future, sleep: None, report, slot, rt, timeout, classify, result: PhantomData }
    }
}

impl<Fut, T, E, C> Future for Sent<'_, Fut, T, E, C>
where
    Fut: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
{
    type Output = Ended<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended<T, E>> {
        let this = self.project();
        let mut panics = FailsOnUnwind(this.report.permit.take());
        if let Poll::Ready(result) = this.future.poll(cx) {
            let verdict = this.classify.verdict(&result);
            let outcome = this.classify.outcome(&result, verdict);
            if let Some(permit) = panics.0.take() {
                permit.report(outcome);
            }
            return Poll::Ready(Ended::Answered(verdict, result));
        }
        this.report.permit = panics.0.take();
        let (rt, Some(timeout)) = (*this.rt, *this.timeout) else { return Poll::Pending };
        ready!(Pin::new(this.sleep.get_or_insert_with(|| rt.sleep(timeout))).poll(cx));
        if let Some(permit) = this.report.permit.take() {
            permit.failure();
        }
        Poll::Ready(Ended::TimedOut(timeout))
    }
}

/// What is owed to the breaker. An attempt that is dropped says nothing, unless the deadline cut it off after it had long
/// enough: then it hung.
struct Report<'a> {
    permit: Option<breaker::Permit<'a>>,
    /// Whether the deadline cut it off; none if that would say nothing of it.
    cut_off: Option<&'a AtomicBool>,
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.cut_off.is_some_and(|cut_off| cut_off.load(Ordering::Relaxed))
        {
            permit.failure();
        }
    }
}

/// A panic, of the operation as it begins or runs or of whoever judges its result, is a failure.
struct FailsOnUnwind<'a>(Option<breaker::Permit<'a>>);

impl Drop for FailsOnUnwind<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.0.take() {
            permit.failure();
        }
    }
}
