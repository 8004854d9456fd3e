use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{
    FutureExt,
    io::{AsyncRead, AsyncWrite},
};
use seaworthy_core::rt::{Address, BoxConnection, Connection, ReadBuf, Sleep};

use super::{
    runtime::HostRuntime,
    strike,
    wire::{Allowed, DISTURBS, Side, Wire},
};
use crate::fault::FaultKind;

/// What goes into the void before a writer has to wait: the window of a peer that no longer answers.
const WINDOW: usize = 64 << 10;

/// One end of a connection, with the weather around it.
pub(super) struct HostConnection {
    inner: BoxConnection,
    end: End,
    /// When the next bytes may be sent, while the host sends slowly.
    pace: Option<Sleep>,
    /// The last read returned less than it could have if there was more; by the fault of this index.
    shortened: Option<usize>,
    /// The bytes that were sent to a peer that is gone, which this end cannot know yet.
    lost: usize,
}

/// A field of its own, so that the connection can be taken apart.
struct End {
    runtime: HostRuntime,
    wire: Arc<Wire>,
    side: Side,
}

impl Drop for End {
    fn drop(&mut self) {
        self.runtime.sim.weather().leave(&self.wire, self.side);
    }
}

impl HostConnection {
    pub(super) fn wrap(runtime: HostRuntime, inner: BoxConnection, side: Side) -> io::Result<BoxConnection> {
        let (local, peer) = (inner.local_addr()?, inner.peer_addr()?);
        let (Some(local), Some(peer)) = (local.tcp(), peer.tcp()) else { return Ok(inner) };
        let (local, peer) = (runtime.host.of_connection(local), runtime.host.of_connection(peer));
        let key = match side {
            Side::Client => (local, peer),
            Side::Server => (peer, local),
        };
        let wire = runtime.sim.weather().join(&runtime, side, key);
        let end = End { runtime, wire, side };
        Ok(Box::new(Self { inner, end, pace: None, shortened: None, lost: 0 }))
    }
}

impl End {
    /// Whether a fault may be about.
    fn is_disturbed(&self) -> bool {
        let peer = self.wire.host(self.side.peer()).map_or(0, |host| host.kinds());
        self.wire.is_troubled() || (self.runtime.host.kinds() | peer) & DISTURBS != 0
    }

    /// This end waits to read until it is woken.
    fn wait_to_read<T>(&self, cx: &Context<'_>) -> Poll<io::Result<T>> {
        self.wire.register_reader(self.side, cx.waker());
        // What came before the waker was there.
        if self.wire.is_reset() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Poll::Pending
    }

    fn wait_to_write<T>(&self, cx: &Context<'_>) -> Poll<io::Result<T>> {
        self.wire.register_writer(self.side, cx.waker());
        if self.wire.is_reset() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Poll::Pending
    }

    fn has_read(&self, bytes: usize) {
        self.wire.received(self.side, bytes);
        self.runtime.sim.bytes(self.runtime.host.name(), self.wire.name(self.side.peer()), bytes, false);
    }

    fn has_sent(&self, bytes: usize) {
        self.wire.sent(self.side, bytes);
        self.runtime.sim.bytes(self.runtime.host.name(), self.wire.name(self.side.peer()), bytes, true);
        self.has_set_out();
    }

    /// Something is under way to the peer: faults that keep it from there have an effect.
    fn has_set_out(&self) {
        let peer = self.side.peer();
        if let Some(host) = self.wire.host(peer) {
            self.runtime.pass(host);
        }
        if self.wire.waits(peer)
            && let Some(index) = self.wire.holds(peer)
        {
            strike(&self.runtime.sim, index);
        }
    }
}

/// Reading.
impl HostConnection {
    fn read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = if self.end.is_disturbed() || self.shortened.is_some() {
            self.read_disturbed(cx, buf)
        } else {
            Pin::new(&mut *self.inner).poll_read_into(cx, buf)
        };
        match read {
            Poll::Ready(Ok(())) => {
                self.end.has_read(buf.filled().len() - before);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.end.wait_to_read(cx),
        }
    }

    fn read_disturbed(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (sim, wire, side) = (&self.end.runtime.sim, &self.end.wire, self.end.side);
        let allowed = match wire.allowed(side) {
            // Told even while nothing else comes through: the scenario's faults are over for this connection.
            Allowed::Reset => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            allowed => allowed,
        };
        if let Some(index) = wire.holds(side) {
            wire.set_waits(side, true);
            if wire.has_unread(side) {
                strike(sim, index);
            }
            return Poll::Pending;
        }
        wire.set_waits(side, false);
        let most = match allowed {
            Allowed::Reset | Allowed::End => return Poll::Ready(Ok(())),
            Allowed::CutOff(index) => return self.read_cut_off(cx, index),
            Allowed::Bytes(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX).min(buf.remaining()),
        };
        let short = self.end.runtime.host.fault(FaultKind::ShortReads);
        let short = short.filter(|short| short.size < most as u64);
        let most = short.map_or(most, |short| short.size.max(1) as usize);
        let read = read_at_most(&mut self.inner, cx, buf, most);
        // Only now it is known whether the last read was cut short: there was more.
        if let Some(index) = self.shortened.take()
            && matches!(read, Poll::Ready(Ok(1..)))
        {
            strike(sim, index);
        }
        let bytes = ready!(read)?;
        self.shortened = short.filter(|_| bytes == most).map(|short| short.index);
        if let Some(index) = wire.count(side, bytes as u64)
            && wire.reset()
        {
            strike(sim, index);
            wire.wake();
        }
        Poll::Ready(Ok(()))
    }

