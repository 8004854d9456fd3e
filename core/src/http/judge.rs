//! What is worth another attempt, and may have one.

use std::{error::Error, io};

use ::http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

use super::{Body, ErrorKind, Phase, connect::Repeated, proxy::ConnectError};
use crate::canary;

/// What of a request says whether it may be sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repeatable {
    /// To carry it out twice is to carry it out once.
    pub(super) is_idempotent: bool,
    /// Its body is still there.
    pub(super) has_body: bool,
}

impl Repeatable {
    pub(super) fn of(method: &Method, headers: &HeaderMap, has_body: bool) -> Self {
        let is_idempotent = method.is_idempotent() || headers.contains_key("idempotency-key");
        Self { is_idempotent, has_body }
    }

    /// Whether a request that was answered so may be sent again.
    pub(super) fn after_status(self, status: StatusCode, statuses: &[u16]) -> bool {
        self.has_body && self.is_idempotent && statuses.contains(&status.as_u16())
    }

    /// Whether a request that failed so may be sent again, if it makes sense at all.
    pub(super) fn after_error(self, kind: &ErrorKind) -> bool {
        if !self.has_body {
            return false;
        }
        match kind {
            ErrorKind::Unreachable { source, .. } => !is_for_good(&**source),
            ErrorKind::NoReply { is_sent, .. } => {
                !is_sent || self.is_idempotent || canary::is_on("http.repeats-a-post-that-was-sent")
            }
            ErrorKind::TimedOut { phase, .. } => match phase {
                Phase::Dns | Phase::Connect | Phase::Proxy | Phase::Tls => true,
                Phase::FirstByte => self.is_idempotent,
                // Whoever waited in vain for a connection or a quota would only wait again.
                _ => false,
            },
            _ => false,
        }
    }
}

/// Whether what is said about a body is what will be sent. A header that says otherwise would make the other side take the
/// next request for a part of this one.
pub(super) fn framing(method: &Method, headers: &HeaderMap, body: &Body) -> Result<(), String> {
    if *method == Method::CONNECT {
        return Err("CONNECT is for proxies; set one in `Config::proxy`".to_owned());
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        return Err("`Transfer-Encoding` is set by the client; give it a body, and no such header".to_owned());
    }
    let len = body.len();
    if headers.contains_key(CONTENT_LENGTH) {
        let number = |said: &HeaderValue| {
            let said = said.to_str().ok().filter(|said| said.bytes().all(|byte| byte.is_ascii_digit()))?;
            said.parse().ok()
        };
        let mut said = headers.get_all(CONTENT_LENGTH).iter().map(number);
        let (first, more) = (said.next().flatten(), said.next());
        if more.is_some() || first != len || len.is_none() {
            return Err(match len {
                Some(len) => format!("`Content-Length` is not {len}, as long as the body is; leave it out"),
                None => "a `Content-Length` beside a stream of unknown length: use `Body::sized`".to_owned(),
            });
        }
    }
    if len.is_none() && matches!(*method, Method::GET | Method::HEAD) {
        return Err(format!(
            "{method} with a stream of unknown length: use `Body::sized`, or another method"
        ));
    }
    Ok(())
}

/// Whether it will be no better the next time: a certificate that is not trusted, a proxy that says no.
fn is_for_good(error: &(dyn Error + 'static)) -> bool {
    // What an error of I/O stands for is its inner one, and not its source, which is that one's.
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return error.get_ref().is_some_and(|inner| is_for_good(inner));
    }
    if let Some(error) = error.downcast_ref::<Repeated>() {
        return is_for_good(error.inner());
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return matches!(error, rustls::Error::InvalidCertificate(_));
    }
    match error.downcast_ref::<ConnectError>() {
        Some(ConnectError::AuthenticationRequired { .. }) => true,
        Some(ConnectError::Refused { status, .. }) => {
            status.is_client_error()
                && !matches!(*status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
        }
        _ => error.source().is_some_and(is_for_good),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn no_reply(is_sent: bool) -> ErrorKind {
        ErrorKind::NoReply { is_sent, source: None }
    }

    #[test]
    fn what_may_have_been_carried_out_is_sent_again_only_if_it_is_idempotent() {
        let mut keyed = HeaderMap::new();
        keyed.insert("idempotency-key", "a".parse().unwrap());
        let none = HeaderMap::new();
        for (method, headers, is_idempotent) in [
            (Method::GET, &none, true),
            (Method::HEAD, &none, true),
            (Method::PUT, &none, true),
            (Method::DELETE, &none, true),
            (Method::OPTIONS, &none, true),
            (Method::POST, &none, false),
            (Method::PATCH, &none, false),
            (Method::CONNECT, &none, false),
            (Method::from_bytes(b"LOCK").unwrap(), &none, false),
            (Method::POST, &keyed, true),
        ] {
            let repeatable = Repeatable::of(&method, headers, true);
            assert_eq!(repeatable.after_error(&no_reply(true)), is_idempotent, "{method}");
            assert!(repeatable.after_error(&no_reply(false)), "{method}");
            assert_eq!(
                repeatable.after_status(StatusCode::SERVICE_UNAVAILABLE, &[503]),
                is_idempotent,
                "{method}"
            );
            assert!(!repeatable.after_status(StatusCode::INTERNAL_SERVER_ERROR, &[503]), "{method}");
            let timeout = |phase| ErrorKind::TimedOut { phase, limit: Duration::ZERO };
            assert_eq!(repeatable.after_error(&timeout(Phase::FirstByte)), is_idempotent, "{method}");
            assert!(repeatable.after_error(&timeout(Phase::Connect)), "{method}");
            assert!(!repeatable.after_error(&timeout(Phase::Queue)), "{method}");
        }
    }

    #[test]
    fn a_body_that_is_gone_is_not_sent_again() {
        let gone = Repeatable::of(&Method::PUT, &HeaderMap::new(), false);
        assert!(!gone.after_error(&no_reply(true)) && !gone.after_error(&no_reply(false)));
        assert!(!gone.after_status(StatusCode::SERVICE_UNAVAILABLE, &[503]));
    }
}
