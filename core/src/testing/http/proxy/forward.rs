use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
};

use bytes::Bytes;
use futures::{
    AsyncReadExt, AsyncWriteExt,
    future::{Either, select},
};
use http::Version;
use url::Url;

use super::{
    super::{
        Received, Reply,
        connection::read_some,
        handler::failed,
        head::{self, Head, Malformed},
        perform::perform,
        script::{End, Facts, Script, Step, script},
    },
    Service, Via,
    pump::{Ended, pump},
};
use crate::rt::{Address, BoxConnection};

/// Headers between a client and its proxy (RFC 9110, section 7.6.1, and the ones of RFC 9110, section 11.7).
const HOP_BY_HOP: [&str; 7] =
    ["connection", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te", "upgrade"];

pub(super) async fn serve(service: Arc<Service>, mut client: BoxConnection, number: u64, peer: Address) {
    let mut buffer = Vec::new();
    let head = match read_head(&service, &mut client, &mut buffer).await {
        Ok(Some(head)) => head,
        Ok(None) => return,
        Err(malformed) => {
            service.ledger.note(|connections| connections.malformed += 1);
            return answer(&service, client, Reply::text(malformed.to_string()).status(malformed.status()))
                .await;
        }
    };
    let request = received(&service, head, number, peer);
    service.ledger.begin(request.clone());
    let rule = catch_unwind(AssertUnwindSafe(|| (service.rule)(&request)));
    let bytes_max = match rule {
        Ok(Via::Forward) => u64::MAX,
        Ok(Via::ResetAfter(bytes)) => bytes,
        Ok(Via::Answer(reply)) => return answer(&service, client, reply).await,
        Err(payload) => return answer(&service, client, failed(&service.rt, payload)).await,
    };
    let is_tunnel = request.method == "CONNECT";
    let onward =
        if is_tunnel { authority(&request.target).map(|to| (to, Vec::new())) } else { origin_form(&request) };
    let Some(((host, port), mut first)) = onward else {
        let text = "the proxy takes `CONNECT host:port` and targets like `http://host/path`\n";
        return answer(&service, client, Reply::text(text).status(400)).await;
    };
    let mut origin = match service.rt.connect((host.as_str(), port)).await {
        Ok(origin) => origin,
        Err(error) => {
            let text = format!("the proxy cannot reach {host}:{port}: {error}\n");
            return answer(&service, client, Reply::text(text).status(502)).await;
        }
    };
    let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
    if is_tunnel && (client.write_all(established).await.is_err() || client.flush().await.is_err()) {
        return;
    }
    first.extend_from_slice(&buffer);
    if origin.write_all(&first).await.is_err() || origin.flush().await.is_err() {
        return;
    }
    // A forwarded request is over with its reply; a tunnel when both sides are.
    if pump(&mut client, &mut origin, bytes_max, !is_tunnel).await == Ended::Limit {
        client.abort();
        origin.abort();
    }
}

async fn read_head(
    service: &Service,
    client: &mut BoxConnection,
    buffer: &mut Vec<u8>,
) -> Result<Option<Head>, Malformed> {
    loop {
        if let Some((bytes, head)) = head::parse(buffer)? {
            buffer.drain(..bytes);
            return Ok(Some(head));
        }
        if buffer.len() >= service.config.head_bytes_max {
            return Err(Malformed::HeadTooLong);
        }
        if !matches!(read_some(client, buffer).await, Ok(1..)) {
            return Ok(None);
        }
    }
}

fn received(service: &Service, head: Head, number: u64, peer: Address) -> Received {
    Received {
        method: head.method,
        target: head.target,
        version: head.version,
        headers: head.headers,
        body: Bytes::new(),
        body_bytes: 0,
        body_sha256: None,
        trailers: Vec::new(),
        complete: false,
        connection: number,
        nth: 1,
        peer,
        at: service.rt.now(),
    }
}

/// Sends the proxy's own reply, the last on its connection.
async fn answer(service: &Service, mut client: BoxConnection, reply: Reply) {
    let Script { steps, end } = script(reply, Facts { is_head: false, is_last: true, nth: 1 });
    if !send(service, &mut client, steps).await {
        return;
    }
    if end == End::Reset {
        client.abort();
    } else if client.close().await.is_ok() {
        let mut sink = futures::io::sink();
        let rest = futures::io::copy(&mut client, &mut sink);
        drop(service.rt.timeout(service.config.linger_max, rest).await);
    }
}

/// Whether it was sent before the client left. A body that nobody wants is read in the meantime.
async fn send(service: &Service, client: &mut BoxConnection, steps: Vec<Step>) -> bool {
    let (mut reader, mut writer) = client.split();
    let sent = pin!(perform(&service.rt, steps, service.config.endless_bytes_max, &mut writer));
    let gone = pin!(async { drop(futures::io::copy(&mut reader, &mut futures::io::sink()).await) });
    match select(sent, gone).await {
        Either::Left((sent, _)) => sent.is_ok(),
        Either::Right(_) => false,
    }
}

/// The head as the origin gets it (RFC 9112, section 3.2), and who that is.
fn origin_form(request: &Received) -> Option<((String, u16), Vec<u8>)> {
    let url = Url::parse(&request.target).ok().filter(|url| url.scheme() == "http")?;
    let (host, port) = (url.host_str()?, url.port_or_known_default()?);
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let version = if request.version == Version::HTTP_10 { "1.0" } else { "1.1" };
    let mut head = format!("{} {path} HTTP/{version}\r\nhost: {authority}\r\n", request.method).into_bytes();
    for (name, value) in &request.headers {
        let lower = name.to_ascii_lowercase();
        if HOP_BY_HOP.contains(&lower.as_str()) || request.lists("connection", name) {
            continue;
        }
        head.extend_from_slice(format!("{name}: ").as_bytes());
        // Back from ISO-8859-1.
        head.extend(value.chars().map(|char| u8::try_from(char).unwrap_or(b'?')));
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"via: 1.1 seaworthy-test\r\nconnection: close\r\n\r\n");
    Some(((unbracketed(host), port), head))
}

/// `host:port`, `[::1]:port`.
fn authority(target: &str) -> Option<(String, u16)> {
    let (host, port) = target.rsplit_once(':')?;
    Some((unbracketed(host), port.parse().ok()?)).filter(|(host, _)| !host.is_empty())
}

fn unbracketed(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}
