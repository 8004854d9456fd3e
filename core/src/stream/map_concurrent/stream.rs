use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::{Stream, stream::FusedStream};

use super::{
    Concurrency, MapStats,
    driver::{Consume, Inner},
    state::{Call, Taken},
};
use crate::{
    ConfigError,
    rt::{Coop, JoinError, Rt, Task},
};

/// The results of a closure that runs on the items of a stream, several at once, by
/// [`map_concurrent`](crate::stream::RtStreamExt::map_concurrent).
///
/// - The work is done by **tasks** of the runtime: it goes on while the consumer does something else, as futures that the
///   consumer polls itself do not.
/// - Never more than [`tasks_max`](Concurrency::tasks_max) items are worked on, and never more than that and
///   [`read_ahead_max`](Concurrency::read_ahead_max) are held. When these are not taken, the source is not asked for more.
/// - Results come in the [order](super::Order) that was asked for.
/// - A panic is the result of its item, [`JoinError::Panicked`], and harms no other. A panic of the source is the last
///   result that begins, and the end.
/// - Dropping the stream cancels its tasks; [`close`](Self::close) waits until their destructors have run.
///
/// Nothing happens before it is polled. The source is asked by one task at a time, the closure called by the same; what the
/// closure returns runs beside others. If the runtime ends, items that were not done give [`JoinError::Cancelled`], and so
/// does the source that was not read to its end.
///
/// A panic is also a [`tracing`] event at the level of a warning, `seaworthy.stream.panicked`.
///
/// # Cancel safety
///
/// Dropping a `next()` loses nothing.
#[must_use = "streams do nothing unless polled"]
pub struct MapConcurrent<T> {
    inner: Arc<dyn Consume<T>>,
    coop: Coop,
    ended: bool,
}

impl<T: Send + 'static> MapConcurrent<T> {
    pub(in crate::stream) fn new<S, F, Fut>(
        source: S,
        rt: &Rt,
        config: Concurrency,
        map: F,
    ) -> Result<Self, ConfigError>
    where
        S: Stream + Send + 'static,
        F: FnMut(S::Item) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
    {
        config.check()?;
        let inner = Arc::new(Inner::new(rt, config, source, map));
        Ok(Self { inner, coop: Coop::default(), ended: false })
    }
}

impl<T> MapConcurrent<T> {
    /// What became of the items.
    pub fn stats(&self) -> MapStats {
        self.inner.stats()
    }

    /// How many tasks have not ended.
    #[cfg(test)]
    pub(super) fn tasks(&self) -> usize {
        self.inner.tasks()
    }

    /// Cancels what is worked on, at once, and returns a future that waits until its destructors have run.
    ///
    /// Results that were not taken are dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future does not revoke the cancellation.
    pub fn close(self) -> impl Future<Output = ()> + Send + use<T> {
        let mut ends: Vec<_> = self.inner.close().into_iter().map(Task::cancel).collect();
        let inner = Arc::clone(&self.inner);
        async move {
            loop {
                for end in ends {
                    // Cancelled or ended: either is what was asked for.
                    let _ = end.await;
                }
                ends = loop {
                    match inner.late() {
                        Ok(late) => break late,
                        Err(started) => started.await,
                    }
                };
                if ends.is_empty() {
                    return;
                }
            }
        }
    }

    fn poll_taken(&mut self, waits: bool) -> Taken<Result<T, JoinError>> {
        let (taken, call) = self.inner.take(waits);
        match call {
            Some(Call::Wake(waker)) => waker.wake(),
            Some(Call::Spawn(slot)) => Arc::clone(&self.inner).spawn(slot),
            None => {}
        }
        taken
    }
}

impl<T> Stream for MapConcurrent<T> {
    type Item = Result<T, JoinError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        ready!(this.coop.poll_turn(cx));
        let mut taken = this.poll_taken(false);
        if matches!(taken, Taken::Nothing) {
            // A result that comes in between is found by the second look.
            this.inner.register(cx.waker());
            taken = this.poll_taken(true);
        }
        match taken {
            Taken::Item(result) => Poll::Ready(Some(result)),
            Taken::End => {
                this.ended = true;
                Poll::Ready(None)
            }
            Taken::Nothing => {
                this.coop.waited();
                Poll::Pending
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.ended {
            return (0, Some(0));
        }
        let stats = self.stats();
        (usize::try_from(stats.running + stats.ready).unwrap_or(usize::MAX), None)
    }
}

impl<T> FusedStream for MapConcurrent<T> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<T> Drop for MapConcurrent<T> {
    fn drop(&mut self) {
        drop(self.inner.close());
    }
}

impl<T> fmt::Debug for MapConcurrent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapConcurrent").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
