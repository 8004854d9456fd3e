use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use futures::io::{AsyncRead, AsyncWrite};
use seaworthy_core::rt::{Address, Connection, ReadBuf, tokio_io::FromTokio};
use tokio::net::TcpStream;

/// A socket of tokio as a [`Connection`]: of TCP here, of Unix in the module `unix`.
pub(crate) struct Stream<S>(pub(crate) FromTokio<S>);

impl<S> Stream<S> {
    pub(crate) fn new(socket: S) -> Self {
        Self(FromTokio::new(socket))
    }
}

impl<S: tokio::io::AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, bytes)
    }
}

impl<S: tokio::io::AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

impl Connection for Stream<TcpStream> {
    fn peer_addr(&self) -> io::Result<Address> {
        self.0.inner().peer_addr().map(Address::Tcp)
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.0.inner().local_addr().map(Address::Tcp)
    }

    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.0.inner().set_nodelay(on)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn abort(self: Box<Self>) {
        // It fails only on a connection that has ended already. The reset itself is the drop.
        let _ended = self.0.inner().set_zero_linger();
    }

    fn poll_read_into(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read_into(cx, buf)
    }
}
