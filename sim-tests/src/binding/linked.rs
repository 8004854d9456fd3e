use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::io::{AsyncRead, AsyncWrite};
use seaworthy_core::rt::{Address, Connection, ReadBuf, tokio_io::FromTokio};
use tokio::time::Sleep;
use turmoil::net::TcpStream;

use super::{
    Links,
    link::{Leave, Link, Room, Side},
    tcp::inside,
};

/// The first pause between two probes of a peer that no longer reads; it doubles up to [`PROBE_PAUSE_MAX`].
const PROBE_PAUSE: Duration = Duration::from_millis(10);
const PROBE_PAUSE_MAX: Duration = Duration::from_secs(5);

/// One end of a connection: turmoil's stream with its [`Link`].
pub(crate) struct Linked {
    stream: FromTokio<TcpStream>,
    link: Arc<Link>,
    links: Arc<Links>,
    side: Side,
    probe: Probe,
    leave: Leave,
}

impl Linked {
    pub(crate) fn new(stream: TcpStream, link: Arc<Link>, links: Arc<Links>, side: Side) -> Self {
        let (stream, probe) = (FromTokio::new(stream), Probe::default());
        Self { stream, link, links, side, probe, leave: Leave::Dropped }
    }

    fn read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        inside()?;
        if self.link.is_reset_for_reader(self.side, cx) {
            return Poll::Ready(Err(reset()));
        }
        let (before, room) = (buf.filled().len(), buf.remaining());
        ready!(self.stream.poll_read_into(cx, buf))?;
        let read = buf.filled().len() - before;
        // An abort travels as the end of the stream, behind what was sent before it.
        if read == 0 && room > 0 && self.link.peer_left(self.side) == Some(Leave::Aborted) {
            return Poll::Ready(Err(reset()));
        }
        self.link.received(self.side, read);
        Poll::Ready(Ok(()))
    }

    /// How many bytes may be sent now.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        inside()?;
        if self.link.is_reset() {
            return Poll::Ready(Err(reset()));
        }
        match self.link.room(self.side, cx) {
            Room::Bytes(room) => Poll::Ready(Ok(room)),
            Room::Full => Poll::Pending,
            Room::PeerLeft => self.probe.poll(cx).map(|()| Ok(1)),
        }
    }

    fn send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        let sent = sent.map_err(|error| self.write_error(error))?;
        self.link.sent(self.side, sent);
        Poll::Ready(Ok(sent))
    }

    fn write_error(&self, error: io::Error) -> io::Error {
        let aborted = self.link.peer_left(self.side) == Some(Leave::Aborted);
        if aborted && error.kind() == io::ErrorKind::BrokenPipe { reset() } else { error }
    }
}

impl AsyncRead for Linked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(bytes);
        ready!(self.read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl AsyncWrite for Linked {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let room = ready!(self.poll_room(cx))?.min(bytes.len());
        self.send(cx, &bytes[..room])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if slices.iter().all(|slice| slice.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        // turmoil copies what it sends; gathered first, the slices are one segment like on a real network.
        let room = ready!(self.poll_room(cx))?;
        let mut segment = Vec::with_capacity(room);
        for slice in slices {
            let rest = room - segment.len();
            segment.extend_from_slice(&slice[..slice.len().min(rest)]);
        }
        self.send(cx, &segment)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        inside()?;
        if self.link.is_reset() {
            return Poll::Ready(Ok(()));
        }
        match ready!(Pin::new(&mut self.stream).poll_close(cx)) {
            // The peer is gone already: closed is what it is.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Poll::Ready(Ok(())),
            closed => Poll::Ready(closed),
        }
    }
}

impl Connection for Linked {
    fn peer_addr(&self) -> io::Result<Address> {
        self.stream.inner().peer_addr().map(Address::Tcp)
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.stream.inner().local_addr().map(Address::Tcp)
    }

    fn set_nodelay(&self, _on: bool) -> io::Result<()> {
        Ok(())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn abort(mut self: Box<Self>) {
        self.leave = Leave::Aborted;
    }

    fn poll_read_into(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.read(cx, buf)
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        self.link.leave(self.side, self.leave, &self.links);
    }
}

/// TCP's zero-window probe: when the peer is gone and the window is full, a byte now and then finds out whether the
/// reset has come. Nothing else in turmoil tells a writer, and telling it directly would reach through partitions.
#[derive(Default)]
struct Probe {
    timer: Option<Pin<Box<Sleep>>>,
    pause: Duration,
}

impl Probe {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let pause = (self.pause * 2).clamp(PROBE_PAUSE, PROBE_PAUSE_MAX);
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
        ready!(timer.as_mut().poll(cx));
        (self.timer, self.pause) = (None, pause);
        Poll::Ready(())
    }
}

/// The ports of `stream`, as client and server see them.
pub(crate) fn ends(stream: &TcpStream, side: Side) -> io::Result<(SocketAddr, SocketAddr)> {
    let (local, peer) = (stream.local_addr()?, stream.peer_addr()?);
    Ok(match side {
        Side::Client => (local, peer),
        Side::Server => (peer, local),
    })
}

fn reset() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection was reset")
}
