//! The tunnel through a proxy: RFC 9110, section 9.3.6.

use http::StatusCode;

use super::{ConnectError, Proxy};

/// The request that asks `proxy` for a tunnel to `host`, which may be an IPv6 address with or without brackets.
///
/// # Errors
///
/// [`ConnectError::Host`] if there is something in `host` that no host has, like a space or a line break.
pub fn connect_request(host: &str, port: u16, proxy: &Proxy) -> Result<Vec<u8>, ConnectError> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let foreign = |c: char| !c.is_ascii_graphic() || "/?#@\\[]<>\"".contains(c);
    if bare.is_empty() || bare.contains(foreign) {
        return Err(ConnectError::Host { host: host.escape_debug().to_string() });
    }
    let authority = authority(bare, port);
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    if let Some(authorization) = &proxy.authorization {
        request.extend(b"Proxy-Authorization: ");
        request.extend(authorization.as_bytes());
        request.extend(b"\r\n");
    }
    request.extend(b"\r\n");
    Ok(request)
}

/// Always with the port.
pub(super) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// What a proxy answers to [`connect_request`], read piece by piece.
///
/// Any 2xx opens the tunnel, and its `Content-Length` and `Transfer-Encoding` mean nothing (RFC 9110, section 9.3.6);
/// interim answers (1xx) are passed over. Whatever comes behind the head of a 2xx in the same read is an error: the next to
/// speak is the client, with its TLS hello, and bytes from whoever speaks before would end up inside the tunnel.
///
/// # Examples
///
/// ```
/// use seaworthy_core::http::proxy::ConnectReply;
///
/// let mut reply = ConnectReply::new(false);
/// assert!(!reply.feed(b"HTTP/1.1 200 Connection est")?, "there is more to come");
/// assert!(reply.feed(b"ablished\r\n\r\n")?, "the tunnel is open");
/// # Ok::<_, seaworthy_core::http::proxy::ConnectError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConnectReply {
    head: Vec<u8>,
    /// All bytes, those of interim answers included.
    bytes: usize,
    sent_authorization: bool,
}

/// As much as hyper reads for a response with few headers, and twice what proxies send.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 100;
const TEXT_CHARS_MAX: usize = 100;

enum Step {
    More,
    /// An interim answer, so long.
    Interim(usize),
    Open,
}

impl ConnectReply {
    /// Waits for the first byte. `sent_authorization` says whether the request had a `Proxy-Authorization`.
    pub fn new(sent_authorization: bool) -> Self {
        Self { head: Vec::new(), bytes: 0, sent_authorization }
    }

    /// Takes what was read; says whether the tunnel is open. If not, there is more to read.
    ///
    /// # Errors
    ///
    /// If there is no tunnel and will be none. The head is at most 16 KiB, with interim answers.
    pub fn feed(&mut self, read: &[u8]) -> Result<bool, ConnectError> {
        // An end of the head may have begun before.
        let mut searched = self.head.len().saturating_sub(2);
        let room = HEAD_BYTES_MAX - self.bytes;
        let taken = &read[..read.len().min(room)];
        self.head.extend_from_slice(taken);
        self.bytes += taken.len();
        let begins = b"HTTP/".starts_with(&self.head[..self.head.len().min(5)]);
        if !begins {
            return Err(ConnectError::NotHttp { reason: "it does not begin with `HTTP/`".to_owned() });
        }
        while let Some(end) = head_end(&self.head, searched) {
            match self.step()? {
                Step::More => searched = end,
                Step::Interim(length) => {
                    self.head.drain(..length);
                    searched = 0;
                }
                Step::Open => {
                    let bytes = self.head.len() - end + (read.len() - taken.len());
                    return if bytes == 0 { Ok(true) } else { Err(ConnectError::SpokeFirst { bytes }) };
                }
            }
        }
        if self.bytes == HEAD_BYTES_MAX {
            return Err(ConnectError::TooLong { head_bytes_max: HEAD_BYTES_MAX });
        }
        Ok(false)
    }

    /// The proxy closed the connection instead: what to make of it.
    pub fn ended(&self) -> ConnectError {
        ConnectError::Closed { bytes: self.bytes }
    }

    fn step(&self) -> Result<Step, ConnectError> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let not_http = |reason: String| ConnectError::NotHttp { reason };
        let parsed = response.parse(&self.head).map_err(|error| not_http(error.to_string()))?;
        let httparse::Status::Complete(length) = parsed else { return Ok(Step::More) };
        let code = response.code.unwrap_or_default();
        let status = StatusCode::from_u16(code).map_err(|_| not_http(format!("its status is {code}")))?;
        match code {
            // 101 would change the protocol, and nobody asked for that.
            100 | 102..=199 => Ok(Step::Interim(length)),
            200..=299 => Ok(Step::Open),
            407 => {
                let asks =
                    |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case("proxy-authenticate");
                let challenge = response.headers.iter().find(asks);
                let challenge = challenge.map(|header| String::from_utf8_lossy(header.value));
                let challenge = challenge.as_deref().map_or("it does not say how".to_owned(), short);
                Err(ConnectError::AuthenticationRequired { sent: self.sent_authorization, challenge })
            }
            _ => Err(ConnectError::Refused { status, reason: short(response.reason.unwrap_or_default()) }),
        }
    }
}

/// Where the first head ends: behind an empty line. Looks from `from` on.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let tail = bytes.get(from..)?;
    (0..tail.len()).find_map(|i| match &tail[i..] {
        [b'\n', b'\r', b'\n', ..] => Some(from + i + 3),
        [b'\n', b'\n', ..] => Some(from + i + 2),
        _ => None,
    })
}

/// The beginning of what a proxy said, fit to be shown.
fn short(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).map(|c| if c.is_control() { '?' } else { c }).collect()
}
