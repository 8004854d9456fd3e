use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::Stream;
use pin_project_lite::pin_project;

use super::{Acquiring, RateLimiter};
use crate::rt::Sleep;

/// How long to stay away from a line that is full, at most. There may be room for one more at its end long before it has
/// moved on all the way, which is the wait that the limiter tells.
const PAUSE: Duration = Duration::from_millis(100);

pin_project! {
    /// A stream whose items go through a limiter, one token each, by [`RateLimiter::throttle`].
    ///
    /// Items, errors among them, pass unchanged and in order, and each only when its slot has come. One item is taken from
    /// the stream ahead of its slot, so a stream that is idle takes no slots from others. If the line of the limiter is
    /// full, it comes back when there may be room.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future of `next` loses nothing: the item that waits stays here, and so does its place in line.
    #[must_use = "streams do nothing unless polled"]
    pub struct Throttle<S: Stream> {
        #[pin]
        stream: S,
        limiter: RateLimiter,
        item: Option<S::Item>,
        turn: Option<Turn>,
    }
}

/// What the item waits for.
enum Turn {
    Slot(Acquiring),
    /// The line was full.
    Room(Sleep),
}

impl RateLimiter {
    /// Lets the items of `stream` through at this limiter's rate, one token each.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use futures::{StreamExt, stream};
    /// use seaworthy_core::limit::{Quota, RateLimiter};
    ///
    /// let limiter = RateLimiter::new(&rt, Quota::per_second(10)).unwrap();
    /// let start = rt.now();
    /// let letters: Vec<_> = limiter.throttle(stream::iter("ahoy".chars())).collect().await;
    /// assert_eq!(letters, ['a', 'h', 'o', 'y']);
    /// assert_eq!(rt.now() - start, Duration::from_millis(300));
    /// # });
    /// ```
    pub fn throttle<S: Stream>(&self, stream: S) -> Throttle<S> {
        Throttle { stream, limiter: self.clone(), item: None, turn: None }
    }
}

impl<S: Stream> Throttle<S> {
    /// The stream, and the item that was taken from it and has not gone through.
    pub fn into_parts(self) -> (S, Option<S::Item>) {
        (self.stream, self.item)
    }
}

