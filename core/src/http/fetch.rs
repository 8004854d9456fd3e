//! Many requests at once.

use std::{
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{FutureExt, Stream, StreamExt, stream, stream::FusedStream};
use url::Url;

use super::{Client, Error, ErrorKind, Request, RequestBuilder, Response};
use crate::{
    rt::{JoinError, Panic},
    stream::{Concurrency, MapConcurrent, Order, RtStreamExt},
};

#[cfg(test)]
mod tests;

const CONCURRENCY_MAX: usize = 1_000_000;

impl Client {
    /// Sends all of `requests`, at most `concurrency` of them at once, and reads their replies.
    ///
    /// There is one result for each, in the order of the requests; one that fails harms no other. The bodies are in memory,
    /// each at most [`body_bytes_max`](super::Config::body_bytes_max): a body that waits to be read would hold a connection
    /// that others wait for. For more than fits in memory there is [`fetch_stream`](Self::fetch_stream).
    ///
    /// Requests are whatever [`IntoRequest`] is for: URLs as text, [`RequestBuilder`]s, [`Request`]s. Their time runs from when
    /// they are sent, not from when they wait for their turn. A `concurrency` of 0 is taken as 1.
    ///
    /// # Panics
    ///
    /// If `requests` does. A panic within the body of a request is an error of that request.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives all requests up that are under way, as [`execute`](Self::execute) has it, and the rest.
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use seaworthy_core::{http, testing::http::{Server, routes}};
    ///
    /// let server = Server::start(&rt, ([127, 0, 0, 1], 80), routes).await.unwrap();
    /// let client = http::Client::new(&rt, http::Config::default()).unwrap();
    ///
    /// let urls = ["http://localhost/status/404", "http://localhost/bytes/9", "ahoy"];
    /// let results = client.fetch_all(urls, 10).await;
    ///
    /// assert_eq!(results[0].as_ref().unwrap().status(), 404);
    /// assert_eq!(results[1].as_ref().unwrap().content_length(), Some(9));
    /// assert!(results[2].as_ref().unwrap_err().to_string().contains("`ahoy` is no URL"));
    /// # });
    /// ```
    pub fn fetch_all<I>(&self, requests: I, concurrency: usize) -> FetchAll
    where
        I: IntoIterator<Item: IntoRequest>,
    {
        let requests: Vec<_> =
            requests.into_iter().map(|request| request.into_request(self).map_err(Box::new)).collect();
        let results = requests.iter().map(|_| None).collect();
        let requests = stream::iter(requests).map(|request| request.map_err(|error| *error));
        FetchAll { stream: FetchStream::new(self, requests, concurrency), results }
    }

    /// Sends `requests`, at most `concurrency` of them at once, and hands their replies over as they come, each with the number
    /// of its request, from 0.
    ///
    /// - A request is taken from `requests` when there is a place for it, and a reply that was not handed over keeps its place:
    ///   never more than `concurrency` of both are there, however many there will be.
    /// - Bodies are in memory, as with [`fetch_all`](Self::fetch_all), and for the same reason.
    /// - It is done by tasks: requests go on while the consumer does something else.
    /// - One that fails harms no other.
    ///
    /// # Panics
    ///
    /// The stream does if `requests` does, after the replies before. A panic within the body of a request is an error of that
    /// request.
    ///
    /// # Cancel safety
    ///
    /// Dropping a `next()` loses nothing. Dropping the stream gives all requests up that are under way, and takes no more.
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use futures::StreamExt;
    /// use seaworthy_core::{http, testing::http::{Server, routes}};
    ///
    /// let server = Server::start(&rt, ([127, 0, 0, 1], 80), routes).await.unwrap();
    /// let client = http::Client::new(&rt, http::Config::default()).unwrap();
    ///
    /// let urls = [3, 1, 2].map(|seconds| format!("http://localhost/delay/{seconds}"));
    /// let replies = client.fetch_stream(urls, 10).map(|(number, reply)| (number, reply.is_ok()));
    /// assert_eq!(replies.collect::<Vec<_>>().await, [(1, true), (2, true), (0, true)]);
    /// # });
    /// ```
    pub fn fetch_stream<I>(&self, requests: I, concurrency: usize) -> FetchStream
    where
        I: IntoIterator<Item: IntoRequest, IntoIter: Send + 'static>,
    {
        self.fetch_from(stream::iter(requests), concurrency)
    }

    /// As [`fetch_stream`](Self::fetch_stream), of requests that come themselves as a stream.
    ///
    /// # Panics
    ///
    /// As [`fetch_stream`](Self::fetch_stream).
    ///
    /// # Cancel safety
    ///
    /// As [`fetch_stream`](Self::fetch_stream).
    pub fn fetch_from<S>(&self, requests: S, concurrency: usize) -> FetchStream
    where
        S: Stream<Item: IntoRequest> + Send + 'static,
    {
        let client = self.clone();
        FetchStream::new(self, requests.map(move |request| request.into_request(&client)), concurrency)
    }

    /// One of many: from the request to the end of the reply's body.
    async fn fetch(self, request: Result<Request, Error>) -> Result<Response, Error> {
        let fetched = async move { self.execute(request?).await?.into_memory().await };
        let caught = AssertUnwindSafe(fetched).catch_unwind().await;
        caught.unwrap_or_else(|payload| {
            let source = JoinError::Panicked(Panic::new("http.fetch", payload));
            Err(Error::new(ErrorKind::Panicked { source }))
        })
    }
}

/// What can be sent: a URL as text or parsed, a [`RequestBuilder`], a [`Request`], or what came out of
/// [`build`](RequestBuilder::build).
pub trait IntoRequest {
    /// The request, as a GET if it does not say otherwise.
    ///
    /// # Errors
    ///
    /// If a part of it is not valid.
    fn into_request(self, client: &Client) -> Result<Request, Error>;
}

impl IntoRequest for Request {
    fn into_request(self, _client: &Client) -> Result<Request, Error> {
        Ok(self)
    }
}

impl IntoRequest for Result<Request, Error> {
    fn into_request(self, _client: &Client) -> Result<Request, Error> {
        self
    }
}

impl IntoRequest for RequestBuilder {
    fn into_request(self, _client: &Client) -> Result<Request, Error> {
        self.build()
    }
}

impl IntoRequest for Url {
    fn into_request(self, _client: &Client) -> Result<Request, Error> {
        Ok(Request::get(self))
    }
}

impl IntoRequest for &str {
    fn into_request(self, client: &Client) -> Result<Request, Error> {
        client.get(self).build()
    }
}

impl IntoRequest for String {
    fn into_request(self, client: &Client) -> Result<Request, Error> {
        client.get(self).build()
    }
}

impl IntoRequest for &String {
    fn into_request(self, client: &Client) -> Result<Request, Error> {
        client.get(self).build()
    }
}

/// Replies as they come, by [`Client::fetch_stream`].
#[must_use = "streams do nothing unless polled"]
pub struct FetchStream {
    results: MapConcurrent<(usize, Result<Response, Error>)>,
}

impl FetchStream {
    fn new<S>(client: &Client, requests: S, concurrency: usize) -> Self
    where
        S: Stream<Item = Result<Request, Error>> + Send + 'static,
    {
        let config = Concurrency {
            tasks_max: concurrency.clamp(1, CONCURRENCY_MAX),
            read_ahead_max: 0,
            order: Order::AsCompleted,
        };
        let rt = client.inner.rt.clone();
        let client = client.clone();
        let fetch = move |(number, request)| {
            let client = client.clone();
            async move { (number, client.fetch(request).await) }
        };
        let results = requests.enumerate().map_concurrent(&rt, config, fetch);
        Self { results: results.expect("the concurrency is in its range") }
    }

    /// Gives up what is under way, at once, and returns a future that waits until that has been put away.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future does not revoke it.
    pub fn close(self) -> impl Future<Output = ()> + Send + use<> {
        self.results.close()
    }
}

impl Stream for FetchStream {
    type Item = (usize, Result<Response, Error>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match ready!(self.results.poll_next_unpin(cx)) {
            Some(Ok(result)) => Poll::Ready(Some(result)),
            // What a request does is caught where its number is known; this is the source.
            // Without a panic the runtime has ended, and with it whatever could be sent.
            Some(Err(error)) => {
                drop(error.resume_panic());
                Poll::Ready(None)
            }
            None => Poll::Ready(None),
        }
    }
}

impl FusedStream for FetchStream {
    fn is_terminated(&self) -> bool {
        self.results.is_terminated()
    }
}

impl fmt::Debug for FetchStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchStream").field("stats", &self.results.stats()).finish_non_exhaustive()
    }
}

/// All replies, by [`Client::fetch_all`].
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct FetchAll {
    stream: FetchStream,
    results: Vec<Option<Result<Response, Error>>>,
}

impl Future for FetchAll {
    type Output = Vec<Result<Response, Error>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        while let Some((number, result)) = ready!(this.stream.poll_next_unpin(cx)) {
            this.results[number] = Some(result);
        }
        let missing = || {
            let what = "the runtime ended before its turn".to_owned();
            Err(Error::new(ErrorKind::Refused { what, retry_after: None }))
        };
        Poll::Ready(this.results.drain(..).map(|result| result.unwrap_or_else(missing)).collect())
    }
}
