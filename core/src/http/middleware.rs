use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::BoxFuture;

use super::{Client, Error, Request, Response, send};

/// What stands around the requests of a client: it may change a request, answer it itself, send it more than once, and look
/// at what came of it.
///
/// It sees what a user sends and gets, once for each: redirects, retries, limits and cookies are behind it. The total
/// [timeout](super::Timeouts::total) of the user's request is one for all that it does. Add it by [`Client::with`]. A closure
/// that returns a future is one too.
///
/// # Cancel safety
///
/// If the user drops the request, this future is dropped with it.
///
/// # Examples
///
/// A token that is fetched anew when it has run out:
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::{
///     http::{Client, Config, Error, HeaderValue, Middleware, Next, Request, Response, StatusCode, proxy},
///     testing::http::{Received, Reply, Server},
/// };
///
/// struct SignedIn;
///
/// impl Middleware for SignedIn {
///     async fn handle(&self, mut request: Request, next: Next) -> Result<Response, Error> {
///         let again = request.try_clone();
///         request.headers_mut().insert("x-token", HeaderValue::from_static("old"));
///         let reply = next.clone().run(request).await?;
///         match again {
///             Some(mut again) if reply.status() == StatusCode::UNAUTHORIZED => {
///                 again.headers_mut().insert("x-token", HeaderValue::from_static("new"));
///                 next.run(again).await
///             }
///             _ => Ok(reply),
///         }
///     }
/// }
///
/// let harbour = |request: &Received| match request.header("x-token") {
///     Some("new") => Reply::text("welcome"),
///     _ => Reply::new(401),
/// };
/// let server = Server::start(&rt, ([127, 0, 0, 1], 0), harbour).await.unwrap();
/// let config = Config { proxy: proxy::Config::none(), ..Config::default() };
/// let client = Client::new(&rt, config).unwrap().with(SignedIn);
/// assert_eq!(client.get(server.url("/")).send().await.unwrap().text().await.unwrap(), "welcome");
/// # });
/// ```
pub trait Middleware: Send + Sync + 'static {
    /// Takes `request` to its reply; what comes next is [`next`](Next::run).
    ///
    /// # Errors
    ///
    /// What `next` says, or what is wrong here: [`Error::middleware`].
    fn handle(&self, request: Request, next: Next) -> impl Future<Output = Result<Response, Error>> + Send;
}

impl<F, Fut> Middleware for F
where
    F: Fn(Request, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, Error>> + Send,
{
    fn handle(&self, request: Request, next: Next) -> impl Future<Output = Result<Response, Error>> + Send {
        self(request, next)
    }
}

/// What comes after a [`Middleware`]: the next one, and after the last the client itself.
#[derive(Clone)]
#[must_use = "without it nothing is sent"]
pub struct Next {
    client: Client,
    layers: Arc<[Layer]>,
    at: usize,
    /// When the request of the user is over, and how long it had.
    end: Option<(Instant, Duration)>,
}

impl Next {
    pub(super) fn first(client: &Client, layers: Arc<[Layer]>, end: Option<(Instant, Duration)>) -> Self {
        Self { client: client.without_layers(), layers, at: 0, end }
    }

    /// Sends `request` on, and waits for the head of the reply.
    ///
    /// # Errors
    ///
    /// As [`Client::execute`], and what a middleware says.
    ///
    /// # Cancel safety
    ///
    /// As [`Client::execute`].
    pub fn run(mut self, mut request: Request) -> BoxFuture<'static, Result<Response, Error>> {
        request.options.outer = self.end.into_iter().chain(request.options.outer).min();
        match self.layers.get(self.at).cloned() {
            Some(layer) => {
                self.at += 1;
                Box::pin(async move { layer.0.handle_boxed(request, self).await })
            }
            None => Box::pin(send::run(self.client, Ok(request))),
        }
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").field("left", &(self.layers.len() - self.at)).finish_non_exhaustive()
    }
}

/// A [`Middleware`] of whatever type.
#[derive(Clone)]
pub(super) struct Layer(Arc<dyn Boxed>);

impl Layer {
    pub(super) fn new(middleware: impl Middleware) -> Self {
        Self(Arc::new(middleware))
    }
}

trait Boxed: Send + Sync {
    fn handle_boxed(&self, request: Request, next: Next) -> BoxFuture<'_, Result<Response, Error>>;
}

impl<M: Middleware> Boxed for M {
    fn handle_boxed(&self, request: Request, next: Next) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(self.handle(request, next))
    }
}
