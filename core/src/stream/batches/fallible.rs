use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures::{Stream, TryStream, stream::FusedStream};
use pin_project_lite::pin_project;

use super::{
    Batch, BatchStats, Size, Uncounted,
    driver::{Answer, Collected, Collector},
    state::Cause,
};
use crate::{ConfigError, rt::Rt};

pin_project! {
    /// The items of a stream that may fail, in batches, by [`try_batches`](crate::stream::RtStreamExt::try_batches).
    ///
    /// All that is said of [`Batches`](super::Batches) holds. An error of the source is reported in its place: what was
    /// collected before it is handed over first. It does not end the stream; what the source gives after it goes on.
    ///
    /// # Cancel safety
    ///
    /// What is collected stays in the adapter, and so does an error: dropping a `next()` loses nothing.
    #[must_use = "streams do nothing unless polled"]
    pub struct TryBatches<S: TryStream, F = Uncounted> {
        #[pin]
        source: S,
        collector: Collector<S::Ok, F>,
        // Came after what was handed over last.
        error: Option<S::Error>,
    }
}

impl<S: TryStream, F: Size<S::Ok>> TryBatches<S, F> {
    pub(in crate::stream) fn new(source: S, rt: &Rt, config: Batch, size: F) -> Result<Self, ConfigError> {
        config.check(F::COUNTED)?;
        Ok(Self { source, collector: Collector::new(rt, config, size), error: None })
    }

    /// Hands over what is collected now, without a wait for more; `None` if nothing is.
    ///
    /// The next item begins a batch of its own. See [`Batches::flush`](super::Batches::flush) for streams that are not
    /// `Unpin`.
    pub fn flush(&mut self) -> Option<Vec<S::Ok>> {
        self.collector.take(Cause::Flush)
    }
}

impl<S: TryStream, F> TryBatches<S, F> {
    /// What was collected and not yet handed over; empty if nothing was.
    ///
    /// See [`Batches::into_remainder`](super::Batches::into_remainder) for streams that are not `Unpin`.
    ///
    /// # Errors
    ///
    /// The source's, if it failed and that was still to be reported. Nothing is collected then.
    pub fn into_remainder(self) -> Result<Vec<S::Ok>, S::Error> {
        self.into_parts().1
    }

    /// The source, and what was collected and not yet handed over, or the source's error if it failed and that was still
    /// to be reported. Nothing is collected then.
    ///
    /// See [`Batches::into_remainder`](super::Batches::into_remainder) for streams that are not `Unpin`.
    pub fn into_parts(self) -> (S, Result<Vec<S::Ok>, S::Error>) {
        (self.source, self.error.map_or_else(|| Ok(self.collector.into_items()), Err))
    }

    /// How many batches there were so far, and why they were handed over.
    pub fn stats(&self) -> BatchStats {
        self.collector.stats()
    }
}

impl<S: TryStream, F: Size<S::Ok>> Stream for TryBatches<S, F> {
    type Item = Result<Vec<S::Ok>, S::Error>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if let Some(error) = this.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let source = |cx: &mut Context<'_>| Answer::of(this.source.as_mut().try_poll_next(cx));
        this.collector.poll(cx, source).map(|collected| match collected {
            Collected::Batch(batch) => Some(Ok(batch)),
            Collected::Failed(None, error) => Some(Err(error)),
            Collected::Failed(Some(batch), error) => {
                *this.error = Some(error);
                Some(Ok(batch))
            }
            Collected::Ended => None,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (lower, upper) = self.collector.size_hint(self.source.size_hint());
        let error = usize::from(self.error.is_some());
        (lower.saturating_add(error), upper.and_then(|upper| upper.checked_add(error)))
    }
}

impl<S: TryStream, F: Size<S::Ok>> FusedStream for TryBatches<S, F> {
    fn is_terminated(&self) -> bool {
        self.error.is_none() && self.collector.has_ended()
    }
}

impl<S: TryStream, F> fmt::Debug for TryBatches<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryBatches")
            .field("config", self.collector.config())
            .field("collected", &self.collector.len())
            .field("failed", &self.error.is_some())
            .finish_non_exhaustive()
    }
}
