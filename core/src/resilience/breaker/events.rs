use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use event_listener::EventListener;
use futures::Stream;
use parking_lot::Mutex;

use super::Transition;

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
    feed: Arc<Feed>,
    next: u64,
    listener: Option<EventListener>,
}

impl Events {
    pub(super) fn new(feed: &Arc<Feed>) -> Self {
        let next = feed.log.lock().join();
        Self { feed: Arc::clone(feed), next, listener: None }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            let read = self.feed.log.lock().read(self.next);
            if let Poll::Ready(read) = read {
                return Poll::Ready(read.map(|(event, next)| {
                    self.next = next;
                    event
                }));
            }
            let Some(listener) = &mut self.listener else {
                // Listen first and look again: an event in between is not missed.
                self.listener = Some(self.feed.published.listen());
                continue;
            };
            ready!(Pin::new(listener).poll(cx));
            self.listener = None;
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.feed.log.lock().leave();
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("next", &self.next).finish_non_exhaustive()
    }
}

/// What a breaker and the readers of its events share.
#[derive(Debug)]
pub(super) struct Feed {
    log: Mutex<Log>,
    published: event_listener::Event,
}

impl Feed {
    pub(super) fn new(events_max: usize) -> Self {
        Self { log: Mutex::new(Log::new(events_max)), published: event_listener::Event::new() }
    }

    /// Notes what happened, in order: under the lock of the breaker. [`wake`](Self::wake) follows outside of it.
    pub(super) fn publish(&self, transitions: &[Transition]) {
        let mut log = self.log.lock();
        transitions.iter().for_each(|transition| log.push(*transition));
    }

    /// Wakes the readers. Their wakers are code of others, so under no lock.
    pub(super) fn wake(&self) {
        self.published.notify(usize::MAX);
    }

    pub(super) fn close(&self) {
        self.log.lock().is_closed = true;
        self.wake();
    }
}

/// The latest transitions, for any number of readers, each of which knows the number of the one it wants next.
#[derive(Debug)]
struct Log {
    transitions: VecDeque<Transition>,
    /// The number of the oldest one kept.
    first: u64,
    readers: usize,
    events_max: usize,
    is_closed: bool,
}

impl Log {
    fn new(events_max: usize) -> Self {
        Self { transitions: VecDeque::new(), first: 0, readers: 0, events_max, is_closed: false }
    }

    fn push(&mut self, transition: Transition) {
        if self.readers == 0 {
            return;
        }
        if self.transitions.len() == self.events_max {
            self.transitions.pop_front();
            self.first += 1;
        }
        self.transitions.push_back(transition);
    }

    fn join(&mut self) -> u64 {
        self.readers += 1;
        self.first + self.transitions.len() as u64
    }

    fn leave(&mut self) {
        self.readers -= 1;
        if self.readers == 0 {
            self.transitions = VecDeque::new();
        }
    }

    /// The event a reader wants, and the number of the one after it.
    fn read(&self, wanted: u64) -> Poll<Option<(Event, u64)>> {
        if wanted < self.first {
            return Poll::Ready(Some((Event::Missed(self.first - wanted), self.first)));
        }
        let index = usize::try_from(wanted - self.first).unwrap_or(usize::MAX);
        match self.transitions.get(index) {
            Some(transition) => Poll::Ready(Some((Event::Changed(*transition), wanted + 1))),
            None if self.is_closed => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}
