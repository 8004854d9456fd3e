//! Wakers are code of others: they may panic, and come back to where they were kept. So they are cloned before the lock
//! is taken, and woken and dropped when it is released.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;
use slab::Slab;

use super::Panic;

/// The wakers of all who wait for one thing to change. It is data under the lock of that thing, and wakes nobody itself.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    /// A place is kept until its owner leaves; its waker is gone once it was taken.
    places: Slab<Option<Waker>>,
}

/// A waiter's place among [`Wakers`]: `None` until it waits. It ends by [`Wakers::leave`].
pub(crate) type Place = Option<usize>;

impl Wakers {
    /// Keeps what is in `waker` for the next [`take`](Self::take). The one it had before is in `waker` afterwards.
    pub(crate) fn keep(&mut self, place: &mut Place, waker: &mut Option<Waker>) {
        match place.and_then(|index| self.places.get_mut(index)) {
            Some(kept) => std::mem::swap(kept, waker),
            None => *place = Some(self.places.insert(waker.take())),
        }
    }

    /// Gives up a place, and its waker, to be dropped when the lock is released.
    pub(crate) fn leave(&mut self, place: &mut Place) -> Option<Waker> {
        place.take().and_then(|index| self.places.try_remove(index)).flatten()
    }

    /// All of them, to be [woken](wake_each) when the lock is released.
    pub(crate) fn take(&mut self) -> Vec<Waker> {
        self.places.iter_mut().filter_map(|(_, kept)| kept.take()).collect()
    }
}

/// What `look` finds in `state`, or else a place among `wakers`, which whoever changes `state` wakes.
pub(crate) fn poll_locked<S, T>(
    cx: &Context<'_>,
    state: &Mutex<S>,
    place: &mut Place,
    mut look: impl FnMut(&mut S) -> Poll<T>,
    wakers: impl FnOnce(&mut S) -> &mut Wakers,
) -> Poll<T> {
    let found = look(&mut state.lock());
    if found.is_ready() {
        return found;
    }
    // Before the guard, so that it is dropped after it.
    let mut waker = Some(cx.waker().clone());
    let mut state = state.lock();
    // Looked again: a change in between woke nobody.
    let found = look(&mut state);
    if found.is_pending() {
        wakers(&mut state).keep(place, &mut waker);
    }
    found
}

/// Wakes everyone. A waker that panics is told of, and neither leaves the others asleep nor harms whoever came by.
pub(crate) fn wake_each(wakers: impl IntoIterator<Item = Waker>, mut panicked: impl FnMut(Panic)) {
    for waker in wakers {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            panicked(Panic::new("waker", payload));
        }
    }
}

/// As [`wake_each`], where no runtime is at hand to report a panic to.
pub(crate) fn wake_unreported(wakers: impl IntoIterator<Item = Waker>) {
    wake_each(wakers, |panic| panic.log());
}

/// Wakers of all kinds, for tests.
#[cfg(test)]
pub(crate) mod strangers {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Wake, Waker},
    };

    struct Calling<F>(F);

    impl<F: Fn() + Send + Sync + 'static> Wake for Calling<F> {
        fn wake(self: Arc<Self>) {
            (self.0)();
        }
    }

    /// One that runs `call` whenever it is woken.
    pub(crate) fn calling(call: impl Fn() + Send + Sync + 'static) -> Waker {
        Arc::new(Calling(call)).into()
    }

    /// One that panics.
    pub(crate) fn grumpy() -> Waker {
        calling(|| panic!("not now"))
    }

    /// One that counts.
    pub(crate) fn counting(woken: &Arc<AtomicUsize>) -> Waker {
        let woken = Arc::clone(woken);
        calling(move || _ = woken.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_its_owners_until_it_leaves() {
        let mut wakers = Wakers::default();
        let (mut first, mut second) = (None, None);
        let mut waker = Some(Waker::noop().clone());
        wakers.keep(&mut first, &mut waker);
        assert!(waker.is_none());
        assert_eq!((wakers.take().len(), wakers.take().len()), (1, 0));
        wakers.keep(&mut second, &mut Some(Waker::noop().clone()));
        assert_ne!(first, second, "the first was woken and has not left");
        assert!(wakers.leave(&mut first).is_none());
        assert_eq!(wakers.take().len(), 1);
        waker = Some(Waker::noop().clone());
        wakers.keep(&mut second, &mut waker);
        assert!(waker.is_none(), "there was none to exchange it for");
        waker = Some(Waker::noop().clone());
        wakers.keep(&mut second, &mut waker);
        assert!(waker.is_some(), "the old one is handed out, to be dropped later");
        assert!(wakers.leave(&mut second).is_some());
        assert!(wakers.places.is_empty());
    }
}
