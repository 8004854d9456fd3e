use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use futures_rustls::TlsAcceptor;

use super::{
    Accept, Config, Connections, Handler, Received,
    connection::{Service, serve},
    door::Door,
    ledger::Ledger,
};
use crate::rt::Rt;

/// An HTTP/1.1 server that does exactly what its handler tells it, faults and lies included, and remembers what it got.
///
/// It runs on any runtime. Each connection is served in a task of its own, one request after the other; a client that
/// closes its sending side is taken to be gone, as most servers do. Everything it keeps or sends is bounded by its
/// [`Config`]. Dropping it stops it.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use futures::{AsyncReadExt, AsyncWriteExt};
/// use seaworthy_core::testing::http::{Received, Reply, Server};
///
/// let handler = |request: &Received| match request.path() {
///     "/flaky" if request.nth == 1 => Reply::new(503),
///     _ => Reply::text("ahoy").close(),
/// };
/// let server = Server::start(&rt, ([127, 0, 0, 1], 0), handler).await.unwrap();
///
/// let mut client = rt.connect(server.addr()).await.unwrap();
/// client.write_all(b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
/// let mut reply = String::new();
/// client.read_to_string(&mut reply).await.unwrap();
/// assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("ahoy"));
///
/// assert_eq!(server.requests()[0].header("host"), Some("test"));
/// assert_eq!(server.connections().accepted, 1);
/// server.stop().await;
/// # });
/// ```
pub struct Server {
    door: Door,
    ledger: Arc<Ledger>,
    scheme: &'static str,
}

impl Server {
    /// Listens on `address`, with port 0 on a free one, and answers as `handler` says.
    ///
    /// # Errors
    ///
    /// If the address cannot be had.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn start(rt: &Rt, address: impl Into<SocketAddr>, handler: impl Handler) -> io::Result<Self> {
        Self::start_with(rt, address, Config::default(), None, handler).await
    }

    /// The same over TLS. What was agreed by ALPN makes no difference: this speaks HTTP/1.1.
    ///
    /// # Errors
    ///
    /// If the address cannot be had.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn start_tls(
        rt: &Rt,
        address: impl Into<SocketAddr>,
        acceptor: TlsAcceptor,
        handler: impl Handler,
    ) -> io::Result<Self> {
        Self::start_with(rt, address, Config::default(), Some(acceptor), handler).await
    }

    /// The same with other bounds, over TLS if there is an acceptor.
    ///
    /// # Errors
    ///
    /// If the address cannot be had; a [`ConfigError`](crate::ConfigError) as an
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if `config` is refused.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn start_with(
        rt: &Rt,
        address: impl Into<SocketAddr>,
        config: Config,
        acceptor: Option<TlsAcceptor>,
        handler: impl Handler,
    ) -> io::Result<Self> {
        config.check().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let ledger = Ledger::new(config.requests_max);
        let connections_max = config.connections_max;
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let service = Arc::new(Service {
            rt: rt.clone(),
            config,
            tls: acceptor,
            ledger: Arc::clone(&ledger),
            handler: Box::new(handler),
        });
        let serve = Arc::new(move |connection, number, peer| {
            let service = Arc::clone(&service);
            Box::pin(serve(service, connection, number, peer)) as crate::rt::BoxFuture<'static, ()>
        });
        let door = Door::open(rt, address.into(), connections_max, &ledger, serve).await?;
        Ok(Self { door, ledger, scheme })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.door.address()
    }

    /// `http://127.0.0.1:4711` and then `path`; `https` over TLS. A server on all addresses is named by the loopback.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, reachable(self.addr()))
    }

    /// The requests it got, in the order in which their heads arrived; those whose body is still on its way too.
    pub fn requests(&self) -> Vec<Received> {
        self.ledger.requests()
    }

    /// How many connections it had, and has.
    pub fn connections(&self) -> Connections {
        self.ledger.connections()
    }

    /// From now on receives new connections in another way; those it has go on.
    ///
    /// # Errors
    ///
    /// If the address was given up with [`Accept::Refuse`] and cannot be had again; it then still refuses.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may or may not leave it as it was.
    pub async fn set_accept(&self, accept: Accept) -> io::Result<()> {
        self.door.set_accept(accept).await
    }

    /// Stops it: the address is free, all connections are closed and all handlers dropped when this returns.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not revoke it, once polled.
    pub async fn stop(self) {
        self.door.close().await;
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = self.connections();
        f.debug_struct("Server")
            .field("addr", &self.addr())
            .field("connections", &connections)
            .finish_non_exhaustive()
    }
}

pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
