use std::{
    future::{Future, pending},
    io,
    pin::pin,
    sync::Arc,
};

use bytes::Bytes;
use futures::{
    AsyncReadExt, AsyncWriteExt,
    future::{Either, select},
    io::AsyncRead,
};
use futures_rustls::TlsAcceptor;
use http::Version;

use super::{
    Config, Handler, Received, Reply,
    body::{Decoder, Framing},
    handler,
    head::{self, Head, Malformed},
    ledger::Ledger,
    perform::perform,
    receiving::{Limits, Receiving},
    script::{End, Facts, Script, script},
    stream::Stream,
};
use crate::rt::{Address, BoxConnection, Rt};

/// How much is read at once.
const READ_BYTES: usize = 16 << 10;

/// What the connections of a server share.
pub(super) struct Service {
    pub(super) rt: Rt,
    pub(super) config: Config,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) handler: Box<dyn Handler>,
}

/// One connection and what was read of it but not used yet.
struct Session {
    service: Arc<Service>,
    stream: Stream,
    buffer: Vec<u8>,
    number: u64,
    peer: Address,
}

/// Why there is no further request.
enum NoHead {
    Gone,
    Malformed(Malformed),
}

pub(super) async fn serve(service: Arc<Service>, connection: BoxConnection, number: u64, peer: Address) {
    let stream = match &service.tls {
        None => Stream::Plain(connection),
        Some(acceptor) => match acceptor.accept(connection).await {
            Ok(stream) => Stream::Tls(Box::new(stream)),
            Err(_) => {
                service.ledger.note(|connections| connections.handshakes_failed += 1);
                return;
            }
        },
    };
    let mut session = Session { service, stream, buffer: Vec::new(), number, peer };
    for nth in 1.. {
        match session.exchange(nth).await {
            End::KeepAlive => {}
            End::Close => {
                // A peer that has gone before us is none of our business.
                drop(session.stream.close().await);
                return;
            }
            End::Reset => {
                session.stream.abort();
                return;
            }
        }
    }
}

impl Session {
    /// One request and its reply.
    async fn exchange(&mut self, nth: u64) -> End {
        let (head, at) = match self.read_head().await {
            Ok(head) => (head, self.service.rt.now()),
            Err(NoHead::Gone) => return End::Close,
            Err(NoHead::Malformed(malformed)) => return self.refuse(malformed).await,
        };
        let framing = head.framing;
        let request = self.received(head, nth, at);
        let facts = Facts { is_head: request.method == "HEAD", is_last: request.is_last(), nth };
        let expects = self.expects_continue(&request, framing);
        let early = handler::ask_early(&self.service.rt, &*self.service.handler, &request);
        let Config { body_bytes_max: bytes_max, body_bytes_kept_max: kept_max, .. } = self.service.config;
        let limits = Limits { bytes_max, kept_max };
        let mut receiving = Receiving::new(&self.service.ledger, request, Decoder::new(framing), limits);
        if let Some(reply) = early {
            // Nobody knows whether a client that was not told to continue sends its body now (RFC 9110, section 10.1.1).
            let facts = Facts { is_last: facts.is_last || expects, ..facts };
            let script = std::future::ready(script(reply, facts));
            return self.reply_early(script, &mut receiving, expects).await;
        }
        if expects && self.service.config.continues {
            let sent = self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
            if sent.is_err() || self.stream.flush().await.is_err() {
                return End::Close;
            }
        }
        match self.read_body(&mut receiving).await {
            Ok(true) => {}
            Ok(false) => return End::Close,
            Err(malformed) => return self.refuse(malformed).await,
        }
        let service = Arc::clone(&self.service);
        let request = receiving.request.clone();
        let script = async { script(handler::ask(&service.rt, &*service.handler, request).await, facts) };
        self.reply(script, &mut receiving).await
    }

    async fn read_head(&mut self) -> Result<Head, NoHead> {
        loop {
            match head::parse(&self.buffer) {
                Ok(Some((bytes, head))) => {
                    self.buffer.drain(..bytes);
                    return Ok(head);
                }
                Ok(None) if self.buffer.len() >= self.service.config.head_bytes_max => {
                    return Err(NoHead::Malformed(Malformed::HeadTooLong));
                }
                Ok(None) => {}
                Err(malformed) => return Err(NoHead::Malformed(malformed)),
            }
            let idle_max = self.service.config.idle_max.filter(|_| self.buffer.is_empty());
            let service = Arc::clone(&self.service);
            let read = read_some(&mut self.stream, &mut self.buffer);
            let read = match idle_max {
                Some(idle_max) => service.rt.timeout(idle_max, read).await.unwrap_or(Ok(0)),
                None => read.await,
            };
            if !matches!(read, Ok(1..)) {
                return Err(NoHead::Gone);
            }
        }
    }

