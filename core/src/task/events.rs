use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use event_listener::EventListener;
use futures::Stream;

use super::{Report, Status, TaskId, driver::Inner};
use crate::rt::TaskName;

/// Something that happened in a manager, as told by [`Events`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A task was submitted, started or ended.
    Changed {
        /// Which.
        id: TaskId,
        /// Its name.
        name: TaskName,
        /// Its priority.
        priority: i32,
        /// Where it is now.
        status: Status,
        /// Since when.
        at: Instant,
    },
    /// The reader was too slow: so many events are gone.
    Missed(u64),
}

impl Event {
    pub(super) fn changed(report: &Report) -> Self {
        Self::Changed {
            id: report.id,
            name: report.name.clone(),
            priority: report.priority,
            status: report.status,
            at: report.ended.or(report.started).unwrap_or(report.created),
        }
    }
}

/// What happens in a manager, as a stream, from the call of [`events`](super::TaskManager::events) on.
///
/// It keeps at most `events_max` for its slowest reader; one that lags further is told how many it [missed](Event::Missed).
/// It ends when the manager is shut down and its last task has ended.
pub struct Events {
    inner: Arc<Inner>,
    next: u64,
    listener: Option<EventListener>,
}

impl Events {
    pub(super) fn new(inner: &Arc<Inner>) -> Self {
        let next = inner.state.lock().log.join();
        Self { inner: Arc::clone(inner), next, listener: None }
    }

    fn take(&mut self) -> Poll<Option<Event>> {
        let state = self.inner.state.lock();
        if let Some((event, next)) = state.log.read(self.next) {
            self.next = next;
            return Poll::Ready(Some(event));
        }
        if state.machine.is_closed() && state.machine.is_idle() { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            if let Poll::Ready(event) = self.take() {
                return Poll::Ready(event);
            }
            let Some(listener) = &mut self.listener else {
                // Listen first and look again: an event in between is not missed.
                self.listener = Some(self.inner.published.listen());
                continue;
            };
            ready!(Pin::new(listener).poll(cx));
            self.listener = None;
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.inner.state.lock().log.leave();
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("next", &self.next).finish_non_exhaustive()
    }
}

/// The latest events, for any number of readers, each of which knows the number of the event it wants next.
#[derive(Debug)]
pub(super) struct Log {
    events: VecDeque<Event>,
    /// The number of the oldest one kept.
    first: u64,
    readers: usize,
    events_max: usize,
}

impl Log {
    pub(super) fn new(events_max: usize) -> Self {
        Self { events: VecDeque::new(), first: 0, readers: 0, events_max }
    }

    pub(super) fn has_readers(&self) -> bool {
        self.readers > 0
    }

    /// Keeps what `event` makes, if anyone reads.
    pub(super) fn publish(&mut self, event: impl FnOnce() -> Event) {
        if self.readers == 0 {
            return;
        }
        if self.events.len() == self.events_max {
            self.events.pop_front();
            self.first += 1;
        }
        self.events.push_back(event());
    }

    fn join(&mut self) -> u64 {
        self.readers += 1;
        self.first + self.events.len() as u64
    }

    fn leave(&mut self) {
        self.readers -= 1;
        if self.readers == 0 {
            self.first += self.events.len() as u64;
            self.events = VecDeque::new();
        }
    }

    /// The event a reader wants, and the number of the one after it.
    fn read(&self, wanted: u64) -> Option<(Event, u64)> {
        if wanted < self.first {
            return Some((Event::Missed(self.first - wanted), self.first));
        }
        let index = usize::try_from(wanted - self.first).ok()?;
        self.events.get(index).map(|event| (event.clone(), wanted + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reader_is_told_what_it_missed_and_a_quick_one_misses_nothing() {
        let mut log = Log::new(2);
        log.publish(|| unreachable!("nobody reads, so nothing is made"));
        let (mut slow, mut quick) = (log.join(), log.join());
        for number in 0..5 {
            log.publish(|| Event::Missed(100 + number));
            let (event, next) = log.read(quick).expect("an event");
            assert_eq!(event, Event::Missed(100 + number));
            quick = next;
        }
        let mut seen = Vec::new();
        while let Some((event, next)) = log.read(slow) {
            slow = next;
            seen.push(event);
        }
        assert_eq!(seen, [3, 103, 104].map(Event::Missed));
        log.leave();
        log.leave();
        assert!(log.events.is_empty());
        let late = log.join();
        assert_eq!(log.read(late), None, "a reader starts from where it joins");
    }
}
