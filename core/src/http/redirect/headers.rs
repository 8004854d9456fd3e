//! Which headers stay behind.

use http::{
    HeaderMap, HeaderName,
    header::{
        AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE,
        CONTENT_TYPE, COOKIE, EXPECT, HOST, LAST_MODIFIED, PROXY_AUTHORIZATION, TRAILER, TRANSFER_ENCODING,
        WWW_AUTHENTICATE,
    },
};

const SECRETS: [HeaderName; 6] = [
    AUTHORIZATION,
    COOKIE,
    HeaderName::from_static("cookie2"),
    PROXY_AUTHORIZATION,
    WWW_AUTHENTICATE,
    // No secret, but it names the host that was left.
    HOST,
];

/// RFC 9110, section 15.4, and what frames or hashes a body.
const OF_THE_BODY: [HeaderName; 14] = [
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LENGTH,
    CONTENT_LOCATION,
    CONTENT_RANGE,
    CONTENT_TYPE,
    EXPECT,
    LAST_MODIFIED,
    TRAILER,
    TRANSFER_ENCODING,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
];

/// Removes what only the origin that was left may see.
pub(super) fn strip_secrets(headers: &mut HeaderMap, secret: &[HeaderName]) {
    for name in SECRETS.iter().chain(secret) {
        headers.remove(name);
    }
    let marked = headers.iter().filter(|(_, value)| value.is_sensitive());
    let marked: Vec<_> = marked.map(|(name, _)| name.clone()).collect();
    for name in marked {
        headers.remove(name);
    }
}

/// Removes what describes a body.
pub(super) fn strip_body(headers: &mut HeaderMap) {
    for name in &OF_THE_BODY {
        headers.remove(name);
    }
}
