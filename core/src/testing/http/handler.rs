use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures::FutureExt;

use super::{Received, Reply};
use crate::rt::{BoxFuture, Panic, Rt};

const TASK: &str = "testing.http.handler";

/// What decides on the replies of a [`Server`](super::Server).
///
/// A plain function is one: `|request: &Received| Reply::text(request.path())`; its parameter has to name its type.
/// [`asynchronous`] makes one of an async function, [`early`] one that may answer before the body has arrived.
///
/// A handler that panics harms only its own request, which is answered with 500. The panic is reported to the runtime;
/// on the test runtime that fails the run, so a handler may assert.
pub trait Handler: Send + Sync + 'static {
    /// Asked when the head has arrived: a reply to send while the body is still on its way. Default: none.
    fn early(&self, _head: &Received) -> Option<Reply> {
        None
    }

    /// Asked when the whole request has arrived. Dropped when the client leaves or the server stops.
    fn reply(&self, request: Received) -> BoxFuture<'_, Reply>;
}

impl<F> Handler for F
where
    F: Fn(&Received) -> Reply + Send + Sync + 'static,
{
    fn reply(&self, request: Received) -> BoxFuture<'_, Reply> {
        // Inside the future: a panic in it is one of the future.
        Box::pin(async move { self(&request) })
    }
}

/// A [`Handler`] that takes its time: it may wait for a lock, a signal, another server.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use std::time::Duration;
///
/// use seaworthy_core::testing::http::{Received, Reply, Server, asynchronous};
///
/// let clock = rt.clone();
/// let handler = asynchronous(move |request: Received| {
///     let rt = clock.clone();
///     async move {
///         rt.sleep(Duration::from_secs(request.nth)).await;
///         Reply::text("ahoy")
///     }
/// });
/// let server = Server::start(&rt, ([127, 0, 0, 1], 0), handler).await.unwrap();
/// # server.stop().await;
/// # });
/// ```
pub fn asynchronous<F, Fut>(answer: F) -> impl Handler
where
    F: Fn(Received) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Reply> + Send + 'static,
{
    Asynchronous(answer)
}

/// A [`Handler`] that asks `first` when the head of a request has arrived, and `then` if that has no answer.
///
/// A client that `Expect`s a `100 Continue` gets the early reply instead, and the connection ends with it.
pub fn early<F, H>(first: F, then: H) -> impl Handler
where
    F: Fn(&Received) -> Option<Reply> + Send + Sync + 'static,
    H: Handler,
{
    Early { first, then }
}

struct Asynchronous<F>(F);

impl<F, Fut> Handler for Asynchronous<F>
where
    F: Fn(Received) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Reply> + Send + 'static,
{
    fn reply(&self, request: Received) -> BoxFuture<'_, Reply> {
        Box::pin(async move { (self.0)(request).await })
    }
}

struct Early<F, H> {
    first: F,
    then: H,
}

impl<F, H> Handler for Early<F, H>
where
    F: Fn(&Received) -> Option<Reply> + Send + Sync + 'static,
    H: Handler,
{
    fn early(&self, head: &Received) -> Option<Reply> {
        (self.first)(head).or_else(|| self.then.early(head))
    }

    fn reply(&self, request: Received) -> BoxFuture<'_, Reply> {
        self.then.reply(request)
    }
}

pub(super) fn ask_early(rt: &Rt, handler: &dyn Handler, head: &Received) -> Option<Reply> {
    catch_unwind(AssertUnwindSafe(|| handler.early(head))).unwrap_or_else(|payload| Some(failed(rt, payload)))
}

pub(super) async fn ask(rt: &Rt, handler: &dyn Handler, request: Received) -> Reply {
    // The call too, not only its future: a handler of the user's own may do its work there.
    let asked = AssertUnwindSafe(async { handler.reply(request).await });
    asked.catch_unwind().await.unwrap_or_else(|payload| failed(rt, payload))
}

pub(super) fn failed(rt: &Rt, payload: Box<dyn std::any::Any + Send>) -> Reply {
    let panic = Panic::new(TASK, payload);
    let text = format!("the handler panicked: {}", panic.message());
    rt.report_panic(&panic);
    Reply::text(text).status(500).close()
}
