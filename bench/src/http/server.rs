//! Servers that do as little as they can: the same reply to every request.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use seaworthy_core::testing::http::{TestCa, Validity};
use tokio_rustls::TlsAcceptor;

const ASKED: &str = "SEAWORTHY_BENCH_SERVER";
const LAST_LINE: &str = "-----END CERTIFICATE-----";

/// What a server speaks.
#[derive(Clone, Copy, Debug)]
enum Speaks {
    Http1,
    Http2,
}

/// Serves for ever if this process was started to; to be asked before anything else.
pub(crate) fn serve_if_asked() {
    let Some(asked) = std::env::var(ASKED).ok() else { return };
    let (speaks, body_bytes) = asked.split_once(' ').expect("what it speaks, and a number of bytes");
    let speaks = if speaks == "Http2" { Speaks::Http2 } else { Speaks::Http1 };
    let (addr, ca) = serve(speaks, body_bytes.parse().expect("a number of bytes"));
    println!("{addr}\n{}\n{LAST_LINE}", ca.trim().trim_end_matches(LAST_LINE).trim());
    // Whoever started it holds its input: when that one is gone, so is this.
    std::io::stdin().read_to_end(&mut Vec::new()).ok();
    std::process::exit(0);
}

/// Serves in threads; returns where, and the certificate to trust.
fn serve(speaks: Speaks, body_bytes: usize) -> (SocketAddr, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("an address");
    let body = "x".repeat(body_bytes);
    match speaks {
        Speaks::Http1 => {
            let reply = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {body_bytes}\r\n\r\n{body}"
            );
            thread::spawn(move || {
                for connection in listener.incoming() {
                    let (connection, reply) = (connection.expect("a connection"), reply.clone());
                    thread::spawn(move || answer(connection, reply.as_bytes()));
                }
            });
            (addr, String::new())
        }
        Speaks::Http2 => {
            let ca = TestCa::new().expect("a certificate");
            let mut tls = ca.server_config(&["localhost"], Validity::Good).expect("a certificate");
            tls.alpn_protocols = vec![b"h2".to_vec()];
            thread::spawn(move || serve_streams(listener, TlsAcceptor::from(Arc::new(tls)), body.into()));
            (addr, ca.pem())
        }
    }
}

/// One request at a time, without a body.
fn answer(mut connection: TcpStream, reply: &[u8]) {
    connection.set_nodelay(true).expect("an option of TCP");
    let mut buf = [0; 8192];
    let mut seen = 0;
    while let Ok(n @ 1..) = connection.read(&mut buf[seen..]) {
        seen += n;
        if buf[..seen].ends_with(b"\r\n\r\n") {
            seen = 0;
            if connection.write_all(reply).is_err() {
                return;
            }
        }
    }
}

/// HTTP/2 by hyper, on one thread.
fn serve_streams(listener: TcpListener, acceptor: TlsAcceptor, body: Bytes) {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an event queue");
    tokio.block_on(async move {
        listener.set_nonblocking(true).expect("an option of sockets");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("an option of TCP");
            let (acceptor, body) = (acceptor.clone(), body.clone());
            tokio::spawn(async move {
                // Who leaves in the middle of the handshake is no news.
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let reply = service_fn(move |_| {
                    let reply = http::Response::new(Full::new(body.clone()));
                    async move { Ok::<_, std::convert::Infallible>(reply) }
                });
                let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                builder.max_concurrent_streams(1000);
                builder.serve_connection(TokioIo::new(stream), reply).await.ok();
            });
        }
    });
}

/// Such a server, in a process of its own until this is dropped.
pub(crate) struct Server {
    child: Option<Child>,
    pub(crate) addr: SocketAddr,
    /// The certificate to trust, as PEM.
    pub(crate) ca: String,
}

impl Server {
    pub(crate) fn start(body_bytes: usize) -> Self {
        Self::speaking(Speaks::Http1, body_bytes)
    }

    /// Over TLS and HTTP/2.
    pub(crate) fn of_streams(body_bytes: usize) -> Self {
        Self::speaking(Speaks::Http2, body_bytes)
    }

    fn speaking(speaks: Speaks, body_bytes: usize) -> Self {
        if cfg!(test) {
            // The program of a test cannot be asked to serve.
            let (addr, ca) = serve(speaks, body_bytes);
            return Self { child: None, addr, ca };
        }
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .env(ASKED, format!("{speaks:?} {body_bytes}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program, once more");
        let stdout = child.stdout.take().expect("a pipe");
        let mut lines = BufReader::new(stdout).lines().map(|line| line.expect("a line"));
        let addr = lines.next().and_then(|line| line.parse().ok()).expect("the server's address");
        let mut ca = String::new();
        for line in lines {
            ca = format!("{ca}{line}\n");
            if line == LAST_LINE {
                break;
            }
        }
        Self { child: Some(child), addr, ca }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/path?query=1", self.addr)
    }

    /// The URL over TLS, with the name that its certificate is for.
    pub(crate) fn secure_url(&self) -> String {
        format!("https://localhost:{}/path?query=1", self.addr.port())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().ok();
            child.wait().ok();
        }
    }
}
