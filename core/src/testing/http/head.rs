use http::Version;

use super::body::Framing;

/// How many headers a request may have.
const HEADERS_MAX: usize = 256;

/// Why a request could not be read. Its text goes into the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("the request is not HTTP/1: {0}")]
    Syntax(#[from] httparse::Error),
    #[error("the body is not in chunks as it says")]
    Chunks,
    #[error("the length of the body is not clear: {0}")]
    Framing(&'static str),
    #[error("the head is longer than the server reads")]
    HeadTooLong,
    #[error("the body is longer than the server reads")]
    BodyTooLong,
}

impl Malformed {
    /// The status that says so.
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Syntax(httparse::Error::TooManyHeaders) | Self::HeadTooLong => 431,
            Self::BodyTooLong => 413,
            Self::Syntax(_) | Self::Chunks | Self::Framing(_) => 400,
        }
    }
}

/// What stands before the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) version: Version,
    pub(super) headers: Vec<(String, String)>,
    pub(super) framing: Framing,
}

/// Reads a head from the start of `bytes`: with its length, or `None` if it goes on.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(usize, Head)>, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = request.parse(bytes)? else { return Ok(None) };
    let headers = owned(request.headers);
    let head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        version: if request.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 },
        framing: framing(&headers)?,
        headers,
    };
    Ok(Some((length, head)))
}

pub(super) fn owned(headers: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let latin1 = |value: &[u8]| value.iter().copied().map(char::from).collect();
    headers.iter().map(|header| (header.name.to_owned(), latin1(header.value))).collect()
}

/// How long the body is (RFC 9112, section 6.3). What proxies and servers might read in two ways is refused.
fn framing(headers: &[(String, String)]) -> Result<Framing, Malformed> {
    let named = |name: &'static str| {
        headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    let mut lengths = named("content-length");
    let mut codings = named("transfer-encoding");
    match (lengths.next(), codings.next()) {
        (None, None) => Ok(Framing::Length(0)),
        (Some(_), Some(_)) => Err(Malformed::Framing("both Content-Length and Transfer-Encoding")),
        (None, Some(coding)) if coding.eq_ignore_ascii_case("chunked") && codings.next().is_none() => {
            Ok(Framing::Chunked)
        }
        (None, Some(_)) => Err(Malformed::Framing("a Transfer-Encoding other than chunked")),
        (Some(length), None) => {
            if lengths.any(|other| other != length) {
                return Err(Malformed::Framing("two values of Content-Length"));
            }
            let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
            let length = if digits { length.parse().ok() } else { None };
            length.map(Framing::Length).ok_or(Malformed::Framing("a Content-Length that is not a number"))
        }
    }
}
