use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use ::http::{HeaderMap, StatusCode, Version, header::CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use url::Url;

use super::{
    Error, ErrorKind, Method, Report, Request,
    coding::{Coding, DecodeError, Decoded},
    text,
    wire::{BodyFailure, Incoming},
};

/// A reply: its status and headers, its body still to be read, and how it came about.
pub struct Response {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Reading,
    pub(super) body_bytes_max: u64,
    pub(super) report: Report,
}

/// A body on its way in.
pub(super) enum Reading {
    Plain(Incoming),
    Coded(Box<Decoded<Incoming>>),
    /// All of it has been read.
    Whole(Option<Bytes>, Option<HeaderMap>),
}

impl Reading {
    pub(super) fn new(body: Incoming, codings: Vec<Coding>, decoded_bytes_max: u64) -> Self {
        if codings.is_empty() || body.is_over() {
            return Self::Plain(body);
        }
        Self::Coded(Box::new(Decoded::new(body, &codings, decoded_bytes_max)))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, DecodeError>>> {
        match self {
            Self::Plain(body) => body.poll_next_unpin(cx).map_err(DecodeError::Body),
            Self::Coded(body) => body.poll_next_unpin(cx),
            Self::Whole(bytes, _) => Poll::Ready(bytes.take().map(Ok)),
        }
    }

    /// When all of it had come.
    fn ended(&mut self) -> Option<Instant> {
        match self {
            Self::Plain(body) => body.ended(),
            Self::Coded(body) => body.inner_mut().ended(),
            Self::Whole(..) => None,
        }
    }

    fn take_trailers(&mut self) -> Option<HeaderMap> {
        match self {
            Self::Plain(body) => body.take_trailers(),
            Self::Coded(body) => body.inner_mut().take_trailers(),
            Self::Whole(_, trailers) => trailers.take(),
        }
    }
}

impl Response {
    /// A reply to `request` that was not sent: from a cache, by a [`Middleware`](super::Middleware), in a test. Its report has
    /// no attempts.
    ///
    /// # Examples
    ///
    /// ```
    /// use seaworthy_core::http::{Client, Config, Error, Next, Request, Response};
    /// # seaworthy_core::testing::run(1, |rt| async move {
    ///
    /// let offline = |request: Request, _: Next| async move {
    ///     Ok::<_, Error>(Response::from_memory(&request, http::Response::new("all is well".into())))
    /// };
    /// let client = Client::new(&rt, Config::default()).unwrap().with(offline);
    /// let reply = client.get("https://example.org/").send().await.unwrap();
    /// assert_eq!(reply.text().await.unwrap(), "all is well");
    /// # });
    /// ```
    pub fn from_memory(request: &Request, reply: ::http::Response<Bytes>) -> Self {
        let (parts, body) = reply.into_parts();
        Self {
            status: parts.status,
            version: parts.version,
            headers: parts.headers,
            method: request.method.clone(),
            url: request.url.clone(),
            body: Reading::Whole(Some(body).filter(|body| !body.is_empty()), None),
            body_bytes_max: u64::MAX,
            report: Report::default(),
        }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The version of HTTP it came in.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The headers. Of a body that is decoded, `Content-Encoding` and `Content-Length` are gone.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Where it came from: the last URL, if there were redirects.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// How it came about: every attempt, and where its time went.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// How many bytes the body has, if the other side has said so and it was not coded, or if it is in memory.
    pub fn content_length(&self) -> Option<u64> {
        match &self.body {
            Reading::Plain(body) => body.len(),
            Reading::Coded(_) => None,
            Reading::Whole(bytes, _) => Some(bytes.as_ref().map_or(0, Bytes::len) as u64),
        }
    }

    /// This reply, unless its status says that there was an error (4xx, 5xx).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Status`]; the body is given up.
    pub fn error_for_status(self) -> Result<Self, Error> {
        if self.status.is_client_error() || self.status.is_server_error() {
            let kind = ErrorKind::Status { status: self.status };
            return Err(Error::new(kind).at(&self.method, &self.url).reported(self.report));
        }
        Ok(self)
    }

    /// The next piece of the body, or `None` when all of it has come.
    ///
    /// # Errors
    ///
    /// If the body breaks off, stalls or is not what it was said to be. There is nothing more then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the next call goes on.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        let next = ready!(self.body.poll_next(cx));
        let ended = self.body.ended();
        if let Some((ended, attempt)) = ended.zip(self.report.attempts.last_mut()) {
            attempt.timings.total = ended.saturating_duration_since(attempt.started);
        }
        Poll::Ready(match next {
            None => Ok(None),
            Some(Ok(piece)) => Ok(Some(piece)),
            Some(Err(error)) => Err(self.failed(kind_of(error))),
        })
    }

    fn failed(&self, kind: ErrorKind) -> Error {
        Error::new(kind).at(&self.method, &self.url).reported(self.report.clone())
    }

    /// The whole body, at most [`body_bytes_max`](super::Config::body_bytes_max) of it.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk); [`ErrorKind::TooBig`] if it is longer, before all of it was read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the body up, and its connection with it unless the rest is short.
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        self.collect().await
    }

    /// The same reply with its body read, so that it holds no connection any more.
    pub(super) async fn into_memory(mut self) -> Result<Self, Error> {
        let bytes = self.collect().await?;
        let trailers = self.take_trailers();
        self.body = Reading::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()), trailers);
        Ok(self)
    }

    async fn collect(&mut self) -> Result<Bytes, Error> {
        let body_bytes_max = self.body_bytes_max;
        let too_big = |this: &Self| Err(this.failed(ErrorKind::TooBig { body_bytes_max }));
        let announced = self.content_length();
        if announced.is_some_and(|len| len > body_bytes_max) {
            return too_big(self);
        }
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        if announced == Some(first.len() as u64) {
            // All of it in one piece; what is left is to see the end.
            return match self.chunk().await? {
                None => Ok(first),
                Some(_) => too_big(self),
            };
        }
        // What was announced is no reason to take so much memory before it comes.
        let room = announced.map_or(0, |len| len.min(1 << 20) as usize);
        let mut whole = BytesMut::with_capacity(room.max(first.len()));
        whole.extend_from_slice(&first);
        loop {
            if whole.len() as u64 > body_bytes_max {
                return too_big(self);
            }
            let Some(piece) = self.chunk().await? else { return Ok(whole.freeze()) };
            whole.extend_from_slice(&piece);
        }
    }

    /// The whole body as text: by its byte order mark, else by the charset of its `Content-Type`, else as UTF-8. What is no
    /// text becomes U+FFFD.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes).
    ///
    /// # Cancel safety
    ///
    /// As [`bytes`](Self::bytes).
    pub async fn text(mut self) -> Result<String, Error> {
        let bytes = self.collect().await?;
        Ok(text::decode(&bytes, self.headers.get(CONTENT_TYPE)))
    }

    /// The whole body, read as JSON.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes); [`ErrorKind::Json`] if it is something else.
    ///
    /// # Cancel safety
    ///
    /// As [`bytes`](Self::bytes).
    pub async fn json<T: DeserializeOwned>(mut self) -> Result<T, Error> {
        let bytes = self.collect().await?;
        serde_json::from_slice(&bytes).map_err(|source| self.failed(ErrorKind::Json { source }))
    }

    /// The trailers, once the body has been read to its end, if there are any.
    pub fn take_trailers(&mut self) -> Option<HeaderMap> {
        self.body.take_trailers()
    }

    /// The body as a stream of its pieces, whatever their sum.
    pub fn into_stream(self) -> BodyStream {
        BodyStream { response: self, is_over: false }
    }
}

