//! The latest item of a stream in each period: a pure machine and the stream that drives it.

mod state;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, stream::FusedStream};
use pin_project_lite::pin_project;

use self::state::Machine;
pub use self::state::SampleStats;
use super::{pace::Pace, timer::Timer};
use crate::{ConfigError, rt::Rt};

/// How many items that were there at once are taken before others get a turn. A sample counts as eight more, so that there
/// are at most 128 of them.
const BUDGET: usize = 1024;
const SAMPLE_COST: usize = BUDGET / 128;

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
    /// eighth of its period, or by the time of one item; and if fast items become slow all at once, by the time of 128 of
    /// them, once. Once in 1024 items or 128 samples that were there at once others get a turn.
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
        // Until the next turn of others. It goes on from one poll to the next: a sample is no wait.
        budget: usize,
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
            budget: BUDGET,
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
        while *this.budget > 0 {
            *this.budget -= 1;
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
                    if let Some(due) = this.machine.due()
                        && this.timer.poll(this.rt, due, cx).is_ready()
                        && let Some(item) = this.machine.expired(due)
                    {
                        *this.budget = this.budget.saturating_sub(SAMPLE_COST);
                        return Poll::Ready(Some(item));
                    }
                    *this.budget = BUDGET;
                    return Poll::Pending;
                }
            }
            if this.pace.left() == 0
                && let Some(item) = this.machine.expired(this.pace.look(this.rt.now()))
            {
                this.timer.disarm();
                *this.budget = this.budget.saturating_sub(SAMPLE_COST);
                return Poll::Ready(Some(item));
            }
        }
        *this.budget = BUDGET;
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
