//! A connection of the seam as hyper wants it. It counts what was written, so that one can tell whether a request can
//! have reached anybody.
#![expect(
    unsafe_code,
    reason = "both sides can read into uninitialised memory; zeroing it would cost more than this bridge"
)]

use std::{
    any::Any,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures::io::AsyncWrite;
use hyper::rt::{Read, ReadBufCursor, Write};

use crate::rt::{BoxConnection, ReadBuf};

/// What hyper reads from and writes to.
pub(in crate::http) struct Io {
    connection: BoxConnection,
    counts: Arc<Counts>,
    is_secured: bool,
    /// What is given back when the connection is closed.
    _holding: Option<Box<dyn Any + Send>>,
}

/// How much went over a connection.
#[derive(Debug, Default)]
pub(super) struct Counts {
    written: AtomicU64,
    read: AtomicU64,
}

impl Counts {
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

impl Io {
    pub(in crate::http) fn new(connection: BoxConnection, is_secured: bool) -> Self {
        Self { connection, counts: Arc::default(), is_secured, _holding: None }
    }

    /// The same over TLS, and `holding` is dropped when the connection is.
    pub(in crate::http) fn holding(connection: BoxConnection, holding: Box<dyn Any + Send>) -> Self {
        Self { connection, counts: Arc::default(), is_secured: true, _holding: Some(holding) }
    }

    /// How much went over it so far, for who looks on from outside.
    pub(super) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// A write that failed counts, too: over TLS a part of it may have gone out before.
    fn count(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let n = match &written {
            Poll::Ready(Ok(n)) => *n as u64,
            Poll::Ready(Err(_)) => u64::from(self.is_secured),
            Poll::Pending => 0,
        };
        self.counts.written.fetch_add(n, Ordering::Relaxed);
        written
    }
}

impl Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // SAFETY: `ReadBuf` writes initialised bytes only.
        let memory = unsafe { cursor.as_mut() };
        let start = memory.as_ptr();
        let mut buf = ReadBuf::uninit(memory);
        ready!(Pin::new(&mut *self.connection).poll_read_into(cx, &mut buf))?;
        // A reader may have put another buffer in its place; its bytes would not be in ours.
        assert!(std::ptr::eq(buf.filled().as_ptr(), start.cast()), "the reader swapped its buffer");
        let filled = buf.filled().len();
        self.counts.read.fetch_add(filled as u64, Ordering::Relaxed);
        // SAFETY: `ReadBuf` counts as filled only what was initialised, and it stands at the cursor's start.
        unsafe { cursor.advance(filled) };
        Poll::Ready(Ok(()))
    }
}

impl Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write(cx, bytes);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write_vectored(cx, slices);
        self.count(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_close(cx)
    }
}
