use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_ENCODING, HeaderName},
};

use super::{Coding, DecodeError};

/// The longest chain that is undone. More than one coding is rare, more than two is an attack.
pub(super) const CODINGS_MAX: usize = 4;

const NAME: HeaderName = CONTENT_ENCODING;

/// What `Accept-Encoding` says: all that can be undone, in the order that browsers have.
pub(in crate::http) fn accept_encoding() -> HeaderValue {
    HeaderValue::from_static("gzip, deflate, br, zstd")
}

/// The codings of a body, in the order in which they were applied; none if there are none.
///
/// `None` if one of them is unknown: then the body stays as it is. `identity` does not count. Names are compared
/// without case, `x-gzip` is `gzip`, and several header lines are one list (RFC 9110, sections 5.3, 8.4, 8.4.1).
///
/// # Errors
///
/// [`DecodeError::TooManyCodings`] if there are more than 4.
pub(in crate::http) fn codings(headers: &HeaderMap) -> Result<Option<Vec<Coding>>, DecodeError> {
    let mut codings = Vec::new();
    for name in headers.get_all(NAME).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b',')) {
        let name = name.trim_ascii();
        if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
            continue;
        }
        let Some(coding) = named(name) else { return Ok(None) };
        codings.push(coding);
    }
    if codings.len() > CODINGS_MAX {
        return Err(DecodeError::TooManyCodings { codings: codings.len() });
    }
    Ok(Some(codings))
}

fn named(name: &[u8]) -> Option<Coding> {
    const NAMES: [(&[u8], Coding); 5] = [
        (b"gzip", Coding::Gzip),
        (b"x-gzip", Coding::Gzip),
        (b"br", Coding::Brotli),
        (b"zstd", Coding::Zstd),
        (b"deflate", Coding::Deflate),
    ];
    NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, coding)| *coding)
}
