//! A proxy: absolute-form requests are forwarded, `CONNECT` makes a tunnel.

mod forward;
mod pump;

use std::{fmt, io, net::SocketAddr, sync::Arc};

use super::{
    Accept, Config, Connections, Received, Reply, door::Door, ledger::Ledger, routes::credentials,
    server::reachable,
};
use crate::rt::{BoxFuture, Rt};

/// What a [`Proxy`] does about a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each request, and a box would stand in every rule"
)]
pub enum Via {
    /// Forwards it, or makes the tunnel.
    Forward,
    /// Forwards it or makes the tunnel, and resets both sides after so many bytes from the origin.
    ResetAfter(u64),
    /// Answers itself: refuses, hangs, lies. The connection ends with the reply.
    Answer(Reply),
}

/// An HTTP proxy that remembers what was asked of it, and refuses, hangs or breaks off as it is told.
///
/// A request with an absolute target is forwarded over a connection of its own, without the headers that are meant for
/// the proxy (RFC 9110, section 7.6.1); the connection of the client ends with its reply. `CONNECT` is answered with 200
/// and then carries bytes both ways, unread. An origin that cannot be reached is a 502. The ledger has the requests with
/// all their headers, so that a test can prove who was shown which credentials; what goes through a tunnel is not in it,
/// nor are bodies. Dropping the proxy stops it.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use futures::{AsyncReadExt, AsyncWriteExt};
/// use seaworthy_core::testing::http::{Proxy, Server, forward_for, routes};
///
/// let origin = Server::start(&rt, ([127, 0, 0, 1], 0), routes).await.unwrap();
/// let proxy = Proxy::start(&rt, ([127, 0, 0, 1], 0), forward_for("ann", "secret")).await.unwrap();
///
/// let mut client = rt.connect(proxy.addr()).await.unwrap();
/// let target = origin.url("/status/204");
/// let head = format!("GET {target} HTTP/1.1\r\nProxy-Authorization: Basic YW5uOnNlY3JldA==\r\n\r\n");
/// client.write_all(head.as_bytes()).await.unwrap();
/// let mut reply = String::new();
/// client.read_to_string(&mut reply).await.unwrap();
/// assert!(reply.starts_with("HTTP/1.1 204"));
///
/// assert!(proxy.requests()[0].header("proxy-authorization").is_some());
/// assert!(origin.requests()[0].header("proxy-authorization").is_none());
/// # });
/// ```
pub struct Proxy {
    door: Door,
    ledger: Arc<Ledger>,
}

/// What the connections of a proxy share.
struct Service {
    rt: Rt,
    config: Config,
    ledger: Arc<Ledger>,
    rule: Box<dyn Fn(&Received) -> Via + Send + Sync>,
}

impl Proxy {
    /// Listens on `address`, with port 0 on a free one, and does what `rule` says: [`forward`], [`forward_for`] or a
    /// closure.
    ///
    /// # Errors
    ///
    /// If the address cannot be had.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn start<F>(rt: &Rt, address: impl Into<SocketAddr>, rule: F) -> io::Result<Self>
    where
        F: Fn(&Received) -> Via + Send + Sync + 'static,
    {
        Self::start_with(rt, address, Config::default(), rule).await
    }

    /// The same with other bounds: of connections, heads and the ledger.
    ///
    /// # Errors
    ///
    /// If the address cannot be had; a [`ConfigError`](crate::ConfigError) as an
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if `config` is refused.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn start_with<F>(
        rt: &Rt,
        address: impl Into<SocketAddr>,
        config: Config,
        rule: F,
    ) -> io::Result<Self>
    where
        F: Fn(&Received) -> Via + Send + Sync + 'static,
    {
        config.check().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let ledger = Ledger::new(config.requests_max);
        let connections_max = config.connections_max;
        let service = Service { rt: rt.clone(), config, ledger: Arc::clone(&ledger), rule: Box::new(rule) };
        let service = Arc::new(service);
        let serve = Arc::new(move |connection, number, peer| {
            let service = Arc::clone(&service);
            Box::pin(forward::serve(service, connection, number, peer)) as BoxFuture<'static, ()>
        });
        let door = Door::open(rt, address.into(), connections_max, &ledger, serve).await?;
        Ok(Self { door, ledger })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.door.address()
    }

    /// `http://127.0.0.1:4711`, as a client wants it.
    pub fn url(&self) -> String {
        format!("http://{}", reachable(self.addr()))
    }

    /// The requests it got, in order.
    pub fn requests(&self) -> Vec<Received> {
        self.ledger.requests()
    }

    /// How many connections it had from clients, and has.
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

    /// Stops it: the address is free and all tunnels are closed when this returns.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not revoke it, once polled.
    pub async fn stop(self) {
        self.door.close().await;
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = self.connections();
        f.debug_struct("Proxy")
            .field("addr", &self.addr())
            .field("connections", &connections)
            .finish_non_exhaustive()
    }
}

/// Forwards everything: a rule for [`Proxy::start`].
pub fn forward(_request: &Received) -> Via {
    Via::Forward
}

/// Forwards for who has these credentials, and answers all others with 407 (RFC 7617): a rule for [`Proxy::start`].
pub fn forward_for(user: &str, password: &str) -> impl Fn(&Received) -> Via + Send + Sync + 'static {
    let wanted = credentials(user, password);
    move |request| {
        if request.header("proxy-authorization") == Some(wanted.as_str()) {
            return Via::Forward;
        }
        Via::Answer(Reply::new(407).header("proxy-authenticate", "Basic realm=\"proxy\""))
    }
}
