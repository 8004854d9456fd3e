use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::Stream;
use parking_lot::Mutex;

use super::Transition;
use crate::wait::{Feed, News, Reader, poll_feed};

/// Something that happened to a breaker, as told by [`Events`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It changed its state.
    Changed(Transition),
    /// The reader was too slow: so many events are gone.
    Missed(u64),
}

/// The transitions of a breaker, each once and in order, as a stream, from the call of
/// [`events`](super::CircuitBreaker::events) on.
///
/// It keeps at most `events_max` for its slowest reader; one that lags further is told how many it
/// [missed](Event::Missed). It ends when the last clone of the breaker is gone. A transition that time brings about is
/// told when somebody next looks at the breaker: nothing runs in the background.
pub struct Events {
    feed: Arc<Mutex<Feed<Transition>>>,
    reader: Reader,
}

impl Events {
    pub(super) fn new(feed: &Arc<Mutex<Feed<Transition>>>) -> Self {
        let reader = feed.lock().join();
        Self { feed: Arc::clone(feed), reader }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let Self { feed, reader } = &mut *self;
        poll_feed(cx, feed, |feed| feed, reader).map(|news| {
            Some(match news? {
                News::Event(transition) => Event::Changed(transition),
                News::Missed(count) => Event::Missed(count),
            })
        })
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let Self { feed, reader } = self;
        let _waker = feed.lock().leave(reader);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("reader", &self.reader).finish_non_exhaustive()
    }
}
