//! HTTP/2: one connection, many requests at once.

mod driver;
mod line;
mod upload;

use std::{error::Error as StdError, sync::Arc};

use ::http::{
    HeaderValue, Request, Response, Uri,
    header::{CONNECTION, HOST, TE, TRANSFER_ENCODING, UPGRADE},
    uri::{Authority, PathAndQuery, Scheme},
};

use super::{NoReply, Outgoing};

pub(in crate::http) use driver::{Settings, start};
pub(in crate::http) use line::Line;
pub(in crate::http) use upload::{Ticket, Upload};

/// What requests are given to. The connection lives as long as there is one of these.
pub(in crate::http) type Sender = hyper::client::conn::http2::SendRequest<Upload>;

/// Sends a request and waits for the head of the reply.
///
/// # Cancel safety
///
/// If it is dropped, its stream is reset and the connection serves the others.
pub(in crate::http) async fn exchange(
    sender: &mut Sender,
    line: &Line,
    ticket: &Arc<Ticket>,
    request: Request<Outgoing>,
) -> Result<Response<hyper::body::Incoming>, NoReply> {
    let before = line.written();
    let request = request.map(|outgoing| Upload::new(outgoing, ticket));
    let stream = Stream { line, is_over: false };
    let replied = sender.try_send_request(request).await;
    stream.end();
    let mut error = match replied {
        Ok(reply) => return Ok(reply),
        Err(error) => error,
    };
    let request = error.take_message().map(|request| Box::new(request.map(Upload::into_outgoing)));
    let error = error.into_error();
    if request.is_some() {
        // It takes no more.
        line.retire();
    }
    let sent = request.is_none() && line.written() != before && !is_refused(&error);
    let own = ticket.take_failure().map(Into::into);
    Err(NoReply { sent, request, source: Some(own.unwrap_or_else(|| error.into())) })
}

/// Counts a stream that is given up before its reply.
struct Stream<'a> {
    line: &'a Line,
    is_over: bool,
}

impl Stream<'_> {
    fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.line.count_reset();
        }
    }
}

/// Whether the other side has said that it did not begin with the request: the stream was refused (RFC 9113, section 8.7),
/// or came after the last one it took before it went away (section 6.8).
fn is_refused(error: &hyper::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<h2::Error>() {
            let is_reset = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
            return error.is_remote() && (is_reset || error.is_go_away());
        }
        source = cause.source();
    }
    false
}

/// Makes of a request for HTTP/1.1 one for HTTP/2 (RFC 9113, sections 8.2.2 and 8.3.1): the host stands in the URI, and
/// what concerns the connection is left out.
///
/// # Errors
///
/// If the `Host` that was set is none.
pub(in crate::http) fn prepare(request: &mut Request<Outgoing>) -> Result<(), String> {
    let headers = request.headers_mut();
    let host = headers.remove(HOST).unwrap_or_else(|| HeaderValue::from_static(""));
    // What `Connection` names is meant for this connection only, too.
    let named: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_owned()))
        .collect();
    for name in named.iter().map(String::as_str).chain(["keep-alive", "proxy-connection"]) {
        headers.remove(name);
    }
    for name in [CONNECTION, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    if headers.get(TE).is_some_and(|te| te != "trailers") {
        headers.remove(TE);
    }
    let authority = Authority::try_from(host.as_bytes())
        .map_err(|error| format!("the `Host` header {host:?} names no host: {error}"))?;
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTPS);
    parts.authority = Some(authority);
    parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts).map_err(|error| format!("it cannot be sent: {error}"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_a_connection_is_left_out_and_the_host_goes_into_the_uri() {
        let mut request = Request::builder()
            .uri("/a?b=c")
            .header("host", "example.org:8443")
            .header("connection", "close, X-Hop")
            .header("x-hop", "1")
            .header("keep-alive", "timeout=5")
            .header("proxy-connection", "keep-alive")
            .header("transfer-encoding", "chunked")
            .header("te", "gzip")
            .header("upgrade", "websocket")
            .header("x-stays", "1")
            .body(Outgoing::Empty)
            .unwrap();
        prepare(&mut request).unwrap();
        assert_eq!(request.uri(), "https://example.org:8443/a?b=c");
        let names: Vec<_> = request.headers().keys().map(::http::HeaderName::as_str).collect();
        assert_eq!(names, ["x-stays"]);
    }

    #[test]
    fn trailers_may_be_asked_for_and_a_host_that_is_none_is_refused() {
        let made = |host: &'static str| {
            let request = Request::builder().uri("/").header("host", host).header("te", "trailers");
            let mut request = request.body(Outgoing::Empty).unwrap();
            prepare(&mut request).map(|()| request.headers().contains_key("te"))
        };
        assert_eq!(made("localhost"), Ok(true));
        assert!(made("a b").unwrap_err().contains("names no host"));
    }
}
