use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    task::{Context, Poll, ready},
};

use async_io::Async;
use futures::{FutureExt, future::BoxFuture};
use seaworthy_core::rt::{Address, BoxConnection, BoxListener, Listener, Net};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{stream::Stream, unix};

/// How many connections may wait to be accepted; the system may allow fewer.
pub(crate) const BACKLOG: i32 = 1024;

pub(crate) struct SmolNet;

impl Net for SmolNet {
    fn connect(&self, to: &Address) -> BoxFuture<'static, io::Result<BoxConnection>> {
        let to = to.clone();
        async move {
            match to {
                Address::Tcp(address) => connection(Async::<TcpStream>::connect(address).await?),
                Address::Unix(path) => unix::connect(path).await,
                other => Err(unsupported(&other)),
            }
        }
        .boxed()
    }

    fn listen(&self, on: &Address) -> BoxFuture<'static, io::Result<BoxListener>> {
        let on = on.clone();
        async move {
            match on {
                Address::Tcp(address) => listen(address),
                Address::Unix(path) => unix::listen(path),
                other => Err(unsupported(&other)),
            }
        }
        .boxed()
    }

    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let host = host.to_owned();
        async move {
            let lookup = blocking::unblock(move || (host, port).to_socket_addrs().map(Iterator::collect));
            let addresses: Vec<_> = lookup.await?;
            if addresses.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no addresses"));
            }
            Ok(addresses)
        }
        .boxed()
    }
}

fn connection(socket: Async<TcpStream>) -> io::Result<BoxConnection> {
    socket.get_ref().set_nodelay(true)?;
    Ok(Box::new(Stream::new(socket)))
}

fn listen(address: SocketAddr) -> io::Result<BoxListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // So that a restart need not wait for the connections of its predecessor. On Windows it would share the port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(Box::new(Tcp(Async::new(socket.into())?)))
}

fn unsupported(address: &Address) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("{address} is no address that smol knows"))
}

struct Tcp(Async<TcpListener>);

impl Listener for Tcp {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxConnection, Address)>> {
        let (socket, peer) = ready!(poll_accept(&self.0, cx, TcpListener::accept))?;
        Poll::Ready(Async::new(socket).and_then(connection).map(|connection| (connection, peer.into())))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.0.get_ref().local_addr().map(Address::Tcp)
    }
}

pub(crate) fn poll_accept<L, T>(
    listener: &Async<L>,
    cx: &mut Context<'_>,
    accept: impl Fn(&L) -> io::Result<T>,
) -> Poll<io::Result<T>> {
    loop {
        match accept(listener.get_ref()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(listener.poll_readable(cx))?,
            accepted => return Poll::Ready(accepted),
        }
    }
}
