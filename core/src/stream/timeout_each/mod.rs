//! A limit on how long each item of a stream may take.

#[cfg(test)]
mod tests;

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use futures::{Stream, stream::FusedStream};
use pin_project_lite::pin_project;

use super::timer::Timer;
use crate::rt::{Coop, Elapsed, Rt};

pin_project! {
    /// The items of a stream, and an error for each that takes too long, by
    /// [`timeout_each`](crate::stream::RtStreamExt::timeout_each).
    ///
    /// - An item that has not come within the limit gives [`Elapsed`] **once**; then it is waited for as long as it takes.
    ///   The stream goes on, and the next item has a limit of its own.
    /// - The clock of an item starts when it is first asked for in vain, as that of
    ///   [`Rt::timeout`]: the time that the consumer takes is not the source's. (The `timeout` of `tokio-stream` counts from
    ///   the item before.) So an item that is there costs neither a timer nor a look at the clock.
    /// - Ready and expired in one poll: the item wins.
    /// - Once in 128 items without a wait it lets other tasks run.
    ///
    /// # Cancel safety
    ///
    /// Dropping a `next()` loses nothing, and the clock runs on.
    #[must_use = "streams do nothing unless polled"]
    pub struct TimeoutEach<S> {
        #[pin]
        source: S,
        rt: Rt,
        limit: Duration,
        wait: Wait,
        timer: Timer,
        coop: Coop,
        ended: bool,
    }
}

/// How long the next item was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    No,
    Until(Instant),
    /// Its error was reported.
    TooLong,
}

impl<S> TimeoutEach<S> {
    pub(super) fn new(source: S, rt: &Rt, limit: Duration) -> Self {
        Self {
            source,
            rt: rt.clone(),
            limit,
            wait: Wait::No,
            timer: Timer::default(),
            coop: Coop::default(),
            ended: false,
        }
    }
}

impl<S: Stream> Stream for TimeoutEach<S> {
    type Item = Result<S::Item, Elapsed>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        ready!(this.coop.poll_turn(cx));
        if let Poll::Ready(next) = this.source.poll_next(cx) {
            // The timer is left as it is: the next item to be late moves it.
            *this.wait = Wait::No;
            if next.is_none() {
                *this.ended = true;
                this.timer.disarm();
            }
            return Poll::Ready(next.map(Ok));
        }
        let until = match *this.wait {
            Wait::No => this.rt.instant_after(*this.limit),
            Wait::Until(until) => until,
            Wait::TooLong => {
                this.coop.waited();
                return Poll::Pending;
            }
        };
        *this.wait = Wait::Until(until);
        if this.timer.poll(this.rt, until, cx).is_pending() {
            this.coop.waited();
            return Poll::Pending;
        }
        *this.wait = Wait::TooLong;
        Poll::Ready(Some(Err(Elapsed { limit: *this.limit })))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.ended {
            return (0, Some(0));
        }
        let (lower, upper) = self.source.size_hint();
        // An error may come before each item and before the end.
        (lower, upper.and_then(|upper| upper.checked_mul(2)?.checked_add(1)))
    }
}

impl<S: Stream> FusedStream for TimeoutEach<S> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<S> fmt::Debug for TimeoutEach<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutEach").field("limit", &self.limit).finish_non_exhaustive()
    }
}
