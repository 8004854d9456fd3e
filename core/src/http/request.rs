use std::{
    fmt,
    time::{Duration, Instant},
};

use ::http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use url::Url;

use super::{Body, Client, Error, Form, Response, error::without_secrets, multipart::FormBody, send};
use crate::time::Deadline;

/// What is sent: a method, a URL, headers and a body, and how long it may take.
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    pub(super) options: Options,
}

/// What one request has otherwise than its client.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) timeout: Option<Duration>,
    pub(super) deadline: Option<Deadline>,
    /// When the request is over that it is a part of, and how long that one had.
    pub(super) outer: Option<(Instant, Duration)>,
    pub(super) attempts_max: Option<u32>,
    pub(super) body_bytes_max: Option<u64>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, url: Url) -> Self {
        let (headers, body, options) = (HeaderMap::new(), Body::empty(), Options::default());
        Self { method, url, headers, body, options }
    }

    /// A GET without headers.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Where it goes to.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Where it goes to, to be changed.
    pub fn url_mut(&mut self) -> &mut Url {
        &mut self.url
    }

    /// The headers, but for those that are added when it is sent.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The headers, to be changed.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// The body.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The body, to be changed.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// A copy, if its body is not a stream.
    pub fn try_clone(&self) -> Option<Self> {
        Some(Self {
            method: self.method.clone(),
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: self.body.try_clone()?,
            options: self.options.clone(),
        })
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, url, headers, body, options } = self;
        f.debug_struct("Request")
            .field("method", method)
            .field("url", &without_secrets(url).as_str())
            .field("headers", headers)
            .field("body", body)
            .field("options", options)
            .finish()
    }
}

/// A request being put together, by [`Client::get`] and its siblings.
///
/// What is wrong with a part of it is told by [`send`](Self::send).
#[must_use = "it is sent by `send`"]
pub struct RequestBuilder {
    client: Client,
    request: Result<Request, Error>,
}

impl RequestBuilder {
    pub(super) fn new(client: &Client, method: Method, url: &str) -> Self {
        let request = client.resolve(url).map(|url| Request::new(method, url));
        Self { client: client.clone(), request }
    }

    fn change(mut self, change: impl FnOnce(&mut Request) -> Result<(), Error>) -> Self {
        if let Ok(request) = &mut self.request
            && let Err(error) = change(request)
        {
            self.request = Err(error);
        }
        self
    }

    /// Sets a header, in the place of what it was before.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        self.change(|request| {
            let name = name
                .try_into()
                .map_err(|_| Error::invalid("a header's name has characters it must not have"))?;
            let value = value.try_into().map_err(|_| {
                Error::invalid(format!(
                    "the value of the header `{name}` has a line break or another control character"
                ))
            })?;
            request.headers.insert(name, value);
            Ok(())
        })
    }

    /// Sets all of `headers`, each in the place of what it was before.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.change(|request| {
            let mut last = None;
            for (name, value) in headers {
                match name {
                    Some(name) => {
                        request.headers.insert(name.clone(), value);
                        last = Some(name);
                    }
                    None => {
                        if let Some(name) = &last {
                            request.headers.append(name.clone(), value);
                        }
                    }
                }
            }
            Ok(())
        })
    }

    /// Adds to the query: a map, a struct, or pairs of names and values.
    pub fn query(self, query: &(impl Serialize + ?Sized)) -> Self {
        self.change(|request| {
            let text = serde_urlencoded::to_string(query)
                .map_err(|error| Error::invalid(format!("the query cannot be written: {error}")))?;
            if !text.is_empty() {
                let query = match request.url.query() {
                    Some(before) if !before.is_empty() => format!("{before}&{text}"),
                    _ => text,
                };
                request.url.set_query(Some(&query));
            }
            Ok(())
        })
    }

    /// Sends JSON.
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Self {
        self.change(|request| {
            let bytes = serde_json::to_vec(value)
                .map_err(|error| Error::invalid(format!("the body cannot be written as JSON: {error}")))?;
            request.body = bytes.into();
            request.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
            Ok(())
        })
    }

    /// Sends a form: a map, a struct, or pairs of names and values.
    pub fn form(self, form: &(impl Serialize + ?Sized)) -> Self {
        self.change(|request| {
            let text = serde_urlencoded::to_string(form)
                .map_err(|error| Error::invalid(format!("the form cannot be written: {error}")))?;
            request.body = text.into();
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers.entry(CONTENT_TYPE).or_insert(kind);
            Ok(())
        })
    }

    /// Sends a form with files.
    pub fn multipart(self, form: Form) -> Self {
        let mut rng = self.client.multipart_rng();
        self.change(|request| {
            let FormBody { content_type, len, chunks } = form.into_body(&mut rng);
            request.body = Body::chunks(chunks, len);
            request.headers.insert(CONTENT_TYPE, content_type);
            Ok(())
        })
    }

    /// Sends a body.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.change(|request| {
            request.body = body.into();
            Ok(())
        })
    }

    /// Signs in with name and password (RFC 7617). The header is kept from logs.
    pub fn basic_auth(self, user: &str, password: Option<&str>) -> Self {
        let text = format!("{user}:{}", password.unwrap_or_default());
        self.authorization(&format!("Basic {}", STANDARD.encode(text)))
    }

    /// Signs in with a token (RFC 6750). The header is kept from logs.
    pub fn bearer_auth(self, token: &str) -> Self {
        self.authorization(&format!("Bearer {token}"))
    }

    fn authorization(self, value: &str) -> Self {
        self.change(|request| {
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| Error::invalid("a token has a line break or another control character"))?;
            value.set_sensitive(true);
            request.headers.insert(AUTHORIZATION, value);
            Ok(())
        })
    }

    /// How long all of it may take, in the place of [`Timeouts::total`](super::Timeouts::total).
    pub fn timeout(self, limit: Duration) -> Self {
        self.change(|request| {
            request.options.timeout = Some(limit);
            Ok(())
        })
    }

    /// By when all of it is to be over, if that is before its timeout.
    pub fn deadline(self, deadline: Deadline) -> Self {
        self.change(|request| {
            request.options.deadline = Some(deadline);
            Ok(())
        })
    }

    /// How often it is sent at most, in the place of [`Retry::attempts_max`](super::Retry::attempts_max).
    pub fn attempts_max(self, attempts_max: u32) -> Self {
        self.change(|request| {
            if attempts_max == 0 {
                return Err(Error::invalid("attempts_max = 0: at least 1, the first attempt counts"));
            }
            request.options.attempts_max = Some(attempts_max);
            Ok(())
        })
    }

    /// How long its reply's body may be, in the place of [`Config::body_bytes_max`](super::Config::body_bytes_max).
    pub fn body_bytes_max(self, body_bytes_max: u64) -> Self {
        self.change(|request| {
            request.options.body_bytes_max = Some(body_bytes_max);
            Ok(())
        })
    }

    /// The request, without sending it.
    ///
    /// # Errors
    ///
    /// If a part of it is not valid.
    pub fn build(self) -> Result<Request, Error> {
        self.request
    }

    /// Sends it, and waits for the head of the reply.
    ///
    /// # Errors
    ///
    /// As [`Client::execute`]; and if a part of the request is not valid.
    ///
    /// # Cancel safety
    ///
    /// As [`Client::execute`].
    pub fn send(self) -> impl Future<Output = Result<Response, Error>> + Send {
        // Nothing stands between this and what does the work: each layer would move the reply once more.
        send::run(self.client, self.request)
    }
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder").field("request", &self.request).finish_non_exhaustive()
    }
}