    /// The stream ends here, in the middle of what the peer has sent, if it has sent more.
    fn read_cut_off(&mut self, cx: &mut Context<'_>, index: usize) -> Poll<io::Result<()>> {
        let mut byte = [0];
        let mut beyond = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut *self.inner).poll_read_into(cx, &mut beyond))?;
        if !beyond.filled().is_empty() {
            self.end.wire.truncate(self.end.side);
            strike(&self.end.runtime.sim, index);
            self.end.wire.wake();
        }
        Poll::Ready(Ok(()))
    }
}

fn read_at_most(
    inner: &mut BoxConnection,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
    most: usize,
) -> Poll<io::Result<usize>> {
    let before = buf.filled().len();
    let inner = Pin::new(&mut **inner);
    if most >= buf.remaining() {
        ready!(inner.poll_read_into(cx, buf))?;
        return Poll::Ready(Ok(buf.filled().len() - before));
    }
    let mut part = ReadBuf::new(&mut buf.initialize_unfilled()[..most]);
    ready!(inner.poll_read_into(cx, &mut part))?;
    let bytes = part.filled().len();
    buf.advance(bytes);
    Poll::Ready(Ok(bytes))
}

/// Writing.
impl HostConnection {
    fn write_disturbed(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let HostRuntime { sim, host, .. } = &self.end.runtime;
        let (wire, side) = (&self.end.wire, self.end.side);
        if wire.is_reset() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if wire.is_truncated(side) {
            // Whoever cut it off listens no longer.
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let slow = host.fault(FaultKind::Bandwidth);
        if let Some(slow) = slow {
            // Others of the host may have been quicker when its turn came.
            while let wait = host.sends_until().saturating_sub(sim.now())
                && !wait.is_zero()
            {
                let pace = self.pace.get_or_insert_with(|| self.end.runtime.inner.sleep(wait));
                if pace.poll_unpin(cx).is_pending() {
                    strike(sim, slow.index);
                    return Poll::Pending;
                }
                self.pace = None;
            }
        }
        self.pace = None;
        let rate = slow.map_or(u64::MAX, |slow| slow.size.max(1));
        // What is sent in a tenth of a second goes at once.
        let mut most = usize::try_from(rate.div_ceil(10)).unwrap_or(usize::MAX).min(bytes.len());
        let short = host.fault(FaultKind::ShortWrites).filter(|short| short.size < most as u64);
        most = short.map_or(most, |short| short.size.max(1) as usize);
        let sent = match ready!(Pin::new(&mut *self.inner).poll_write(cx, &bytes[..most])) {
            Ok(sent) => sent,
            Err(error) => match wire.silences(side) {
                None => return Poll::Ready(Err(error)),
                Some(_) if self.lost >= WINDOW => return Poll::Pending,
                // That the peer is gone cannot be known here yet.
                Some(_) => {
                    self.lost += most;
                    most
                }
            },
        };
        if let Some(short) = short.filter(|_| sent == most) {
            strike(sim, short.index);
        }
        if slow.is_some() {
            let time = Duration::from_micros((sent as u64).saturating_mul(1_000_000) / rate);
            host.send_for(sim.now(), time);
        }
        Poll::Ready(Ok(sent))
    }

    fn wrote(&self, cx: &Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => self.end.has_sent(bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => return self.end.wait_to_write(cx),
        }
        written
    }
}

impl AsyncRead for HostConnection {
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

impl AsyncWrite for HostConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Pin::new(&mut *self.inner).poll_write(cx, bytes);
        }
        let written = match self.end.is_disturbed() {
            true => self.write_disturbed(cx, bytes),
            false => Pin::new(&mut *self.inner).poll_write(cx, bytes),
        };
        self.wrote(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Some(first) = slices.iter().find(|slice| !slice.is_empty()) else {
            return Pin::new(&mut *self.inner).poll_write_vectored(cx, slices);
        };
        let written = match self.end.is_disturbed() {
            true => self.write_disturbed(cx, first),
            false => Pin::new(&mut *self.inner).poll_write_vectored(cx, slices),
        };
        self.wrote(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.end.wire.is_reset() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut *self.inner).poll_flush(cx)
    }

    /// The end of a stream is not held here: it is behind the bytes, which are held where they are read.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.end.wire.is_reset() {
            return Poll::Ready(Ok(()));
        }
        let closed = match ready!(Pin::new(&mut *self.inner).poll_close(cx)) {
            Err(_) if self.end.wire.silences(self.end.side).is_some() => Ok(()),
            closed => closed,
        };
        if closed.is_ok() && self.end.wire.close(self.end.side) {
            self.end.has_set_out();
        }
        Poll::Ready(closed)
    }
}

impl Connection for HostConnection {
    fn peer_addr(&self) -> io::Result<Address> {
        self.inner.peer_addr()
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.inner.local_addr()
    }

    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.inner.set_nodelay(on)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn abort(self: Box<Self>) {
        self.inner.abort();
    }

    fn poll_read_into(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.read(cx, buf)
    }
}
