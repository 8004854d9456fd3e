use std::{
    io::{self, IoSlice},
    net::{Shutdown, TcpStream},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use async_io::Async;
use futures::io::{AsyncRead, AsyncWrite};
use seaworthy_core::rt::{Address, Connection, ReadBuf};
use socket2::SockRef;

use crate::recv::recv;

/// What [`Stream`] asks of a socket: of TCP here, of Unix in the module `unix`.
pub(crate) trait Socket: Send + Sync + Unpin + 'static {
    fn as_sock_ref(&self) -> SockRef<'_>;
    fn peer(&self) -> io::Result<Address>;
    fn local(&self) -> io::Result<Address>;
    fn nodelay(&self, on: bool) -> io::Result<()>;
    fn shutdown_write(&self) -> io::Result<()>;
    /// Turns the coming drop into a reset, if there is such a thing.
    fn reset_on_drop(&self);
}

/// A socket of smol as a [`Connection`].
pub(crate) struct Stream<S> {
    socket: Async<S>,
    /// The last read came up short.
    short: bool,
    /// Most likely there is nothing to read: the next read waits before it asks the system, which saves a call in vain for
    /// each answer that is waited for. Should there be something after all, the wait ends at once.
    drained: bool,
    closed: bool,
}

impl<S> Stream<S> {
    pub(crate) fn new(socket: Async<S>) -> Self {
        Self { socket, short: true, drained: true, closed: false }
    }
}

impl<S: Socket> Stream<S> {
    /// All that had come was read, and what is written now has to travel first. Without a write in between a short read says
    /// little: more of a large transfer is on its way.
    fn will_be_answered(&mut self) {
        self.drained |= self.short;
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if self.drained {
                ready!(self.socket.poll_readable(cx))?;
                self.drained = false;
            }
            match recv(&self.socket.get_ref().as_sock_ref(), buf) {
                Ok(received) => {
                    self.short = received > 0 && buf.remaining() > 0;
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.drained = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl<S: Socket> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(bytes);
        ready!(self.poll_recv(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl<S> AsyncWrite for Stream<S>
where
    S: Socket,
    for<'a> &'a Async<S>: AsyncWrite,
{
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.will_be_answered();
        Pin::new(&mut &self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.will_be_answered();
        Pin::new(&mut &self.socket).poll_write_vectored(cx, slices)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &self.socket).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closed {
            return Poll::Ready(Ok(()));
        }
        ready!(self.as_mut().poll_flush(cx))?;
        match self.socket.get_ref().shutdown_write() {
            // The peer was faster and has reset the connection: it is as closed as can be.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
            result => result?,
        }
        self.closed = true;
        Poll::Ready(Ok(()))
    }
}

impl<S> Connection for Stream<S>
where
    S: Socket,
    for<'a> &'a Async<S>: AsyncWrite,
{
    fn peer_addr(&self) -> io::Result<Address> {
        self.socket.get_ref().peer()
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.socket.get_ref().local()
    }

    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.socket.get_ref().nodelay(on)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn abort(self: Box<Self>) {
        self.socket.get_ref().reset_on_drop();
    }

    fn poll_read_into(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_recv(cx, buf)
    }
}

impl Socket for TcpStream {
    fn as_sock_ref(&self) -> SockRef<'_> {
        SockRef::from(self)
    }

    fn peer(&self) -> io::Result<Address> {
        self.peer_addr().map(Address::Tcp)
    }

    fn local(&self) -> io::Result<Address> {
        self.local_addr().map(Address::Tcp)
    }

    fn nodelay(&self, on: bool) -> io::Result<()> {
        self.set_nodelay(on)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn reset_on_drop(&self) {
        // It fails only on a connection that has ended already.
        let _ended = self.as_sock_ref().set_linger(Some(Duration::ZERO));
    }
}
