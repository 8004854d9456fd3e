//! Those who wait until the counts of a pool are as they wish.

use std::{
    future::poll_fn,
    mem,
    sync::Arc,
    task::{Poll, Waker},
};

use slab::Slab;

use super::{
    Manager,
    driver::{Inner, State},
};

/// Who watches the counts.
#[derive(Default)]
pub(super) struct Watchers(Slab<Watcher>);

#[derive(Default)]
struct Watcher {
    /// Since it waited last.
    has_changed: bool,
    waker: Option<Waker>,
}

impl Watchers {
    /// The counts may have changed. Returns whom to wake.
    #[inline]
    pub(super) fn tell(&mut self) -> Vec<Waker> {
        let told = self.0.iter_mut().filter_map(|(_, watcher)| {
            watcher.has_changed = true;
            watcher.waker.take()
        });
        told.collect()
    }
}

/// Watches the counts as long as it lives.
pub(super) struct Watching<'a, M: Manager> {
    inner: &'a Inner<M>,
    number: usize,
}

impl<'a, M: Manager> Watching<'a, M> {
    pub(super) fn start(inner: &'a Inner<M>) -> Self {
        let number = inner.state.lock().watchers.0.insert(Watcher::default());
        Self { inner, number }
    }

    /// Waits until the counts may have changed since it was called last, or since the start.
    pub(super) async fn changed(&self) {
        poll_fn(|cx| {
            // Cloned and dropped without the lock.
            let mut waker = Some(cx.waker().clone());
            let mut state = self.inner.state.lock();
            let Some(watcher) = state.watchers.0.get_mut(self.number) else { return Poll::Ready(()) };
            if mem::take(&mut watcher.has_changed) {
                return Poll::Ready(());
            }
            mem::swap(&mut watcher.waker, &mut waker);
            Poll::Pending
        })
        .await;
    }
}

impl<M: Manager> Drop for Watching<'_, M> {
    fn drop(&mut self) {
        // Its waker is dropped when the lock is released.
        let _watcher = self.inner.state.lock().watchers.0.try_remove(self.number);
    }
}

/// Asks for open connections, as long as it lives.
pub(super) struct Warming<'a, M: Manager> {
    inner: &'a Arc<Inner<M>>,
    number: usize,
}

impl<'a, M: Manager> Warming<'a, M> {
    pub(super) fn start(inner: &'a Arc<Inner<M>>, count: usize) -> Self {
        let now = inner.now();
        let number = inner.change(|state, effects| {
            let number = state.warmers.insert(count);
            state.machine.warm(now, most(state), effects);
            number
        });
        Self { inner, number }
    }
}

impl<M: Manager> Drop for Warming<'_, M> {
    fn drop(&mut self) {
        let now = self.inner.now();
        self.inner.change(|state, effects| {
            state.warmers.try_remove(self.number);
            state.machine.warm(now, most(state), effects);
        });
    }
}

fn most<M: Manager>(state: &State<M>) -> usize {
    state.warmers.iter().map(|(_, count)| *count).max().unwrap_or(0)
}
