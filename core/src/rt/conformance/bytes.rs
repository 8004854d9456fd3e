//! What the cases send and how they look at it.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    task::Poll,
};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::rt::{Coop, Rng};

/// The period of a [`Pattern`]: a prime, so that a lost, doubled or swapped block of any usual size shows.
const PERIOD: usize = 65_521;

const CHUNK: usize = 64 << 10;

/// An endless stream of bytes that both ends know.
pub(super) struct Pattern {
    /// Two periods, so that any chunk is one slice.
    bytes: Vec<u8>,
    position: u64,
}

impl Pattern {
    pub(super) fn new() -> Self {
        let mut bytes = vec![0; PERIOD];
        Rng::from_seed(1).fill(&mut bytes);
        bytes.extend_from_within(..);
        Self { bytes, position: 0 }
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next `len` bytes, at most [`PERIOD`].
    pub(super) fn peek(&self, len: usize) -> &[u8] {
        let start = (self.position % PERIOD as u64) as usize;
        &self.bytes[start..start + len.min(PERIOD)]
    }

    pub(super) fn skip(&mut self, len: usize) {
        self.position += len as u64;
    }

    /// Fails unless `received` is what comes next.
    #[track_caller]
    pub(super) fn check(&mut self, received: &[u8]) {
        for part in received.chunks(PERIOD) {
            assert!(part == self.peek(part.len()), "wrong bytes after the first {}", self.position);
            self.skip(part.len());
        }
    }
}

/// Sends the pattern's next `len` bytes.
pub(super) async fn send(
    to: &mut (impl AsyncWrite + Unpin),
    pattern: &mut Pattern,
    len: u64,
) -> io::Result<()> {
    let end = pattern.position() + len;
    let mut coop = Coop::default();
    while pattern.position() < end {
        let rest = usize::try_from(end - pattern.position()).unwrap_or(CHUNK);
        let written = to.write(pattern.peek(rest.min(CHUNK))).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        pattern.skip(written);
        coop.turn().await;
    }
    to.flush().await
}

/// Reads to the end of the stream and holds it against the pattern; returns how many bytes there were.
pub(super) async fn receive_all(
    from: &mut (impl AsyncRead + Unpin),
    pattern: &mut Pattern,
) -> io::Result<u64> {
    let start = pattern.position();
    let mut chunk = vec![0; CHUNK];
    let mut coop = Coop::default();
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            return Ok(pattern.position() - start);
        }
        pattern.check(&chunk[..read]);
        coop.turn().await;
    }
}

/// Polls `future` once, with the waker of the caller.
pub(super) async fn poll_once<F: Future + Unpin>(mut future: F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut future).poll(cx))).await
}
