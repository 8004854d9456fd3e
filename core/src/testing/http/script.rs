use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::reply::{Body, Cut, Headers, Instead, Keeping, Pace, Reply};

/// A reply as steps to carry out. Pure: of a reply and a few facts about its request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) steps: Vec<Step>,
    pub(super) end: End,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Pause(Duration),
    Write(Bytes),
    Trickle(Bytes, Pace),
    /// The same again and again, so many bytes in all if that is said.
    Endless {
        piece: Bytes,
        pace: Option<Pace>,
        bytes: Option<u64>,
    },
    Hang,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    KeepAlive,
    Close,
    Reset,
}

/// What a reply depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// It was a `HEAD`: no body follows.
    pub(super) is_head: bool,
    /// The client asked for the end of the connection, or it cannot be used again.
    pub(super) is_last: bool,
    pub(super) nth: u64,
}

pub(super) fn script(reply: Reply, facts: Facts) -> Script {
    let mut steps = Vec::new();
    for (status, headers) in &reply.informational {
        let mut head = status_line(false, *status);
        push_headers(&mut head, headers);
        head.extend_from_slice(b"\r\n");
        steps.push(Step::Write(head.freeze()));
    }
    if !reply.after.is_zero() {
        steps.push(Step::Pause(reply.after));
    }
    if let Some(instead) = reply.instead {
        let end = if instead == Instead::Reset { End::Reset } else { End::Close };
        if instead == Instead::Nothing {
            steps.push(Step::Hang);
        }
        return Script { steps, end };
    }
    let is_raw = matches!(reply.body, Body::Raw(_));
    let must_close = !is_raw && (facts.is_last || reply.is_http_10 || is_until_close(&reply, facts));
    let (mut end, idle) = match reply.keeping {
        Keeping::UpTo(n) if facts.nth >= n => (End::Close, None),
        Keeping::Silently(n, idle) if facts.nth >= n => (End::Close, Some(idle)),
        _ if must_close => (End::Close, None),
        _ => (End::KeepAlive, None),
    };
    if !is_raw {
        let mut head = head(&reply, end == End::Close && idle.is_none());
        if reply.has_endless_headers {
            write(&mut steps, head.freeze(), reply.head_pace);
            let piece = endless_header();
            steps.push(Step::Endless { piece, pace: reply.head_pace, bytes: None });
            return Script { steps, end: End::Reset };
        }
        head.extend_from_slice(b"\r\n");
        write(&mut steps, head.freeze(), reply.head_pace);
    }
    if is_raw || has_body(reply.status, facts) {
        push_body(&mut steps, &reply);
    }
    let is_endless = matches!(steps.last(), Some(Step::Endless { bytes: None, .. }));
    if is_endless {
        end = End::Reset;
    } else if let Some((_, cut)) = reply.cut {
        if !reply.pause_before_cut.is_zero() {
            steps.push(Step::Pause(reply.pause_before_cut));
        }
        end = if cut == Cut::Reset { End::Reset } else { End::Close };
    } else {
        write(&mut steps, reply.garbage, None);
        steps.extend(idle.filter(|idle| !idle.is_zero()).map(Step::Pause));
    }
    Script { steps, end }
}

/// Without the empty line at its end.
fn head(reply: &Reply, announces_close: bool) -> BytesMut {
    let mut head = status_line(reply.is_http_10, reply.status);
    push_headers(&mut head, &reply.headers);
    let mut add = |name: &str, value: &str| {
        let is_given = reply.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if !is_given {
            push_header(&mut head, name, value.as_bytes());
        }
    };
    match (&reply.body, reply.content_length) {
        (_, Some(lie)) => add("content-length", &lie.to_string()),
        (Body::Sized(bytes), None) if !is_bodiless(reply.status) && !reply.has_endless_headers => {
            add("content-length", &bytes.len().to_string());
        }
        _ => {}
    }
    if matches!(reply.body, Body::Chunked { .. } | Body::Endless) && !is_bodiless(reply.status) {
        add("transfer-encoding", "chunked");
    }
    if announces_close {
        add("connection", "close");
    }
    head
}

fn push_body(steps: &mut Vec<Step>, reply: &Reply) {
    let cut = reply.cut.map(|(at, _)| at);
    let mut wire = match &reply.body {
        Body::Sized(bytes) | Body::UntilClose(bytes) | Body::Raw(bytes) => bytes.clone(),
        Body::Chunked { chunks, trailers, is_broken } => chunked(chunks, trailers, *is_broken),
        Body::Endless => {
            steps.push(Step::Endless { piece: endless_chunk(), pace: reply.body_pace, bytes: cut });
            return;
        }
    };
    if let Some(at) = cut.and_then(|at| usize::try_from(at).ok()) {
        wire.truncate(at);
    }
    write(steps, wire, reply.body_pace);
}

/// Adds to the last step where nothing comes between: what is sent at once arrives at once.
fn write(steps: &mut Vec<Step>, bytes: Bytes, pace: Option<Pace>) {
    if bytes.is_empty() {
        return;
    }
    match (steps.last_mut(), pace) {
        (_, Some(pace)) => steps.push(Step::Trickle(bytes, pace)),
        (Some(Step::Write(last)), None) => {
            let mut both = BytesMut::with_capacity(last.len() + bytes.len());
            both.extend_from_slice(last);
            both.extend_from_slice(&bytes);
            *last = both.freeze();
        }
        (_, None) => steps.push(Step::Write(bytes)),
    }
}

fn status_line(is_http_10: bool, status: u16) -> BytesMut {
    let known = http::StatusCode::from_u16(status).ok();
    let reason = known.and_then(|status| status.canonical_reason()).unwrap_or_default();
    let version = if is_http_10 { "1.0" } else { "1.1" };
    BytesMut::from(format!("HTTP/{version} {status} {reason}\r\n").as_bytes())
}

fn push_headers(head: &mut BytesMut, headers: &Headers) {
    for (name, value) in headers {
        push_header(head, name, value);
    }
}

fn push_header(head: &mut BytesMut, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        head.extend_from_slice(part);
    }
}

/// RFC 9112, section 7.1.
fn chunked(chunks: &[Bytes], trailers: &Headers, is_broken: bool) -> Bytes {
    let mut wire = BytesMut::new();
    for chunk in chunks {
        push_chunk(&mut wire, chunk);
    }
    if is_broken {
        wire.extend_from_slice(b"no size\r\n");
        return wire.freeze();
    }
    wire.extend_from_slice(b"0\r\n");
    push_headers(&mut wire, trailers);
    wire.extend_from_slice(b"\r\n");
    wire.freeze()
}

fn endless_header() -> Bytes {
    Bytes::from(format!("x-endless: {}\r\n", "a".repeat(1000)))
}

fn endless_chunk() -> Bytes {
    let mut piece = BytesMut::new();
    push_chunk(&mut piece, &[b'e'; 4096]);
    piece.freeze()
}

fn push_chunk(wire: &mut BytesMut, data: &[u8]) {
    wire.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    wire.extend_from_slice(data);
    wire.extend_from_slice(b"\r\n");
}

/// A status whose replies have no body and say nothing of its length (RFC 9112, section 6.3).
fn is_bodiless(status: u16) -> bool {
    matches!(status, 100..=199 | 204 | 304)
}

fn has_body(status: u16, facts: Facts) -> bool {
    !facts.is_head && !is_bodiless(status)
}

/// Whether the end of the body is the end of the connection.
fn is_until_close(reply: &Reply, facts: Facts) -> bool {
    matches!(reply.body, Body::UntilClose(_)) && has_body(reply.status, facts)
}
