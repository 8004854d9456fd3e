use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures::{Stream, stream::FusedStream};
use pin_project_lite::pin_project;

use super::{
    Batch, BatchStats, Size, Uncounted,
    driver::{Answer, Collected, Collector},
    state::Cause,
};
use crate::{ConfigError, rt::Rt};

pin_project! {
    /// The items of a stream in batches, by [`batches`](crate::stream::RtStreamExt::batches).
    ///
    /// - A batch has at least one item, and they are in the order of the source.
    /// - It is handed over at the first of its [bounds](Batch). Its clock starts when its **first** item is taken from the
    ///   source and does not start again with later ones.
    /// - That holds even if the source is always ready, so that no timer would be looked at. The clock is read less often the
    ///   faster items come: such a batch may be late by an eighth of its time, or by the time of one item; and if fast items
    ///   become slow all at once, by the time of 128 of them, once.
    /// - When the source ends, what is collected is handed over before the end is.
    /// - Once in 1024 items or 128 batches that were there at once it lets other tasks run.
    ///
    /// Nothing is taken from the source while nobody asks for a batch.
    ///
    /// # Cancel safety
    ///
    /// What is collected stays in the adapter: dropping a `next()` loses nothing, and the clock runs on.
    #[must_use = "streams do nothing unless polled"]
    pub struct Batches<S: Stream, F = Uncounted> {
        #[pin]
        source: S,
        collector: Collector<S::Item, F>,
    }
}

impl<S: Stream, F: Size<S::Item>> Batches<S, F> {
    pub(in crate::stream) fn new(source: S, rt: &Rt, config: Batch, size: F) -> Result<Self, ConfigError> {
        config.check(F::COUNTED)?;
        Ok(Self { source, collector: Collector::new(rt, config, size) })
    }

    /// Hands over what is collected now, without a wait for more; `None` if nothing is.
    ///
    /// The next item begins a batch of its own.
    ///
    /// A stream that is not `Unpin` has to be boxed before it is batched (`Box::pin(source).batches(..)`) if this is to be
    /// called once it was polled.
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use std::{future::poll_fn, pin::Pin, task::Poll};
    ///
    /// use futures::{Stream, StreamExt, stream};
    /// use seaworthy_core::stream::{Batch, RtStreamExt};
    ///
    /// // Two items, and then nothing for ever.
    /// let source = stream::iter([1, 2]).chain(stream::pending());
    /// let mut batches = source.batches(&rt, Batch::default()).unwrap();
    /// // Asked once, and not waited for.
    /// let asked = poll_fn(|cx| Poll::Ready(Pin::new(&mut batches).poll_next(cx))).await;
    /// assert!(asked.is_pending());
    /// assert_eq!(batches.flush(), Some(vec![1, 2]));
    /// assert_eq!(batches.flush(), None);
    /// # });
    /// ```
    pub fn flush(&mut self) -> Option<Vec<S::Item>> {
        self.collector.take(Cause::Flush)
    }
}

impl<S: Stream, F> Batches<S, F> {
    /// What was collected and not yet handed over; empty if nothing was.
    ///
    /// A stream that is not `Unpin` has to be boxed before it is batched (`Box::pin(source).batches(..)`) if this is to
    /// be called once it was polled.
    pub fn into_remainder(self) -> Vec<S::Item> {
        self.collector.into_items()
    }

    /// The source, and what was collected and not yet handed over.
    ///
    /// As for [`into_remainder`](Self::into_remainder), a stream that is not `Unpin` has to be boxed before.
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use futures::{StreamExt, stream};
    /// use seaworthy_core::stream::{Batch, RtStreamExt};
    ///
    /// let batch = Batch { items_max: 2, ..Batch::default() };
    /// let mut batches = stream::iter(1..=5).batches(&rt, batch).unwrap();
    /// assert_eq!(batches.next().await, Some(vec![1, 2]));
    /// let (source, collected) = batches.into_parts();
    /// assert!(collected.is_empty());
    /// assert_eq!(source.collect::<Vec<_>>().await, [3, 4, 5]);
    /// # });
    /// ```
    pub fn into_parts(self) -> (S, Vec<S::Item>) {
        (self.source, self.collector.into_items())
    }

    /// How many batches there were so far, and why they were handed over.
    pub fn stats(&self) -> BatchStats {
        self.collector.stats()
    }
}

impl<S: Stream, F: Size<S::Item>> Stream for Batches<S, F> {
    type Item = Vec<S::Item>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<S::Item>>> {
        let mut this = self.project();
        let source = |cx: &mut Context<'_>| {
            Answer::of(this.source.as_mut().poll_next(cx).map(|item| item.map(Ok::<_, Infallible>)))
        };
        this.collector.poll(cx, source).map(|collected| match collected {
            Collected::Batch(batch) => Some(batch),
            Collected::Ended => None,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.collector.size_hint(self.source.size_hint())
    }
}

impl<S: Stream, F: Size<S::Item>> FusedStream for Batches<S, F> {
    fn is_terminated(&self) -> bool {
        self.collector.has_ended()
    }
}

impl<S: Stream, F> fmt::Debug for Batches<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches")
            .field("config", self.collector.config())
            .field("collected", &self.collector.len())
            .finish_non_exhaustive()
    }
}
