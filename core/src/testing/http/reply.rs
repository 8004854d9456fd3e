use std::time::Duration;

use bytes::Bytes;

/// What the server does about a request: an honest reply, or a fault.
///
/// By itself a reply is well-formed: it has its `Content-Length`, and a connection stays open as HTTP has it. There is no
/// `Date` and no header that was not asked for, beside those that say how long the body is. Faults are added to it and
/// go together: `Reply::text("..").after(one_second).trickle(1, one_second).reset(10)`. Headers are written as
/// they are given, also wrong ones.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use seaworthy_core::testing::http::Reply;
///
/// let honest = Reply::text("ahoy").header("etag", "\"1\"");
/// let slow = Reply::new(503).header("retry-after", "2").after(Duration::from_secs(1));
/// let stuttering = Reply::text("ahoy").trickle(1, Duration::from_secs(1));
/// let cut_off = Reply::bytes(vec![7; 1000]).reset(500);
/// let lying = Reply::text("ahoy").content_length(1000).close();
/// let lost = Reply::close_before_reply(); // the request was done, and nobody will know
/// # drop((honest, slow, stuttering, cut_off, lying, lost));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a reply is sent when the handler returns it"]
pub struct Reply {
    pub(super) status: u16,
    pub(super) is_http_10: bool,
    pub(super) informational: Vec<(u16, Headers)>,
    pub(super) headers: Headers,
    pub(super) body: Body,
    pub(super) content_length: Option<u64>,
    pub(super) instead: Option<Instead>,
    pub(super) after: Duration,
    pub(super) head_pace: Option<Pace>,
    pub(super) body_pace: Option<Pace>,
    pub(super) cut: Option<(u64, Cut)>,
    pub(super) pause_before_cut: Duration,
    pub(super) has_endless_headers: bool,
    pub(super) garbage: Bytes,
    pub(super) keeping: Keeping,
}

pub(super) type Headers = Vec<(String, Bytes)>;

#[derive(Clone, Debug)]
pub(super) enum Body {
    Sized(Bytes),
    Chunked {
        chunks: Vec<Bytes>,
        trailers: Headers,
        is_broken: bool,
    },
    UntilClose(Bytes),
    Endless,
    /// The head too.
    Raw(Bytes),
}

/// What happens in place of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instead {
    Nothing,
    Close,
    Reset,
}

/// So many bytes at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) bytes: usize,
    pub(super) every: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    Close,
    Reset,
}

/// When the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeping {
    AsAsked,
    /// With this request on the connection, or a later one.
    UpTo(u64),
    /// The same without a word, so long after the reply.
    Silently(u64, Duration),
}