impl<S: Stream> Stream for Throttle<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        if this.item.is_none() {
            *this.item = ready!(this.stream.poll_next(cx));
            if this.item.is_none() {
                return Poll::Ready(None);
            }
        }
        loop {
            match this.turn {
                None => *this.turn = Some(Turn::Slot(this.limiter.acquire(1))),
                Some(Turn::Slot(acquiring)) => {
                    let Err(full) = ready!(Pin::new(acquiring).poll(cx)) else { break };
                    let pause = full.retry_after().map_or(PAUSE, |wait| wait.min(PAUSE));
                    *this.turn = Some(Turn::Room(this.limiter.rt().sleep(pause)));
                }
                Some(Turn::Room(sleep)) => {
                    ready!(Pin::new(sleep).poll(cx));
                    *this.turn = None;
                }
            }
        }
        *this.turn = None;
        Poll::Ready(this.item.take())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let held = usize::from(self.item.is_some());
        let (least, most) = self.stream.size_hint();
        (least.saturating_add(held), most.and_then(|most| most.checked_add(held)))
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for Throttle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("stream", &self.stream)
            .field("limiter", &self.limiter)
            .field("holds", &self.item.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, sync::Arc};

    use futures::{StreamExt, stream};
    use parking_lot::Mutex;

    use super::*;
    use crate::{
        limit::{Quota, rate::Config},
        testing::{for_each_drop_point, for_each_seed, run},
    };

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn items_and_errors_pass_in_order_each_in_its_slot() {
        run(1, |rt| async move {
            let limiter = RateLimiter::new(&rt, Quota::per_second(10).burst(2)).expect("a good quota");
            let start = rt.now();
            let items = stream::iter([Ok(1), Err("two"), Ok(3), Err("four"), Ok(5)]);
            let throttled = limiter.throttle(items).map(|item| (item, (rt.now() - start).as_millis()));
            let passed: Vec<_> = throttled.collect().await;
            assert_eq!(passed, [(Ok(1), 0), (Err("two"), 0), (Ok(3), 100), (Err("four"), 200), (Ok(5), 300)]);
        });
    }

    #[test]
    fn dropping_next_at_any_point_loses_nothing() {
        let points = for_each_drop_point(
            0..20,
            |rt| async move {
                let limiter = RateLimiter::new(&rt, Quota::per_second(10)).expect("a good quota");
                let inner = rt.clone();
                let numbers = stream::iter(0..5).then(move |number| {
                    let rt = inner.clone();
                    async move {
                        rt.sleep(MILLI).await;
                        number
                    }
                });
                let throttled = Box::pin(limiter.throttle(numbers));
                (Arc::new(Mutex::new(throttled)), Arc::default())
            },
            |_rt, (throttled, seen): (_, Arc<Mutex<Vec<i32>>>)| async move {
                for _ in 0..3 {
                    let next = poll_fn(|cx| throttled.lock().poll_next_unpin(cx)).await;
                    seen.lock().extend(next);
                }
            },
            |_rt, (throttled, seen)| async move {
                while let Some(next) = poll_fn(|cx| throttled.lock().poll_next_unpin(cx)).await {
                    seen.lock().push(next);
                }
                assert_eq!(*seen.lock(), [0, 1, 2, 3, 4]);
            },
        );
        assert!(points >= 100, "{points}");
    }

    #[test]
    fn an_idle_stream_takes_no_slot_and_a_dropped_one_gives_its_place_back() {
        for_each_seed(0..10, |rt| async move {
            let limiter = RateLimiter::new(&rt, Quota::per_second(10)).expect("a good quota");
            let idle = limiter.throttle(stream::pending::<()>());
            let idle = rt.spawn("idle", idle.collect::<Vec<_>>());
            let busy = rt.spawn("busy", limiter.throttle(stream::repeat(1)).collect::<Vec<_>>());
            rt.sleep(1050 * MILLI).await;
            assert_eq!(
                (limiter.stats().waiting, limiter.stats().waited),
                (1, 10),
                "all slots are for the busy one"
            );
            drop((idle, busy));
            rt.sleep(MILLI).await;
            assert_eq!(limiter.stats().waiting, 0);
        });
    }

    #[test]
    fn with_a_full_line_it_comes_back_until_there_is_room() {
        run(1, |rt| async move {
            let config = Config { quota: Quota::per_second(10), waiters_max: 0, ..Config::default() };
            let limiter = RateLimiter::with_config(&rt, config).expect("a good config");
            let mut throttled = limiter.throttle(stream::iter(0..3));
            let start = rt.now();
            assert_eq!(throttled.by_ref().collect::<Vec<_>>().await, [0, 1, 2]);
            assert_eq!(rt.now() - start, 200 * MILLI);
            limiter.set_quota(Quota::paused()).expect("a good quota");
            let mut throttled = limiter.throttle(stream::iter(0..3));
            assert!(rt.timeout(950 * MILLI, throttled.next()).await.is_err(), "paused");
            assert_eq!(throttled.size_hint(), (3, Some(3)), "the one that waits is counted");
            limiter.set_quota(Quota::per_second(1000)).expect("a good quota");
            assert_eq!(throttled.next().await, Some(0));
            assert_eq!(throttled.into_parts().1, None);
        });
    }

    #[test]
    fn behind_a_long_line_it_comes_in_as_soon_as_there_is_room() {
        run(1, |rt| async move {
            let config = Config { quota: Quota::per_second(1), waiters_max: 10, ..Config::default() };
            let limiter = RateLimiter::with_config(&rt, config).expect("a good config");
            let waiters: Vec<_> = (0..11).map(|_| rt.spawn("waiter", limiter.acquire(1))).collect();
            rt.sleep(MILLI).await;
            let mut throttled = limiter.throttle(stream::iter(0..1));
            assert!(rt.timeout(500 * MILLI, throttled.next()).await.is_err(), "the line is full");
            // All but the first give up, and it takes no whole line to notice.
            drop(waiters);
            let start = rt.now();
            assert_eq!(throttled.next().await, Some(0));
            assert!(rt.now() - start <= 1000 * MILLI, "{:?}", rt.now() - start);
        });
    }
}
