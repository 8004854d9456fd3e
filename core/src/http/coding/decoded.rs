use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream::FusedStream};

use super::{
    Coding, DecodeError,
    chain::{Chain, Turn},
};

/// How much is done before others run.
const WORK_BYTES: usize = 64 * 1024;

/// What a step counts at least, so that 128 of them are a turn, as everywhere (`rt::Coop`).
const STEP_BYTES: usize = WORK_BYTES / 128;

/// A body whose codings are undone as it is read, in chunks of 64 KiB at most.
///
/// What has come out is handed over as soon as the body has to be waited for. After an error or the end it gives `None`.
/// Without codings it hands on the body as it is, and nothing is limited.
pub(in crate::http) struct Decoded<S> {
    inner: S,
    chain: Option<Chain>,
    work: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    Open,
    /// What came out before is handed over first.
    Failed(DecodeError),
    Ended,
}

impl<S> Decoded<S> {
    /// `codings` in the order in which they were applied; each stage gives `decoded_bytes_max` at most.
    pub(in crate::http) fn new(inner: S, codings: &[Coding], decoded_bytes_max: u64) -> Self {
        let chain = (!codings.is_empty()).then(|| Chain::new(codings, decoded_bytes_max));
        Self { inner, chain, work: 0, state: State::Open }
    }

    /// The body as it comes.
    pub(in crate::http) fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }
}

impl<S> Stream for Decoded<S>
where
    S: Stream<Item = Result<Bytes, io::Error>> + Send + Unpin,
{
    type Item = Result<Bytes, DecodeError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if matches!(this.state, State::Ended) {
            return Poll::Ready(None);
        }
        let Some(chain) = &mut this.chain else {
            loop {
                let next = std::task::ready!(this.inner.poll_next_unpin(cx));
                match &next {
                    // Nobody is given an empty chunk, and who sends nothing else does not keep others from running.
                    Some(Ok(chunk)) if chunk.is_empty() => {
                        this.work += STEP_BYTES;
                        if this.work >= WORK_BYTES {
                            this.work = 0;
                            cx.waker().wake_by_ref();
                            return Poll::Pending;
                        }
                        continue;
                    }
                    Some(Ok(_)) => this.work = 0,
                    Some(Err(_)) | None => this.state = State::Ended,
                }
                return Poll::Ready(next.map(|result| result.map_err(DecodeError::Body)));
            }
        };
        while matches!(this.state, State::Open) {
            if this.work >= WORK_BYTES {
                if let Some(chunk) = chain.take_chunk() {
                    return Poll::Ready(Some(Ok(chunk)));
                }
                this.work = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match chain.turn() {
                Ok(Turn::Worked(bytes)) => this.work += bytes.max(STEP_BYTES),
                Ok(Turn::Full) => {
                    if let Some(chunk) = chain.take_chunk() {
                        return Poll::Ready(Some(Ok(chunk)));
                    }
                }
                Ok(Turn::Starved) => match this.inner.poll_next_unpin(cx) {
                    Poll::Ready(Some(Ok(bytes))) => {
                        chain.feed(bytes);
                        this.work += STEP_BYTES;
                    }
                    Poll::Ready(Some(Err(error))) => this.state = State::Failed(DecodeError::Body(error)),
                    Poll::Ready(None) => chain.end_input(),
                    Poll::Pending => {
                        this.work = 0;
                        return chain
                            .take_chunk()
                            .map_or(Poll::Pending, |chunk| Poll::Ready(Some(Ok(chunk))));
                    }
                },
                Ok(Turn::Done) => break,
                Err(error) => this.state = State::Failed(error),
            }
        }
        if let Some(chunk) = chain.take_chunk() {
            return Poll::Ready(Some(Ok(chunk)));
        }
        // Buffers and decoders go now, and not when the reader gets round to it.
        this.chain = None;
        match std::mem::replace(&mut this.state, State::Ended) {
            State::Failed(error) => Poll::Ready(Some(Err(error))),
            State::Open | State::Ended => Poll::Ready(None),
        }
    }
}

impl<S> FusedStream for Decoded<S>
where
    S: Stream<Item = Result<Bytes, io::Error>> + Send + Unpin,
{
    fn is_terminated(&self) -> bool {
        matches!(self.state, State::Ended)
    }
}

impl<S> fmt::Debug for Decoded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoded")
            .field("chain", &self.chain)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
