//! A [`Policy`] as a [`tower_layer::Layer`], for services whose requests can be repeated.
//!
//! # Readiness
//!
//! Each attempt runs on a clone of the service of its own, waits until that clone is ready, and then calls it, as tower
//! demands: a service is never called that was not ready, and none is held ready in vain while the policy waits. So the
//! service's backpressure is felt inside the attempt, within its time limit and the deadline, and what it says while it is
//! asked whether it is ready is a failure like any other. [`PolicyService`] itself is always ready; how many calls may wait
//! is for the bulkhead to say.

#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use tower_layer::Layer;
use tower_service::Service;

use super::{
    Policy, PolicyError,
    policy::{Fallback, NoFallback},
    retry::{Classify, RetryErrors},
};
use crate::rt::BoxFuture;

/// A service whose calls go through a [`Policy`].
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// use seaworthy_core::resilience::{Policy, Retry, retry};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// static CALLS: AtomicU32 = AtomicU32::new(0);
///
/// let policy = Policy::new(&rt, "greeter").retry(Retry::new(&rt, retry::Config::default()).unwrap());
/// let greeter = ServiceBuilder::new().layer(policy).service(service_fn(async |name: &'static str| {
///     if CALLS.fetch_add(1, Ordering::Relaxed) == 0 { Err("busy") } else { Ok(format!("ahoy, {name}")) }
/// }));
/// assert_eq!(greeter.oneshot("sailor").await.unwrap(), "ahoy, sailor");
/// assert_eq!(CALLS.load(Ordering::Relaxed), 2);
/// # });
/// ```
pub struct PolicyService<S, C = RetryErrors, F = NoFallback> {
    inner: S,
    policy: Arc<Policy<C, F>>,
}

impl<S, C, F> PolicyService<S, C, F> {
    /// The service, with its calls going through `policy`.
    pub fn new(inner: S, policy: Policy<C, F>) -> Self {
        Self { inner, policy: Arc::new(policy) }
    }

    /// The policy.
    pub fn policy(&self) -> &Policy<C, F> {
        &self.policy
    }

    /// The service behind it.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, C: Clone, F: Clone> Layer<S> for Policy<C, F> {
    type Service = PolicyService<S, C, F>;

    fn layer(&self, inner: S) -> Self::Service {
        PolicyService::new(inner, self.clone())
    }
}

impl<Request, S, C, F> Service<Request> for PolicyService<S, C, F>
where
    Request: Clone + Send + 'static,
    S: Service<Request, Response: Send, Error: Send, Future: Send> + Clone + Send + 'static,
    C: Classify<S::Response, S::Error> + Send + Sync + 'static,
    F: Fallback<S::Response, S::Error, Answer: Send> + Send + Sync + 'static,
{
    type Response = S::Response;
    type Error = PolicyError<S::Error>;
    type Future = BoxFuture<'static, Result<S::Response, PolicyError<S::Error>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (inner, policy) = (self.inner.clone(), Arc::clone(&self.policy));
        Box::pin(async move {
            let call = policy.call(move |_| {
                let (mut inner, request) = (inner.clone(), request.clone());
                async move {
                    poll_fn(|cx| inner.poll_ready(cx)).await?;
                    inner.call(request).await
                }
            });
            call.await
        })
    }
}

impl<S: Clone, C, F> Clone for PolicyService<S, C, F> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), policy: Arc::clone(&self.policy) }
    }
}

impl<S: fmt::Debug, C, F> fmt::Debug for PolicyService<S, C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyService").field("inner", &self.inner).field("policy", &self.policy).finish()
    }
}
