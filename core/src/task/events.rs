use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use futures::Stream;

use super::{Report, Status, TaskId, driver::Inner};
use crate::{
    rt::TaskName,
    wait::{News, Reader, poll_feed},
};

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
    reader: Reader,
}

impl Events {
    pub(super) fn new(inner: &Arc<Inner>) -> Self {
        let reader = inner.state.lock().feed.join();
        Self { inner: Arc::clone(inner), reader }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let Self { inner, reader } = &mut *self;
        poll_feed(cx, &inner.state, |state| &mut state.feed, reader).map(|news| {
            Some(match news? {
                News::Event(event) => event,
                News::Missed(count) => Event::Missed(count),
            })
        })
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let Self { inner, reader } = self;
        let _waker = inner.state.lock().feed.leave(reader);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("reader", &self.reader).finish_non_exhaustive()
    }
}