/// What an error within a body is to a user.
fn kind_of(error: DecodeError) -> ErrorKind {
    let source = match error {
        DecodeError::Body(source) => source,
        DecodeError::TooLarge { decoded_bytes_max, .. } => {
            return ErrorKind::TooBig { body_bytes_max: decoded_bytes_max };
        }
        other => return ErrorKind::Body { source: other.into() },
    };
    let failure = source.get_ref().and_then(|inner| inner.downcast_ref::<BodyFailure>());
    if let Some(BodyFailure::TimedOut { phase, limit }) = failure {
        return ErrorKind::TimedOut { phase: *phase, limit: *limit };
    }
    ErrorKind::Body { source: source.into() }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, version, headers, url, .. } = self;
        f.debug_struct("Response")
            .field("status", status)
            .field("version", version)
            .field("url", &url.as_str())
            .field("headers", headers)
            .finish_non_exhaustive()
    }
}

/// The body of a [`Response`], piece by piece, by [`Response::into_stream`]. After an error it is over.
#[derive(Debug)]
pub struct BodyStream {
    response: Response,
    is_over: bool,
}

impl BodyStream {
    /// The reply it is the body of.
    pub fn response(&self) -> &Response {
        &self.response
    }
}

impl Stream for BodyStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let next = ready!(self.response.poll_chunk(cx)).transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        Poll::Ready(next)
    }
}
