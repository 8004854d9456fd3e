//! Unix domain sockets.

use std::{
    io,
    net::Shutdown,
    os::{
        fd::OwnedFd,
        unix::net::{SocketAddr, UnixListener, UnixStream},
    },
    path::PathBuf,
    task::{Context, Poll, ready},
};

use async_io::Async;
use seaworthy_core::rt::{Address, BoxConnection, BoxListener, Listener};
use socket2::{Domain, SockAddr, SockRef, Type};

use crate::{
    net::{BACKLOG, poll_accept},
    stream::{Socket, Stream},
};

pub(crate) async fn connect(path: PathBuf) -> io::Result<BoxConnection> {
    Ok(Box::new(Stream::new(Async::<UnixStream>::connect(path).await?)))
}

pub(crate) fn listen(path: PathBuf) -> io::Result<BoxListener> {
    if path.as_os_str().is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a Unix listener needs a path"));
    }
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(&path)?)?;
    // From here on the path is there, and goes with this.
    let path = SocketPath(path);
    socket.listen(BACKLOG)?;
    Ok(Box::new(Unix { listener: Async::new(OwnedFd::from(socket).into())?, _path: path }))
}

fn address(address: &SocketAddr) -> Address {
    Address::Unix(address.as_pathname().unwrap_or("".as_ref()).to_owned())
}

struct Unix {
    listener: Async<UnixListener>,
    _path: SocketPath,
}

struct SocketPath(PathBuf);

impl Drop for SocketPath {
    fn drop(&mut self) {
        // Somebody else may have removed it before.
        let _gone = std::fs::remove_file(&self.0);
    }
}

impl Listener for Unix {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxConnection, Address)>> {
        let (socket, peer) = ready!(poll_accept(&self.listener, cx, UnixListener::accept))?;
        let socket = Async::new(socket)?;
        Poll::Ready(Ok((Box::new(Stream::new(socket)), address(&peer))))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.listener.get_ref().local_addr().map(|local| address(&local))
    }
}

impl Socket for UnixStream {
    fn as_sock_ref(&self) -> SockRef<'_> {
        SockRef::from(self)
    }

    fn peer(&self) -> io::Result<Address> {
        self.peer_addr().map(|peer| address(&peer))
    }

    fn local(&self) -> io::Result<Address> {
        self.local_addr().map(|local| address(&local))
    }

    fn nodelay(&self, _on: bool) -> io::Result<()> {
        Ok(())
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn reset_on_drop(&self) {}
}
