//! The bridge between futures' and tokio's I/O traits, both ways, with nothing lost on it: vectored writes stay
//! vectored and no buffer is zeroed for the crossing.
//!
//! It brings tokio's *traits* only, never its runtime. This is the one file in this crate with a `tokio` path in it.
#![expect(
    unsafe_code,
    reason = "both traits can read into uninitialised memory; zeroing it costs more than the bridge"
)]

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::io::{AsyncRead, AsyncWrite};
use tokio::io::{AsyncRead as TokioRead, AsyncWrite as TokioWrite, ReadBuf as TokioReadBuf};

use super::{BoxConnection, ReadBuf};

/// A stream with tokio's traits, seen through futures' traits.
///
/// Closing it twice is fine, also for streams that fail the second time.
#[derive(Debug)]
pub struct FromTokio<S> {
    stream: S,
    closed: bool,
}

impl<S> FromTokio<S> {
    /// Wraps `stream`.
    pub fn new(stream: S) -> Self {
        Self { stream, closed: false }
    }

    /// The stream.
    pub fn inner(&self) -> &S {
        &self.stream
    }

    /// The stream, unwrapped.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: TokioRead + Unpin> FromTokio<S> {
    /// What [`Connection::poll_read_into`](super::Connection::poll_read_into) asks for.
    pub fn poll_read_into(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let known = buf.initialized() - buf.filled().len();
        // SAFETY: `TokioReadBuf` writes initialised bytes only.
        let memory = unsafe { buf.unfilled_mut() };
        let start = memory.as_ptr();
        let mut tokio_buf = TokioReadBuf::uninit(memory);
        // SAFETY: `buf` says so: these bytes follow its filled ones.
        unsafe { tokio_buf.assume_init(known) };
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut tokio_buf))?;
        // A reader may have put another buffer in its place; its bytes would not be in ours.
        assert!(std::ptr::eq(tokio_buf.filled().as_ptr(), start.cast()), "the reader swapped its buffer");
        let (filled, initialized) = (tokio_buf.filled().len(), tokio_buf.initialized().len());
        // SAFETY: `TokioReadBuf` keeps count of the bytes of this memory that were initialised.
        unsafe { buf.assume_init(initialized) };
        buf.advance(filled);
        Poll::Ready(Ok(()))
    }
}

impl<S: TokioRead + Unpin> AsyncRead for FromTokio<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(bytes);
        ready!(self.poll_read_into(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl<S: TokioWrite + Unpin> AsyncWrite for FromTokio<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closed {
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        self.closed = true;
        Poll::Ready(Ok(()))
    }
}

/// A connection of the seam, seen through tokio's traits: for libraries that ask for them.
#[derive(Debug)]
pub struct IntoTokio(BoxConnection);

impl IntoTokio {
    /// Wraps `connection`.
    pub fn new(connection: BoxConnection) -> Self {
        Self(connection)
    }

    /// The connection, unwrapped.
    pub fn into_inner(self) -> BoxConnection {
        self.0
    }
}

impl TokioRead for IntoTokio {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        tokio_buf: &mut TokioReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let known = tokio_buf.initialized().len() - tokio_buf.filled().len();
        // SAFETY: `ReadBuf` writes initialised bytes only.
        let memory = unsafe { tokio_buf.unfilled_mut() };
        let start = memory.as_ptr();
        let mut buf = ReadBuf::uninit(memory);
        // SAFETY: `tokio_buf` says so: these bytes follow its filled ones.
        unsafe { buf.assume_init(known) };
        ready!(Pin::new(&mut *self.0).poll_read_into(cx, &mut buf))?;
        assert!(std::ptr::eq(buf.filled().as_ptr(), start.cast()), "the reader swapped its buffer");
        let (filled, initialized) = (buf.filled().len(), buf.initialized());
        // SAFETY: `ReadBuf` keeps count of the bytes of this memory that were initialised.
        unsafe { tokio_buf.assume_init(initialized) };
        tokio_buf.advance(filled);
        Poll::Ready(Ok(()))
    }
}

impl TokioWrite for IntoTokio {
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

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}