    /// To its end, or `false` if the client is gone before.
    async fn read_body(&mut self, receiving: &mut Receiving) -> Result<bool, Malformed> {
        loop {
            receiving.take(&mut self.buffer)?;
            if receiving.is_complete() {
                return Ok(true);
            }
            if !matches!(read_some(&mut self.stream, &mut self.buffer).await, Ok(1..)) {
                return Ok(false);
            }
        }
    }

    /// Sends the reply while the body still comes in.
    async fn reply_early(
        &mut self,
        script: impl Future<Output = Script>,
        receiving: &mut Receiving,
        unsure: bool,
    ) -> End {
        match self.reply(script, receiving).await {
            End::KeepAlive => match self.read_body(receiving).await {
                Ok(true) => End::KeepAlive,
                Ok(false) | Err(_) => End::Close,
            },
            End::Close if !receiving.is_complete() && !unsure => {
                self.linger(receiving).await;
                End::Close
            }
            end => end,
        }
    }

    /// Sends the reply that is to come; meanwhile what the client sends is read, and so it is known when it leaves.
    async fn reply(&mut self, script: impl Future<Output = Script>, receiving: &mut Receiving) -> End {
        let Self { service, stream, buffer, .. } = self;
        let (mut reader, mut writer) = stream.split();
        let sent = pin!(async {
            let Script { steps, end } = script.await;
            let sent = perform(&service.rt, steps, service.config.endless_bytes_max, &mut writer).await;
            sent.map_or(End::Close, |()| end)
        });
        let gone = pin!(until_gone(&mut reader, buffer, receiving, service.config.head_bytes_max));
        // Sent first: a client that leaves with its reply is no trouble.
        match select(sent, gone).await {
            Either::Left((end, _)) => end,
            Either::Right(((), _)) => End::Close,
        }
    }

    /// Says that nothing more comes, and reads for a while what is still sent, so that the reply is not lost.
    async fn linger(&mut self, receiving: &mut Receiving) {
        let service = Arc::clone(&self.service);
        let reading = async {
            if self.stream.close().await.is_ok() {
                _ = self.read_body(receiving).await;
            }
        };
        _ = service.rt.timeout(service.config.linger_max, reading).await;
    }

    async fn refuse(&mut self, malformed: Malformed) -> End {
        self.service.ledger.note(|connections| connections.malformed += 1);
        let reply = Reply::text(malformed.to_string()).status(malformed.status());
        let Script { steps, end } = script(reply, Facts { is_head: false, is_last: true, nth: 1 });
        let service = Arc::clone(&self.service);
        let sent = perform(&service.rt, steps, service.config.endless_bytes_max, &mut self.stream).await;
        if sent.is_ok() && self.stream.close().await.is_ok() {
            let mut sink = futures::io::sink();
            let rest = futures::io::copy(&mut self.stream, &mut sink);
            drop(service.rt.timeout(service.config.linger_max, rest).await);
        }
        end
    }

    fn received(&self, head: Head, nth: u64, at: std::time::Instant) -> Received {
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
            connection: self.number,
            nth,
            peer: self.peer.clone(),
            at,
        }
    }

    fn expects_continue(&self, request: &Received, framing: Framing) -> bool {
        let has_body = framing != Framing::Length(0) && self.buffer.is_empty();
        has_body && request.version == Version::HTTP_11 && request.lists("expect", "100-continue")
    }
}

/// Reads until the client has gone, and takes what belongs to the body; the rest waits, so much and not more.
async fn until_gone<R>(reader: &mut R, buffer: &mut Vec<u8>, receiving: &mut Receiving, bytes_max: usize)
where
    R: AsyncRead + Unpin,
{
    loop {
        if !receiving.is_complete() && receiving.take(buffer).is_err() {
            return;
        }
        if buffer.len() >= bytes_max {
            pending::<()>().await;
        }
        if !matches!(read_some(reader, buffer).await, Ok(1..)) {
            return;
        }
    }
}

/// Whatever is there; 0 at the end.
pub(super) async fn read_some<R: AsyncRead + Unpin>(
    reader: &mut R,
    buffer: &mut Vec<u8>,
) -> io::Result<usize> {
    let mut piece = [0; READ_BYTES];
    let n = reader.read(&mut piece).await?;
    buffer.extend_from_slice(&piece[..n]);
    Ok(n)
}
