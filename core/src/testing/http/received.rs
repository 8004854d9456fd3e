use std::time::Instant;

use bytes::Bytes;
use http::Version;

use crate::rt::Address;

/// A request, as it arrived.
///
/// Header names and values are as the client wrote them, in its order. A value that is not ASCII is read as ISO-8859-1
/// (RFC 9110, section 5.5): every byte is the character of the same number, so nothing is lost.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Received {
    /// `GET`, or whatever the client wrote.
    pub method: String,
    /// The target as it was written: `/path?query`, `http://host/path` to a proxy, `host:443` for `CONNECT`.
    pub target: String,
    /// HTTP/1.1 or HTTP/1.0.
    pub version: Version,
    /// Names and values, in order, repeated ones too.
    pub headers: Vec<(String, String)>,
    /// The body without its chunks, cut at [`Config::body_bytes_kept_max`](super::Config::body_bytes_kept_max).
    pub body: Bytes,
    /// How long the body was in all, kept or not.
    pub body_bytes: u64,
    /// The SHA-256 of the whole body, in hexadecimal, if it is complete and longer than what was kept.
    pub body_sha256: Option<String>,
    /// What followed a chunked body.
    pub trailers: Vec<(String, String)>,
    /// Whether the body arrived to its end. In the ledger it is `false` until then.
    pub complete: bool,
    /// The connection it came on: 1 is the first that was accepted.
    pub connection: u64,
    /// Which request on that connection it was: 1 is the first. More than 1 means that the connection was reused.
    pub nth: u64,
    /// Who sent it.
    pub peer: Address,
    /// When its head had arrived.
    pub at: Instant,
}

impl Received {
    /// The first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// All headers of this name, whatever its case, in order.
    pub fn header_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// The target up to its query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The target's query, without the question mark.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The kept body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether a header that is a list, such as `Connection`, has this token.
    pub(super) fn lists(&self, name: &str, token: &str) -> bool {
        let mut tokens = self.header_all(name).flat_map(|value| value.split(','));
        tokens.any(|listed| listed.trim().eq_ignore_ascii_case(token))
    }

    /// Whether its connection ends with its reply, as RFC 9112, section 9.3 has it.
    pub(super) fn is_last(&self) -> bool {
        if self.version == Version::HTTP_10 {
            !self.lists("connection", "keep-alive")
        } else {
            self.lists("connection", "close")
        }
    }
}
