//! The laws of merging, each with a test that goes red when it is broken.

mod ending;
mod fairness;
mod machine;
mod waking;

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures::Stream;
use parking_lot::Mutex;

use super::{Event, Merge};
use crate::stream::script::{Bell, bell, poll};

/// A source that a test pours into by hand.
pub(super) struct Tap<T>(Arc<Mutex<Basin<T>>>);

/// The stream of a [`Tap`].
pub(super) struct Flow<T>(Arc<Mutex<Basin<T>>>);

struct Basin<T> {
    items: VecDeque<T>,
    waker: Option<Waker>,
    polls: usize,
}

pub(super) fn tap<T>() -> (Tap<T>, Flow<T>) {
    let basin = Basin { items: VecDeque::new(), waker: None, polls: 0 };
    let basin = Arc::new(Mutex::new(basin));
    (Tap(basin.clone()), Flow(basin))
}

impl<T> Tap<T> {
    pub(super) fn pour(&self, items: impl IntoIterator<Item = T>) {
        self.0.lock().items.extend(items);
        self.wake();
    }

    pub(super) fn wake(&self) {
        let waker = self.0.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The waker of the last poll, which stays where it is.
    pub(super) fn waker(&self) -> Waker {
        self.0.lock().waker.clone().expect("it was polled and waits")
    }

    pub(super) fn polls(&self) -> usize {
        self.0.lock().polls
    }
}

impl<T> Stream for Flow<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut basin = self.0.lock();
        basin.polls += 1;
        if let Some(item) = basin.items.pop_front() {
            return Poll::Ready(Some(item));
        }
        basin.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// All events there are now.
fn drain<K: Ord + Clone, S: Stream + Unpin>(
    merge: &mut Merge<K, S>,
    waker: &Waker,
) -> Vec<Event<K, S::Item>> {
    let mut events = Vec::new();
    while let Poll::Ready(Some(event)) = poll(merge, waker) {
        events.push(event);
    }
    events
}
