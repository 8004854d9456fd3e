use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::io::{AsyncRead, AsyncWrite};

use super::pipe::{Found, Pipe};
use crate::{
    rt::{Address, Connection, ReadBuf},
    testing::{timers::VirtualTimer, world::World},
};

/// One end of a connection in memory.
pub(super) struct MemoryConnection {
    world: Arc<World>,
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
    /// When what is under way arrives.
    arrival: Option<Pin<Box<VirtualTimer>>>,
    local: Address,
    peer: Address,
}

impl MemoryConnection {
    /// The two ends: the client's, and that of the server at `server`.
    pub(super) fn pair(world: &Arc<World>, client: &Address, server: &Address) -> (Self, Self) {
        let (there, back) = (Arc::new(Pipe::default()), Arc::new(Pipe::default()));
        let end = |incoming: &Arc<Pipe>, outgoing: &Arc<Pipe>, local: &Address, peer: &Address| Self {
            world: Arc::clone(world),
            incoming: Arc::clone(incoming),
            outgoing: Arc::clone(outgoing),
            arrival: None,
            local: local.clone(),
            peer: peer.clone(),
        };
        (end(&back, &there, client, server), end(&there, &back, server, client))
    }

    /// Reads into `sink`; 0 at the end of the stream.
    fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        mut sink: impl FnMut(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        let mut is_registered = false;
        loop {
            let at = match self.incoming.read(self.world.now(), &mut sink)? {
                Found::Bytes(n) => return Poll::Ready(Ok(n)),
                Found::End => return Poll::Ready(Ok(0)),
                Found::Nothing => None,
                Found::Arriving(at) => Some(at),
            };
            if !is_registered {
                // Registered first, looked again then: what comes in between is not missed.
                self.incoming.reader.register(cx.waker());
                is_registered = true;
                continue;
            }
            let Some(at) = at else { return Poll::Pending };
            ready!(self.poll_arrival(cx, at));
        }
    }

    fn poll_arrival(&mut self, cx: &mut Context<'_>, at: u64) -> Poll<()> {
        let world = &self.world;
        let timer = self.arrival.get_or_insert_with(|| Box::pin(VirtualTimer::new(world, at, false)));
        if timer.at() != at {
            timer.as_mut().get_mut().move_to(at);
        }
        timer.as_mut().poll(cx)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let world = &self.world;
        let bytes_max = world.config.stream_bytes_max;
        let send =
            || self.outgoing.write(slices, bytes_max, || world.now().saturating_add(world.draw_latency()));
        if let Some(n) = send()? {
            return Poll::Ready(Ok(n));
        }
        self.outgoing.writer.register(cx.waker());
        send()?.map_or(Poll::Pending, |n| Poll::Ready(Ok(n)))
    }

    fn close(&self) {
        self.outgoing.close(|| self.world.now().saturating_add(self.world.draw_latency()));
    }

    /// Breaks it off for both ends.
    pub(super) fn reset(&self) {
        if self.local.tcp().is_some() {
            self.outgoing.reset();
            self.incoming.reset();
        }
    }
}

impl AsyncRead for MemoryConnection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.get_mut().poll_take(cx, |bytes| {
            let n = bytes.len().min(buf.len());
            let (now, later) = std::mem::take(&mut buf).split_at_mut(n);
            now.copy_from_slice(&bytes[..n]);
            buf = later;
            n
        })
    }
}

impl AsyncWrite for MemoryConnection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.close();
        Poll::Ready(Ok(()))
    }
}

impl Connection for MemoryConnection {
    fn peer_addr(&self) -> io::Result<Address> {
        Ok(self.peer.clone())
    }

    fn local_addr(&self) -> io::Result<Address> {
        Ok(self.local.clone())
    }

    fn set_nodelay(&self, _on: bool) -> io::Result<()> {
        Ok(())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn abort(self: Box<Self>) {
        self.reset();
    }

    fn poll_read_into(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let read = self.get_mut().poll_take(cx, |bytes| {
            let n = bytes.len().min(buf.remaining());
            buf.put_slice(&bytes[..n]);
            n
        });
        read.map_ok(|_| ())
    }
}

impl Drop for MemoryConnection {
    fn drop(&mut self) {
        self.close();
        self.incoming.abandon();
    }
}
