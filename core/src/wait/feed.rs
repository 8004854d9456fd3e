use std::{
    collections::VecDeque,
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

use crate::rt::{Place, Wakers, poll_locked};

/// The latest events of a component, for any number of readers, each of which starts from where it joined.
///
/// It is bounded: a reader that lags further is told how many it missed. It lives under its component's lock, so that events
/// have the order of what happened, and wakes nobody itself: it returns [`wakers`](Self::wakers).
#[derive(Debug)]
pub(crate) struct Feed<E> {
    events: VecDeque<E>,
    /// The number of the oldest one kept.
    first: u64,
    events_max: usize,
    readers: usize,
    wakers: Wakers,
    /// Whether there is something those who wait were not woken for.
    has_news: bool,
    is_closed: bool,
}

/// A reader's place in a [`Feed`]. It ends by [`Feed::leave`].
#[derive(Debug)]
pub(crate) struct Reader {
    /// The number of the event it wants.
    next: u64,
    place: Place,
}

/// What a reader is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News<E> {
    Event(E),
    /// It was too slow: so many events are gone.
    Missed(u64),
}

impl<E> Feed<E> {
    /// One that keeps at most `events_max` events.
    pub(crate) fn new(events_max: usize) -> Self {
        Self {
            events: VecDeque::new(),
            first: 0,
            events_max,
            readers: 0,
            wakers: Wakers::default(),
            has_news: false,
            is_closed: false,
        }
    }

    /// Keeps what `event` makes, if anyone reads.
    pub(crate) fn publish(&mut self, event: impl FnOnce() -> E) {
        if self.readers == 0 {
            return;
        }
        if self.events.len() == self.events_max {
            self.events.pop_front();
            self.first += 1;
        }
        self.events.push_back(event());
        self.has_news = true;
    }

    /// No event will follow: readers end when they have read what there is.
    pub(crate) fn close(&mut self) {
        self.has_news |= !self.is_closed;
        self.is_closed = true;
    }

    /// Those who wait for what is new, to be [woken](super::wake_all) when the lock is released.
    pub(crate) fn wakers(&mut self) -> Vec<Waker> {
        if std::mem::take(&mut self.has_news) { self.wakers.take() } else { Vec::new() }
    }

    /// A reader of what happens from now on.
    pub(crate) fn join(&mut self) -> Reader {
        self.readers += 1;
        Reader { next: self.first + self.events.len() as u64, place: None }
    }

    /// Ends a reader. Its waker is to be dropped when the lock is released.
    pub(crate) fn leave(&mut self, reader: &mut Reader) -> Option<Waker> {
        self.readers -= 1;
        if self.readers == 0 {
            self.first += self.events.len() as u64;
            self.events = VecDeque::new();
        }
        self.wakers.leave(&mut reader.place)
    }
}

impl<E: Clone> Feed<E> {
    /// What comes next for whoever wants the event `next`, which then is the one after it.
    fn read(&self, next: &mut u64) -> Poll<Option<News<E>>> {
        if *next < self.first {
            let missed = self.first - std::mem::replace(next, self.first);
            return Poll::Ready(Some(News::Missed(missed)));
        }
        let index = usize::try_from(*next - self.first).unwrap_or(usize::MAX);
        match self.events.get(index) {
            Some(event) => {
                *next += 1;
                Poll::Ready(Some(News::Event(event.clone())))
            }
            None if self.is_closed => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

/// What `reader` is told next by the feed in `state`, which is where `feed` says.
pub(crate) fn poll_feed<S, E: Clone + 'static>(
    cx: &Context<'_>,
    state: &Mutex<S>,
    feed: fn(&mut S) -> &mut Feed<E>,
    reader: &mut Reader,
) -> Poll<Option<News<E>>> {
    let Reader { next, place } = reader;
    poll_locked(cx, state, place, |state| feed(state).read(next), |state| &mut feed(state).wakers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(feed: &Feed<u64>, reader: &mut Reader) -> Vec<News<u64>> {
        std::iter::from_fn(|| match feed.read(&mut reader.next) {
            Poll::Ready(news) => news,
            Poll::Pending => None,
        })
        .collect()
    }

    #[test]
    fn a_slow_reader_is_told_what_it_missed_and_a_quick_one_misses_nothing() {
        let mut feed = Feed::new(2);
        feed.publish(|| unreachable!("nobody reads, so nothing is made"));
        let (mut slow, mut quick) = (feed.join(), feed.join());
        for number in 0..5 {
            feed.publish(|| number);
            assert_eq!(all(&feed, &mut quick), [News::Event(number)]);
        }
        assert_eq!(all(&feed, &mut slow), [News::Missed(3), News::Event(3), News::Event(4)]);
        let waiting = feed.leave(&mut slow).into_iter().chain(feed.leave(&mut quick));
        assert_eq!(waiting.count(), 0);
        assert!(feed.events.is_empty());
        let mut late = feed.join();
        assert_eq!(all(&feed, &mut late), [], "a reader starts from where it joins");
        feed.close();
        assert_eq!(feed.read(&mut late.next), Poll::Ready(None));
    }

    #[test]
    fn readers_are_woken_once_for_what_is_new() {
        let feed = Mutex::new(Feed::new(2));
        let mut reader = feed.lock().join();
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(poll_feed(&cx, &feed, |feed| feed, &mut reader), Poll::Pending);
        assert_eq!(feed.lock().wakers().len(), 0, "nothing is new");
        feed.lock().publish(|| 7);
        assert_eq!(feed.lock().wakers().len(), 1);
        assert_eq!(feed.lock().wakers().len(), 0);
        assert_eq!(poll_feed(&cx, &feed, |feed| feed, &mut reader), Poll::Ready(Some(News::Event(7))));
        assert_eq!(poll_feed(&cx, &feed, |feed| feed, &mut reader), Poll::Pending);
        feed.lock().close();
        assert_eq!(feed.lock().wakers().len(), 1);
        assert_eq!(poll_feed(&cx, &feed, |feed| feed, &mut reader), Poll::Ready(None));
    }
}
