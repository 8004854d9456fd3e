//! The latest item of a stream in each period: a pure machine and the stream that drives it.

mod state;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{Stream, stream::FusedStream};
use pin_project_lite::pin_project;

use self::state::Machine;
pub use self::state::SampleStats;
use super::{pace::Pace, timer::Timer};
use crate::{ConfigError, rt::Rt};

/// How many items that were there at once are taken before others get a turn.
const BUDGET: usize = 1024;

pin_project! {
    /// The latest item of each period, by [`sample`](crate::stream::RtStreamExt::sample).
    ///
    /// - Periods are counted from when the adapter was made. At the end of each the latest item that has come is handed over;
    ///   if none has, nothing is.
    /// - An item that comes with a tick is part of that sample, if there is one already; else it is the first of the next.
    /// - No item comes twice. Those that a later one took the place of are dropped and [counted](Self::stats).
    /// - The last item is handed over when the source ends, without a wait.
    ///
    /// The clock is looked at even if the source is always ready, less often the faster items come; a sample may be late by an
    /// eighth of its period, or by the time of one item. Once in 1024 items that were there at once others get a turn.
    ///
    /// # Cancel safety
    ///
    /// Dropping a `next()` loses nothing.
    #[must_use = "streams do nothing unless polled"]
    pub struct Sample<S: Stream> {
        #[pin]
        source: S,
        rt: Rt,
        machine: Machine<S::Item>,
        pace: Pace,
        timer: Timer,
        ended: bool,
    }
}

impl<S: Stream> Sample<S> {
    pub(super) fn new(source: S, rt: &Rt, period: Duration) -> Result<Self, ConfigError> {
        if period.is_zero() {
            return Err(ConfigError::new("stream::RtStreamExt::sample::period", "0s", "above zero"));
        }
        Ok(Self {
            source,
            rt: rt.clone(),
            machine: Machine::new(rt.now(), period),
            pace: Pace::new(period),
            timer: Timer::default(),
            ended: false,
        })
    }

    /// How many items were handed over so far, and how many skipped.
    pub fn stats(&self) -> SampleStats {
        self.machine.stats()
    }
}

impl<S: Stream> Stream for Sample<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        for _ in 0..BUDGET {
            match this.source.as_mut().poll_next(cx) {
                Poll::Ready(Some(item)) => {
                    // The first of a sample has just been looked at.
                    this.pace.took(usize::from(!this.machine.is_empty()));
                    drop(this.machine.put(item, || this.pace.look(this.rt.now())));
                }
                Poll::Ready(None) => {
                    *this.ended = true;
                    this.timer.disarm();
                    return Poll::Ready(this.machine.take());
                }
                Poll::Pending => {
                    let Some(due) = this.machine.due() else { return Poll::Pending };
                    ready!(this.timer.poll(this.rt, due, cx));
                    return this.machine.expired(due).map_or(Poll::Pending, |item| Poll::Ready(Some(item)));
                }
            }
            if this.pace.left() == 0
                && let Some(item) = this.machine.expired(this.pace.look(this.rt.now()))
            {
                this.timer.disarm();
                return Poll::Ready(Some(item));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let held = usize::from(!self.machine.is_empty());
        if self.ended {
            return (held, Some(held));
        }
        let (lower, upper) = self.source.size_hint();
        (held.max(lower.min(1)), upper.and_then(|upper| upper.checked_add(held)))
    }
}

impl<S: Stream> FusedStream for Sample<S> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<S: Stream> fmt::Debug for Sample<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sample")
            .field("period", &self.machine.period())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
