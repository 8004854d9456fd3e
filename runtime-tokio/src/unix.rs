//! Unix domain sockets.

use std::{
    io,
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll, ready},
};

use seaworthy_core::rt::{Address, BoxConnection, BoxListener, Connection, Listener, ReadBuf};
use tokio::{
    net::{UnixListener, UnixStream, unix::SocketAddr},
    runtime::Handle,
};

use crate::stream::Stream;

pub(crate) async fn connect(path: PathBuf) -> io::Result<BoxConnection> {
    Ok(Box::new(Stream::new(UnixStream::connect(path).await?)))
}

/// To be called in the context of the runtime.
pub(crate) fn listen(path: PathBuf, handle: Handle) -> io::Result<BoxListener> {
    if path.as_os_str().is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a Unix listener needs a path"));
    }
    let listener = UnixListener::bind(&path)?;
    Ok(Box::new(Unix { listener, path, handle }))
}

fn address(address: &SocketAddr) -> Address {
    Address::Unix(address.as_pathname().unwrap_or("".as_ref()).to_owned())
}

struct Unix {
    listener: UnixListener,
    path: PathBuf,
    handle: Handle,
}

impl Listener for Unix {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxConnection, Address)>> {
        let _entered = self.handle.enter();
        let (socket, peer) = ready!(self.listener.poll_accept(cx))?;
        Poll::Ready(Ok((Box::new(Stream::new(socket)), address(&peer))))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.listener.local_addr().map(|local| address(&local))
    }
}

impl Drop for Unix {
    fn drop(&mut self) {
        // Somebody else may have removed it before.
        let _gone = std::fs::remove_file(&self.path);
    }
}

impl Connection for Stream<UnixStream> {
    fn peer_addr(&self) -> io::Result<Address> {
        self.0.inner().peer_addr().map(|peer| address(&peer))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.0.inner().local_addr().map(|local| address(&local))
    }

    fn set_nodelay(&self, _on: bool) -> io::Result<()> {
        Ok(())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn abort(self: Box<Self>) {}

    fn poll_read_into(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read_into(cx, buf)
    }
}
