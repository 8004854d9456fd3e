use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{FutureExt, future::BoxFuture};
use pin_project_lite::pin_project;
use seaworthy_core::rt::{Address, BoxConnection, BoxListener, Listener, Net};
use tokio::{
    net::{TcpListener, TcpStream, lookup_host},
    runtime::Handle,
};

use crate::{stream::Stream, unix};

#[derive(Debug)]
pub(crate) struct TokioNet {
    handle: Handle,
}

impl TokioNet {
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle }
    }

    fn in_context<F>(&self, future: F) -> BoxFuture<'static, F::Output>
    where
        F: Future + Send + 'static,
    {
        InContext { future, handle: self.handle.clone() }.boxed()
    }
}

impl Net for TokioNet {
    fn connect(&self, to: &Address) -> BoxFuture<'static, io::Result<BoxConnection>> {
        let to = to.clone();
        self.in_context(async move {
            match to {
                Address::Tcp(address) => connection(TcpStream::connect(address).await?),
                Address::Unix(path) => unix::connect(path).await,
                other => Err(unsupported(&other)),
            }
        })
    }

    fn listen(&self, on: &Address) -> BoxFuture<'static, io::Result<BoxListener>> {
        let (on, handle) = (on.clone(), self.handle.clone());
        self.in_context(async move {
            match on {
                Address::Tcp(address) => {
                    let listener = TcpListener::bind(address).await?;
                    Ok(Box::new(Tcp { listener, handle }) as BoxListener)
                }
                Address::Unix(path) => unix::listen(path, handle),
                other => Err(unsupported(&other)),
            }
        })
    }

    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let host = host.to_owned();
        self.in_context(async move {
            let addresses: Vec<_> = lookup_host((host, port)).await?.collect();
            if addresses.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no addresses"));
            }
            Ok(addresses)
        })
    }
}

fn connection(socket: TcpStream) -> io::Result<BoxConnection> {
    socket.set_nodelay(true)?;
    Ok(Box::new(Stream::new(socket)))
}

fn unsupported(address: &Address) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("{address} is no address that tokio knows"))
}

struct Tcp {
    listener: TcpListener,
    handle: Handle,
}

impl Listener for Tcp {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxConnection, Address)>> {
        let _entered = self.handle.enter();
        let (socket, peer) = ready!(self.listener.poll_accept(cx))?;
        Poll::Ready(connection(socket).map(|connection| (connection, peer.into())))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.listener.local_addr().map(Address::Tcp)
    }
}

pin_project! {
    /// A future that finds its runtime on whatever thread or executor it is polled.
    struct InContext<F> {
        #[pin]
        future: F,
        handle: Handle,
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.handle.enter();
        this.future.poll(cx)
    }
}
