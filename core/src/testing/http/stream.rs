use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use futures::io::{AsyncRead, AsyncWrite};
use futures_rustls::server::TlsStream;

use crate::rt::BoxConnection;

/// A connection, with TLS or without.
pub(super) enum Stream {
    Plain(BoxConnection),
    Tls(Box<TlsStream<BoxConnection>>),
}

impl Stream {
    /// Resets the connection below, TLS or not.
    pub(super) fn abort(self) {
        match self {
            Self::Plain(connection) => connection.abort(),
            Self::Tls(stream) => stream.into_inner().0.abort(),
        }
    }

    fn reader(&mut self) -> &mut (dyn AsyncRead + Send + Unpin) {
        match self {
            Self::Plain(connection) => connection,
            Self::Tls(stream) => &mut **stream,
        }
    }

    fn writer(&mut self) -> &mut (dyn AsyncWrite + Send + Unpin) {
        match self {
            Self::Plain(connection) => connection,
            Self::Tls(stream) => &mut **stream,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.get_mut().reader()).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.get_mut().writer()).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().writer()).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().writer()).poll_close(cx)
    }
}
