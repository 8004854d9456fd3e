use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{
    future::BoxFuture,
    io::{AsyncRead, AsyncWrite},
};

use super::ReadBuf;

/// A connected byte stream behind one pointer, whatever runtime made it.
pub type BoxConnection = Box<dyn Connection>;

/// A listening socket behind one pointer, whatever runtime made it.
pub type BoxListener = Box<dyn Listener>;

/// Where to connect to or listen on, names already resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// A Unix domain socket: its path, or empty for a peer without a name.
    Unix(PathBuf),
}

impl Address {
    /// The IP address and port, if it is one.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl From<([u8; 4], u16)> for Address {
    fn from(address: ([u8; 4], u16)) -> Self {
        Self::Tcp(address.into())
    }
}

impl From<(IpAddr, u16)> for Address {
    fn from(address: (IpAddr, u16)) -> Self {
        Self::Tcp(address.into())
    }
}

impl From<PathBuf> for Address {
    fn from(path: PathBuf) -> Self {
        Self::Unix(path)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) if path.as_os_str().is_empty() => f.write_str("unix:(unnamed)"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The network of a runtime: connect, listen, look up a name.
///
/// Each returned future may be dropped at any point: the attempt ends and its socket is closed.
pub trait Net: Send + Sync {
    /// Connects to `to`. Use [`Rt::connect`](super::Rt::connect) for names and for several addresses at once.
    fn connect(&self, to: &Address) -> BoxFuture<'static, io::Result<BoxConnection>>;

    /// Listens on `on`; port 0 takes a free one. A Unix path must not exist, and is removed with the listener.
    fn listen(&self, on: &Address) -> BoxFuture<'static, io::Result<BoxListener>>;

    /// Looks `host` up. The order is that of the system's resolver; never an empty list.
    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// A connected byte stream.
///
/// Reading and writing are those of [`AsyncRead`] and [`AsyncWrite`]. [`AsyncWrite::poll_close`] ends one direction
/// only: the peer reads to the end of the data and can still answer. Closing twice is fine. Dropping the connection
/// closes both directions.
pub trait Connection: AsyncRead + AsyncWrite + Unpin + Send {
    /// The other end.
    fn peer_addr(&self) -> io::Result<Address>;

    /// This end.
    fn local_addr(&self) -> io::Result<Address>;

    /// Whether small writes go out at once instead of waiting for more (`TCP_NODELAY`). It is on from the start;
    /// on a stream that has no such thing this does nothing.
    fn set_nodelay(&self, on: bool) -> io::Result<()>;

    /// Whether a vectored write costs one system call rather than one for each slice.
    fn is_write_vectored(&self) -> bool;

    /// Ends the connection at once: what was not sent is thrown away and the peer's next read fails with
    /// [`ConnectionReset`](io::ErrorKind::ConnectionReset) rather than ending well.
    ///
    /// A Unix domain socket has no reset; its peer sees the end of the stream.
    fn abort(self: Box<Self>);

    /// Reads into memory that need not be initialised first. An implementation that cannot do better than zeroing
    /// leaves it as it is. End of stream: `Ready(Ok)` with nothing added.
    fn poll_read_into(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = ready!(self.as_mut().poll_read(cx, buf.initialize_unfilled()))?;
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for dyn Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, peer) = (self.local_addr().ok(), self.peer_addr().ok());
        f.debug_struct("Connection").field("local", &local).field("peer", &peer).finish()
    }
}

/// A listening socket. Dropping it frees the address.
pub trait Listener: Send {
    /// The next connection, and who made it.
    ///
    /// An error concerns one connection only (it broke off, or the process is out of descriptors): go on accepting,
    /// after a pause if it repeats.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxConnection, Address)>>;

    /// The address, with the port that was chosen for port 0.
    fn local_addr(&self) -> io::Result<Address>;
}

impl fmt::Debug for dyn Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("local", &self.local_addr().ok()).finish()
    }
}

impl dyn Listener {
    /// Waits for the next connection.
    ///
    /// # Errors
    ///
    /// Those of [`Listener::poll_accept`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection: the next call returns it.
    pub async fn accept(&mut self) -> io::Result<(BoxConnection, Address)> {
        std::future::poll_fn(|cx| self.poll_accept(cx)).await
    }
}
