//! A [`Policy`] as a [`tower_layer::Layer`].
//!
//! # Requests
//!
//! A policy sends a request more than once. Those that are [`Clone`] need nothing: the policy is the layer. For others, and
//! for those of which only some may be repeated, [`Policy::clone_request`] makes a layer that is told how: an HTTP request
//! with a body in memory can be copied, one whose body is a stream or whose method is not idempotent should not. The last
//! attempt gets the request itself, so a policy without retry and hedge copies nothing.
//!
//! # Readiness
//!
//! Each attempt runs on a clone of the service of its own, waits until that clone is ready, and then calls it, as tower
//! demands: a service is never called that was not ready, and none is held ready in vain while the policy waits. So the
//! service's backpressure is felt inside the attempt, within its time limit and the deadline, and what it says while it is
//! asked whether it is ready is a failure like any other. [`PolicyService`] itself is always ready; how many calls may wait
//! is for the bulkhead to say.
//!
//! # Retries in a stack
//!
//! A service is handed a request and nothing else, so it does not know which [`Attempt`] it is part of, and two layers that
//! retry multiply: three attempts each are nine requests. Let **one** layer of a stack retry, the one that knows best
//! what may be repeated, and give the others policies without a retry.

#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use tower_layer::Layer;
use tower_service::Service;

use super::{
    Attempt, Policy, PolicyError,
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
pub struct PolicyService<S, C = RetryErrors, F = NoFallback, R = ByClone> {
    inner: S,
    layer: Arc<PolicyLayer<C, F, R>>,
}

/// A [`Policy`] as a layer for requests that are copied in a way of their own, by [`Policy::clone_request`].
#[derive(Clone)]
pub struct PolicyLayer<C = RetryErrors, F = NoFallback, R = ByClone> {
    policy: Policy<C, F>,
    requests: R,
}

/// Copies requests for another attempt. Closures `Fn(&Request) -> Option<Request>` do.
pub trait CloneRequest<Request> {
    /// Another one of it; none if it must not or cannot be sent more than once. It runs before each attempt but the last,
    /// under no lock.
    fn clone_request(&self, request: &Request) -> Option<Request>;
}

/// All requests can be repeated, since they are [`Clone`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByClone;

impl<Request: Clone> CloneRequest<Request> for ByClone {
    fn clone_request(&self, request: &Request) -> Option<Request> {
        Some(request.clone())
    }
}

impl<Request, G: Fn(&Request) -> Option<Request>> CloneRequest<Request> for G {
    fn clone_request(&self, request: &Request) -> Option<Request> {
        self(request)
    }
}

impl<C, F> Policy<C, F> {
    /// As a tower layer, with requests copied by `requests`. One of which it makes none is sent once: it is neither hedged
    /// nor retried, and if that would have been done, the error says so by
    /// [`Stop::Unrepeatable`](super::retry::Stop::Unrepeatable).
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use seaworthy_core::resilience::{Policy, Retry, retry::{Config, Stop}};
    /// use tower::{ServiceBuilder, ServiceExt, service_fn};
    ///
    /// // As `http::Request`, which is not `Clone`.
    /// struct Request { method: &'static str, body: Vec<u8> }
    ///
    /// let policy = Policy::new(&rt, "orders").retry(Retry::new(&rt, Config::default()).unwrap());
    /// let layer = policy.clone_request(|request: &Request| {
    ///     let Request { method, body } = request;
    ///     (*method == "PUT").then(|| Request { method, body: body.clone() })
    /// });
    /// let orders = ServiceBuilder::new().layer(layer).service(service_fn(async |_| Err::<(), _>("busy")));
    /// let ask = |method| orders.clone().oneshot(Request { method, body: vec![7] });
    /// let put = ask("PUT").await.unwrap_err();
    /// assert_eq!((put.stop, put.ledger.attempts()), (Stop::Attempts, 3));
    /// let post = ask("POST").await.unwrap_err();
    /// assert_eq!((post.stop, post.ledger.attempts()), (Stop::Unrepeatable, 1));
    /// # });
    /// ```
    #[must_use]
    pub fn clone_request<Request, G>(self, requests: G) -> PolicyLayer<C, F, G>
    where
        G: Fn(&Request) -> Option<Request>,
    {
        PolicyLayer { policy: self, requests }
    }
}

impl<S, C, F> PolicyService<S, C, F> {
    /// The service, with its calls going through `policy`.
    pub fn new(inner: S, policy: Policy<C, F>) -> Self {
        Self { inner, layer: Arc::new(PolicyLayer { policy, requests: ByClone }) }
    }
}

impl<S, C, F, R> PolicyService<S, C, F, R> {
    /// The policy.
    pub fn policy(&self) -> &Policy<C, F> {
        &self.layer.policy
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

impl<S, C: Clone, F: Clone, R: Clone> Layer<S> for PolicyLayer<C, F, R> {
    type Service = PolicyService<S, C, F, R>;

    fn layer(&self, inner: S) -> Self::Service {
        PolicyService { inner, layer: Arc::new(self.clone()) }
    }
}

impl<Request, S, C, F, R> Service<Request> for PolicyService<S, C, F, R>
where
    Request: Send + 'static,
    S: Service<Request, Response: Send, Error: Send, Future: Send> + Clone + Send + 'static,
    C: Classify<S::Response, S::Error> + Send + Sync + 'static,
    F: Fallback<S::Response, S::Error, Answer: Send> + Send + Sync + 'static,
    R: CloneRequest<Request> + Send + Sync + 'static,
{
    type Response = S::Response;
    type Error = PolicyError<S::Error>;
    type Future = BoxFuture<'static, Result<S::Response, PolicyError<S::Error>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (inner, layer) = (self.inner.clone(), Arc::clone(&self.layer));
        Box::pin(async move {
            let PolicyLayer { policy, requests } = &*layer;
            let is_hedged = policy.layers.hedge.is_some();
            let (mut request, spent) = (Some(request), &AtomicBool::new(false));
            let call = policy.drive(None, Some(spent), move |attempt: Attempt| {
                let is_last = attempt.is_last() && !is_hedged;
                let copy = request.as_ref().filter(|_| !is_last);
                let copy = copy.and_then(|request| requests.clone_request(request));
                let request = copy.unwrap_or_else(|| {
                    spent.store(true, Ordering::Relaxed);
                    request.take().expect("nothing is sent after what cannot be sent again")
                });
                let mut inner = inner.clone();
                async move {
                    poll_fn(|cx| inner.poll_ready(cx)).await?;
                    inner.call(request).await
                }
            });
            call.await.map(|(answer, _)| answer)
        })
    }
}

impl<S: Clone, C, F, R> Clone for PolicyService<S, C, F, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: Arc::clone(&self.layer) }
    }
}

impl<C, F, R> fmt::Debug for PolicyLayer<C, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyLayer").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, C, F, R> fmt::Debug for PolicyService<S, C, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyService").field("inner", &self.inner).field("policy", self.policy()).finish()
    }
}
