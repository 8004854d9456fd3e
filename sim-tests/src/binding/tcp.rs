//! The network of a host: turmoil's TCP, boxed and linked.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use futures::{FutureExt, future::BoxFuture};
use seaworthy_core::rt::{Address, BoxConnection, BoxListener, Listener, Net};
use tokio::task::coop::unconstrained;
use turmoil::net::{TcpListener, TcpStream};

use super::{
    Pair, Turmoil,
    host::Host,
    link::Side,
    linked::{Linked, ends},
};

impl Net for Turmoil {
    fn connect(&self, to: &Address) -> BoxFuture<'static, io::Result<BoxConnection>> {
        let (host, to) = (Arc::clone(&self.host), tcp(to));
        async move {
            inside()?;
            Connecting::new(host, to?).await
        }
        .boxed()
    }

    fn listen(&self, on: &Address) -> BoxFuture<'static, io::Result<BoxListener>> {
        let (host, on) = (Arc::clone(&self.host), tcp(on));
        async move {
            inside()?;
            let on = listenable(&host, on?)?;
            let listener = Arc::new(TcpListener::bind(on).await?);
            Ok(Box::new(SimListener { host, listener, accepting: None }) as BoxListener)
        }
        .boxed()
    }

    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let address = self.host.run.address_of(host);
        let unknown = || io::Error::new(io::ErrorKind::NotFound, "no host of this name in the simulation");
        let resolved = address.map(|ip| vec![SocketAddr::new(ip, port)]).ok_or_else(unknown);
        futures::future::ready(resolved).boxed()
    }
}

/// turmoil panics when its network is used from outside: from a foreign thread, or when the simulation is over.
pub(crate) fn inside() -> io::Result<()> {
    if turmoil::in_simulation() {
        return Ok(());
    }
    Err(io::Error::other("the network of a simulation is there only inside it"))
}

fn tcp(address: &Address) -> io::Result<SocketAddr> {
    let unsupported = || io::Error::new(io::ErrorKind::Unsupported, "a simulated host has no Unix sockets");
    address.tcp().ok_or_else(unsupported)
}

fn listenable(host: &Host, on: SocketAddr) -> io::Result<SocketAddr> {
    let refuse = |why| Err(io::Error::new(io::ErrorKind::AddrNotAvailable, why));
    if on.is_ipv4() != host.address.is_ipv4() {
        return refuse("the simulated network is of the other address family");
    }
    if !on.ip().is_unspecified() && !on.ip().is_loopback() {
        return refuse("a simulated host listens on its unspecified or its loopback address only");
    }
    Ok(on)
}

/// Where every connection passes on its way to the host's software.
fn link(host: &Host, stream: TcpStream, side: Side) -> io::Result<BoxConnection> {
    let (client, server) = ends(&stream, side)?;
    let pair = Pair::new(host.address, client, server);
    let links = Arc::clone(&host.run.links);
    let link = match side {
        Side::Server => Some(links.accept(pair)),
        Side::Client => links.join(pair),
    };
    let link = link.ok_or_else(|| io::Error::other("a connection that no server accepted"))?;
    Ok(Box::new(Linked::new(stream, link, links, side)))
}

/// A connect under way.
///
/// One dropped between the server's accept and the client's next poll would leave the server with a peer that never
/// was: turmoil tells it nothing. The kernel would complete and close such a connection; so does the last poll here.
struct Connecting {
    host: Arc<Host>,
    attempt: Option<BoxFuture<'static, io::Result<TcpStream>>>,
}

impl Connecting {
    fn new(host: Arc<Host>, to: SocketAddr) -> Self {
        // Unconstrained: the last poll must not be put off because the task has used up its turn.
        Self { host, attempt: Some(unconstrained(TcpStream::connect(to)).boxed()) }
    }
}

impl Future for Connecting {
    type Output = io::Result<BoxConnection>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Taken out while it is polled: one that panics must not be polled again by the drop.
        let mut attempt = self.attempt.take().expect("a future is not polled after its end");
        match attempt.poll_unpin(cx) {
            Poll::Ready(connected) => {
                Poll::Ready(connected.and_then(|stream| link(&self.host, stream, Side::Client)))
            }
            Poll::Pending => {
                self.attempt = Some(attempt);
                Poll::Pending
            }
        }
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        let Some(mut attempt) = self.attempt.take() else { return };
        if let Poll::Ready(Ok(stream)) = attempt.poll_unpin(&mut Context::from_waker(Waker::noop())) {
            drop(link(&self.host, stream, Side::Client));
        }
    }
}

type Accepting = BoxFuture<'static, io::Result<(TcpStream, SocketAddr)>>;

struct SimListener {
    host: Arc<Host>,
    /// Kept from poll to poll, so that no connection is lost with it. Before the listener: it holds it too.
    accepting: Option<Accepting>,
    listener: Arc<TcpListener>,
}

impl Listener for SimListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxConnection, Address)>> {
        inside()?;
        let listener = &self.listener;
        let accepting = self.accepting.get_or_insert_with(|| {
            let listener = Arc::clone(listener);
            async move { listener.accept().await }.boxed()
        });
        let accepted = ready!(accepting.poll_unpin(cx));
        self.accepting = None;
        let (stream, peer) = accepted?;
        Poll::Ready(Ok((link(&self.host, stream, Side::Server)?, peer.into())))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.listener.local_addr().map(Address::Tcp)
    }
}