impl Reply {
    /// A reply with this status, and an empty body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            is_http_10: false,
            informational: Vec::new(),
            headers: Vec::new(),
            body: Body::Sized(Bytes::new()),
            content_length: None,
            instead: None,
            after: Duration::ZERO,
            head_pace: None,
            body_pace: None,
            cut: None,
            pause_before_cut: Duration::ZERO,
            has_endless_headers: false,
            garbage: Bytes::new(),
            keeping: Keeping::AsAsked,
        }
    }

    /// 200 with a text in UTF-8.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(200).header("content-type", "text/plain; charset=utf-8").body(text.into())
    }

    /// 200 with bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::new(200).header("content-type", "application/octet-stream").body(bytes)
    }

    /// 200 with JSON.
    pub fn json(value: &serde_json::Value) -> Self {
        Self::new(200).header("content-type", "application/json").body(value.to_string())
    }

    /// A redirect: 301, 302, 303, 307 or 308, and where to.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::new(status).header("location", location)
    }

    /// 200 with a body in these chunks. An empty chunk is left out: it would be the end.
    pub fn chunked(chunks: impl IntoIterator<Item = impl Into<Bytes>>) -> Self {
        let chunks = chunks.into_iter().map(Into::into).filter(|chunk: &Bytes| !chunk.is_empty()).collect();
        Self { body: Body::Chunked { chunks, trailers: Vec::new(), is_broken: false }, ..Self::new(200) }
    }

    /// These bytes in place of a whole reply, head and all; nothing is added.
    ///
    /// [`truncated`](Self::truncated), [`reset`](Self::reset) and [`trickle`](Self::trickle) count from its first byte.
    /// The connection stays open unless [`close`](Self::close) is asked for.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self { body: Body::Raw(bytes.into()), ..Self::new(200) }
    }

    /// 200 with a chunked body that does not end, up to [`Config::endless_bytes_max`](super::Config::endless_bytes_max).
    pub fn endless_body() -> Self {
        Self { body: Body::Endless, ..Self::new(200) }
    }

    /// 200 with headers that do not end, up to [`Config::endless_bytes_max`](super::Config::endless_bytes_max).
    pub fn endless_headers() -> Self {
        Self { has_endless_headers: true, ..Self::new(200) }
    }

    /// Never answers. The connection is open until the client leaves or the server stops.
    pub fn hang() -> Self {
        Self { instead: Some(Instead::Nothing), ..Self::new(200) }
    }

    /// Closes well without an answer: the request was carried out and its reply is lost.
    pub fn close_before_reply() -> Self {
        Self { instead: Some(Instead::Close), ..Self::new(200) }
    }

    /// Resets the connection without an answer.
    pub fn reset_before_reply() -> Self {
        Self { instead: Some(Instead::Reset), ..Self::new(200) }
    }

    /// Another status.
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// One more header, written as it is: with a line break in its value it is two.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), Bytes::copy_from_slice(value.as_ref())));
        self
    }

    /// This body, with its length. A coded one (`gzip`) is given as it goes on the wire, beside its header.
    pub fn body(self, bytes: impl Into<Bytes>) -> Self {
        Self { body: Body::Sized(bytes.into()), ..self }
    }

    /// One more trailer of a chunked body; another body becomes one chunk.
    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.make_chunked();
        if let Body::Chunked { trailers, .. } = &mut self.body {
            trailers.push((name.to_owned(), Bytes::copy_from_slice(value.as_ref())));
        }
        self
    }

    /// After the chunks comes a size that is none. Another body becomes one chunk.
    pub fn broken_chunk(mut self) -> Self {
        self.make_chunked();
        if let Body::Chunked { is_broken, .. } = &mut self.body {
            *is_broken = true;
        }
        self
    }

    /// The body ends with the connection, and its length is not told.
    pub fn until_close(mut self) -> Self {
        if let Body::Sized(bytes) = &mut self.body {
            self.body = Body::UntilClose(std::mem::take(bytes));
        }
        self
    }

    /// Says that the body is `length` bytes long, whatever is true.
    ///
    /// If it is shorter the client waits for the rest: add [`close`](Self::close) to end that. If it is longer the rest
    /// stands before the next reply. Chunked, it contradicts the other header (RFC 9112, section 6.3).
    pub fn content_length(self, length: u64) -> Self {
        Self { content_length: Some(length), ..self }
    }

    /// Another reply before this one: `100`, `102`, `103`. They are sent at once, before [`after`](Self::after) counts.
    pub fn informational(mut self, status: u16, headers: &[(&str, &str)]) -> Self {
        let owned =
            |(name, value): &(&str, &str)| ((*name).to_owned(), Bytes::copy_from_slice(value.as_bytes()));
        self.informational.push((status, headers.iter().map(owned).collect()));
        self
    }

    /// Waits so long before the first byte of the head, or before what happens instead.
    pub fn after(self, delay: Duration) -> Self {
        Self { after: delay, ..self }
    }

    /// Sends the body `bytes` at a time, and pauses in between. 0 bytes count as 1.
    pub fn trickle(self, bytes: usize, every: Duration) -> Self {
        Self { body_pace: Some(Pace { bytes: bytes.max(1), every }), ..self }
    }

    /// Sends the head `bytes` at a time, and pauses in between. 0 bytes count as 1.
    pub fn trickle_head(self, bytes: usize, every: Duration) -> Self {
        Self { head_pace: Some(Pace { bytes: bytes.max(1), every }), ..self }
    }

    /// Closes well after `at` bytes of the body as it goes on the wire, chunk sizes too.
    pub fn truncated(self, at: u64) -> Self {
        Self { cut: Some((at, Cut::Close)), ..self }
    }

    /// Resets the connection after `at` bytes of the body as it goes on the wire, chunk sizes too.
    ///
    /// A reset overtakes what is still under way, as on a real network. For the client to see those bytes first, let some
    /// time pass with [`pause_before_cut`](Self::pause_before_cut).
    pub fn reset(self, at: u64) -> Self {
        Self { cut: Some((at, Cut::Reset)), ..self }
    }

    /// Waits so long between the last byte and the end that [`truncated`](Self::truncated) or [`reset`](Self::reset) make.
    pub fn pause_before_cut(self, pause: Duration) -> Self {
        Self { pause_before_cut: pause, ..self }
    }

    /// These bytes right after the reply: a connection that must not be used again.
    pub fn garbage(self, bytes: impl Into<Bytes>) -> Self {
        Self { garbage: bytes.into(), ..self }
    }

    /// A reply of HTTP/1.0, which ends with the connection.
    pub fn http_10(self) -> Self {
        Self { is_http_10: true, ..self }
    }

    /// Announces with `Connection: close` that the connection ends, and ends it.
    pub fn close(self) -> Self {
        self.keep_alive(0)
    }

    /// The connection serves `n` requests; the last reply announces the end.
    pub fn keep_alive(self, n: u64) -> Self {
        Self { keeping: Keeping::UpTo(n), ..self }
    }

    /// The connection serves `n` requests, waits for `idle` and closes without a word.
    ///
    /// A request that is sent in that time meets a closed connection: the race of every connection that is kept alive.
    pub fn keep_alive_race(self, n: u64, idle: Duration) -> Self {
        Self { keeping: Keeping::Silently(n, idle), ..self }
    }

    fn make_chunked(&mut self) {
        let whole = match &mut self.body {
            Body::Sized(bytes) | Body::UntilClose(bytes) => std::mem::take(bytes),
            Body::Chunked { .. } | Body::Endless | Body::Raw(_) => return,
        };
        let chunks = if whole.is_empty() { Vec::new() } else { vec![whole] };
        self.body = Body::Chunked { chunks, trailers: Vec::new(), is_broken: false };
    }
}
