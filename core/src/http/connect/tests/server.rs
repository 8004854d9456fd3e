//! A server of HTTP/2 that does as it is told, also what it should not.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{
    AsyncReadExt, AsyncWriteExt, StreamExt,
    channel::mpsc,
    future::BoxFuture,
    io::{AsyncRead, AsyncWrite},
};
use futures_rustls::{TlsAcceptor, server::TlsStream};
use h2::{Reason, RecvStream, SendStream, server::SendResponse};

use crate::{
    rt::{Address, BoxConnection, Connection, Rt, Task, tokio_io::IntoTokio},
    testing::http::{TestCa, Validity},
};

pub(super) struct Server {
    pub(super) rt: Rt,
    pub(super) ca: TestCa,
    pub(super) log: Arc<Log>,
    port: u16,
    _task: Task<()>,
}

/// What a server has seen.
#[derive(Default)]
pub(super) struct Log {
    /// How many connections there were, and how many there are.
    pub(super) connections: AtomicUsize,
    pub(super) open: AtomicUsize,
    pub(super) requests: AtomicUsize,
    /// The most requests that were under way at once, and those that are.
    pub(super) most: AtomicUsize,
    pub(super) active: AtomicUsize,
}

impl Log {
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }
}

/// A request, and what it can be answered with.
pub(super) struct Call {
    pub(super) rt: Rt,
    /// Its number among all, from 0.
    pub(super) number: usize,
    /// The number of its connection, from 0.
    pub(super) connection: usize,
    pub(super) request: ::http::Request<RecvStream>,
    pub(super) respond: SendResponse<Bytes>,
    pub(super) end: mpsc::UnboundedSender<End>,
}

/// How a connection is to end.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Graceful,
    Abrupt(Reason),
}

impl Call {
    pub(super) fn reply(mut self, text: &'static str) {
        if let Ok(mut body) = self.respond.send_response(::http::Response::new(()), text.is_empty()) {
            let _ = body.send_data(Bytes::from_static(text.as_bytes()), true);
        }
    }

    pub(super) fn begin(&mut self) -> SendStream<Bytes> {
        self.respond.send_response(::http::Response::new(()), false).unwrap()
    }

    /// Reads the request's body to its end, and says how long it was.
    pub(super) async fn drain(&mut self) -> usize {
        let mut sum = 0;
        while let Some(Ok(data)) = self.request.body_mut().data().await {
            sum += data.len();
            self.request.body_mut().flow_control().release_capacity(data.len()).unwrap();
        }
        sum
    }
}

/// What the server does, and on which terms.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub(super) http2: bool,
    pub(super) streams_max: u32,
    pub(super) port: u16,
}

impl Default for Terms {
    fn default() -> Self {
        Self { http2: true, streams_max: 1000, port: 443 }
    }
}

type Handler = Arc<dyn Fn(Call) -> BoxFuture<'static, ()> + Send + Sync>;

impl Server {
    pub(super) async fn start<F>(
        rt: &Rt,
        terms: Terms,
        handler: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let ca = TestCa::new().unwrap();
        let mut config = ca.server_config(&["localhost"], Validity::Good).unwrap();
        config.alpn_protocols = vec![if terms.http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut listener = rt.listen(([127, 0, 0, 1], terms.port)).await.unwrap();
        let handler: Handler = Arc::new(move |call| Box::pin(handler(call)));
        let log = Arc::new(Log::default());
        let (server_rt, server_log) = (rt.clone(), Arc::clone(&log));
        let task = rt.spawn("server", async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                let number = server_log.connections.fetch_add(1, Ordering::Relaxed);
                server_log.open.fetch_add(1, Ordering::Relaxed);
                let (rt, log, handler) = (server_rt.clone(), Arc::clone(&server_log), Arc::clone(&handler));
                let acceptor = acceptor.clone();
                let serving = async move {
                    if let Ok(stream) = acceptor.accept(connection).await {
                        if terms.http2 {
                            serve(&rt, &log, number, stream, terms.streams_max, handler).await;
                        } else {
                            serve_http1(&rt, &log, stream).await;
                        }
                    }
                    log.open.fetch_sub(1, Ordering::Relaxed);
                };
                server_rt.spawn("connection", serving).detach();
            }
        });
        Self { rt: rt.clone(), ca, log, port: terms.port, _task: task }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }
}

async fn serve(
    rt: &Rt,
    log: &Arc<Log>,
    connection: usize,
    stream: TlsStream<BoxConnection>,
    streams_max: u32,
    handler: Handler,
) {
    let io = IntoTokio::new(Box::new(Plain(stream)));
    let shaken = h2::server::Builder::new().max_concurrent_streams(streams_max).handshake(io).await;
    let Ok(mut h2) = shaken else { return };
    let (end, mut ends) = mpsc::unbounded();
    loop {
        let accepted = poll_fn(|cx| {
            while let Poll::Ready(Some(end)) = ends.poll_next_unpin(cx) {
                match end {
                    End::Graceful => h2.graceful_shutdown(),
                    End::Abrupt(reason) => h2.abrupt_shutdown(reason),
                }
            }
            h2.poll_accept(cx)
        });
        let Some(Ok((request, respond))) = accepted.await else { return };
        let number = log.requests.fetch_add(1, Ordering::Relaxed);
        let active = log.active.fetch_add(1, Ordering::Relaxed) + 1;
        log.most.fetch_max(active, Ordering::Relaxed);
        let call = Call { rt: rt.clone(), number, connection, request, respond, end: end.clone() };
        let (log, handling) = (Arc::clone(log), handler(call));
        rt.spawn("handler", async move {
            handling.await;
            log.active.fetch_sub(1, Ordering::Relaxed);
        })
        .detach();
    }
}

/// One request after the other, each answered after a second.
async fn serve_http1(rt: &Rt, log: &Log, mut stream: TlsStream<BoxConnection>) {
    let mut seen = Vec::new();
    let mut buf = [0; 1024];
    loop {
        let n = stream.read(&mut buf).await.unwrap_or(0);
        if n == 0 {
            return;
        }
        seen.extend_from_slice(&buf[..n]);
        if seen.ends_with(b"\r\n\r\n") {
            log.requests.fetch_add(1, Ordering::Relaxed);
            let is_last = seen.starts_with(b"GET /last");
            seen.clear();
            rt.sleep(std::time::Duration::from_secs(1)).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nahoy").await.unwrap();
            stream.flush().await.unwrap();
            if is_last {
                return;
            }
        }
    }
}

/// The server's side as a connection of the seam.
struct Plain(TlsStream<BoxConnection>);

impl AsyncRead for Plain {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Plain {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

impl Connection for Plain {
    fn peer_addr(&self) -> io::Result<Address> {
        self.0.get_ref().0.peer_addr()
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.0.get_ref().0.local_addr()
    }

    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.0.get_ref().0.set_nodelay(on)
    }

    fn is_write_vectored(&self) -> bool {
        false
    }

    fn abort(self: Box<Self>) {
        self.0.into_inner().0.abort();
    }
}
