//! Many streams as one: keyed, fair, and at the cost of those that have something to say.

mod event;
mod source;
mod state;
#[cfg(test)]
mod tests;

use std::{
    any::Any,
    borrow::Borrow,
    collections::BTreeMap,
    fmt, mem,
    num::NonZeroU32,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use futures::{Stream, stream::FusedStream};
use slab::Slab;

use self::{
    source::{Shared, Source},
    state::Turns,
};
use super::panics::{caught, message};
use crate::rt::Coop;

pub use event::{Event, Items, MergeStats};

/// How many items a turn has by default.
const TURN_ITEMS_MAX: u32 = 16;

/// How many rounds of sources that wake each other, or themselves, and give nothing, before others run.
///
/// More than one, and a source that yields would be polled so many times by each of the merges it is nested in: their product.
const IDLE_ROUNDS_MAX: u32 = 1;

/// Merges streams into one that says which of them gave each item. The short form of [`Merge::new`] and
/// [`insert`](Merge::insert).
///
/// All streams have one type. For streams of several types, box them: [`BoxStream`](super::BoxStream).
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use futures::StreamExt;
/// use seaworthy_core::stream::{self, Event};
///
/// use futures::stream::iter;
///
/// let mut merged = stream::merge([("odd", iter(vec![1, 3])), ("even", iter(vec![2]))]);
/// let mut events = Vec::new();
/// while let Some(event) = merged.next().await {
///     events.push(event);
/// }
/// let expected = [
///     Event::Item("odd", 1),
///     Event::Item("odd", 3),
///     Event::Ended("odd"),
///     Event::Item("even", 2),
///     Event::Ended("even"),
/// ];
/// assert_eq!(events, expected);
/// # });
/// ```
pub fn merge<K: Ord + Clone, S>(sources: impl IntoIterator<Item = (K, S)>) -> Merge<K, S> {
    sources.into_iter().collect()
}

/// Many streams as one, with a key for each. Sources come and go while it is read.
///
/// It guarantees:
///
/// - Items of one source come in their order, each once.
/// - A source is polled when it was inserted, when it was woken, and after it gave an item: what sources that are quiet
///   cost does not depend on how many there are.
/// - Turns are fair. A source gives at most [`turn_items_max`](Self::turn_items_max) items in a row, then everyone else who
///   was woken has a turn before it has one again.
/// - A source that ends is named, and so is one that panics. Both are removed and dropped, and the others go on.
/// - Once in 128 polls without a wait it lets other tasks run.
///
/// **It ends when it is empty**: then `next` gives `None`. A source that is inserted afterwards revives it, so a service
/// whose sources come and go can `select_biased!` between the next event and the next source: a `FusedStream` that
/// [is terminated](FusedStream::is_terminated) is passed over as long as it is empty.
///
/// Each item comes with a clone of its key. Make that cheap (a number, `&'static str`, `Arc<str>`), or read
/// [`items`](Self::items) alone. How many sources there are is up to whoever inserts them; each costs some 150 bytes beside
/// its stream and two keys.
///
/// # Cancel safety
///
/// Dropping a future of `next` loses nothing: an item leaves its source in the poll that returns it.
///
/// # Examples
///
/// Sources that come and go:
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use futures::{StreamExt, channel::mpsc};
/// use seaworthy_core::stream::{Event, Merge};
///
/// let (sender, sensor) = mpsc::unbounded();
/// let mut readings = Merge::new();
/// assert!(readings.insert("deck", sensor).is_none());
/// sender.unbounded_send(21.5).unwrap();
/// assert_eq!(readings.next().await, Some(Event::Item("deck", 21.5)));
///
/// let sensor = readings.remove("deck").expect("it is there");
/// assert_eq!(readings.next().await, None);
///
/// readings.insert("hold", sensor);
/// sender.unbounded_send(18.0).unwrap();
/// assert_eq!(readings.next().await, Some(Event::Item("hold", 18.0)));
/// # });
/// ```
pub struct Merge<K, S> {
    sources: Slab<Source<K, S>>,
    slots: BTreeMap<K, usize>,
    turns: Turns,
    shared: Arc<Shared>,
    /// A clone of the poller's waker, made before the lock is taken, as a clone is user code.
    spare: Option<Waker>,
    /// A round has begun that is to be the next poll's: the one before it was idle.
    put_off: bool,
    coop: Coop,
    stats: MergeStats,
}

// No stream is pinned in place: they are `Unpin`, or in a box.
impl<K, S> Unpin for Merge<K, S> {}

impl<K, S> Merge<K, S> {
    /// A merge of nothing.
    pub fn new() -> Self {
        Self {
            sources: Slab::new(),
            slots: BTreeMap::new(),
            turns: Turns::new(TURN_ITEMS_MAX),
            shared: Arc::default(),
            spare: None,
            put_off: false,
            coop: Coop::default(),
            stats: MergeStats::default(),
        }
    }

    /// How many items one source may give before the others get a turn. Default: 16.
    ///
    /// With 1 strictly one after the other. More is faster if several sources always have something: a turn that is
    /// continued costs no lock, and what the source needs is in the cache.
    #[must_use]
    pub fn turn_items_max(mut self, items: NonZeroU32) -> Self {
        self.turns.set_items_max(items.get());
        self
    }

    /// How many sources there are.
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether there are none, so that it has ended.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// The keys of all sources, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.slots.keys()
    }

    /// What has become of the sources so far.
    pub fn stats(&self) -> MergeStats {
        MergeStats { sources: self.len(), ..self.stats }
    }

    /// The items alone, without their keys; ends and panics are passed over.
    pub fn items(self) -> Items<K, S> {
        Items::new(self)
    }
}

impl<K: Ord, S> Merge<K, S> {
    /// Adds a source, and wakes whoever waits for the next event. If there was one of that key, it is replaced and comes
    /// back, as in a map.
    pub fn insert(&mut self, key: K, stream: S) -> Option<S>
    where
        K: Clone,
    {
        let name = key.clone();
        let replaced = self.take_out(&key);
        let entry = self.sources.vacant_entry();
        let slot = entry.key();
        self.slots.insert(key, slot);
        self.stats.inserted += 1;
        let link = self.shared.link(slot);
        entry.insert(Source { key: name, stream, waker: Waker::from(Arc::clone(&link)), link });
        self.turns.add(slot);
        self.shared.wake_parent();
        replaced
    }

    /// Removes a source and gives it back. Its late wakes do nothing. If it was the last, the merge has ended, and whoever
    /// waits for the next event is woken.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<S>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let removed = self.take_out(key)?;
        if self.is_empty() {
            self.shared.wake_parent();
        }
        Some(removed)
    }

    /// Whether there is a source of that key.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.slots.contains_key(key)
    }

    fn take_out<Q>(&mut self, key: &Q) -> Option<S>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let slot = self.slots.remove(key)?;
        self.stats.removed += 1;
        let source = self.sources.remove(slot);
        source.link.cut();
        Some(source.stream)
    }
}

impl<K: Ord, S: Stream + Unpin> Merge<K, S> {
    /// The next event, in which a source goes by what `name` makes of its key.
    fn poll_event<N>(
        &mut self,
        cx: &mut Context<'_>,
        name: impl FnOnce(&K) -> N,
    ) -> Poll<Option<Event<N, S::Item>>> {
        let mut rounds = u32::from(mem::take(&mut self.put_off));
        while !self.is_empty() {
            let Some(slot) = self.turns.current() else {
                ready!(self.poll_round(&mut rounds, cx));
                continue;
            };
            let Some(source) = self.sources.get_mut(slot) else {
                self.turns.rests();
                continue;
            };
            ready!(self.coop.poll_turn(cx));
            self.stats.polls += 1;
            let Source { key, stream, waker, .. } = source;
            let poll = || Pin::new(stream).poll_next(&mut Context::from_waker(waker));
            match catch_unwind(AssertUnwindSafe(poll)) {
                Ok(Poll::Ready(Some(item))) => {
                    self.turns.gave();
                    self.stats.items += 1;
                    return Poll::Ready(Some(Event::Item(name(key), item)));
                }
                Ok(Poll::Pending) => self.turns.rests(),
                Ok(Poll::Ready(None)) => return Poll::Ready(Some(self.end(slot, None, name))),
                Err(payload) => return Poll::Ready(Some(self.end(slot, Some(payload), name))),
            }
        }
        Poll::Ready(None)
    }

    /// Begins the next round, or waits until a source is woken.
    fn poll_round(&mut self, rounds: &mut u32, cx: &mut Context<'_>) -> Poll<()> {
        let wait = !self.turns.comes_again();
        if wait && !self.spare.as_ref().is_some_and(|spare| spare.will_wake(cx.waker())) {
            self.spare = Some(cx.waker().clone());
        }
        let waits = self.shared.take_woken(self.turns.next_round(), wait, &mut self.spare);
        let goes_on = self.turns.begin();
        if waits {
            self.coop.waited();
            // It may be the waker of another task, who has read the merge before.
            self.spare = None;
            return Poll::Pending;
        }
        *rounds += 1;
        if goes_on && *rounds > IDLE_ROUNDS_MAX {
            self.coop.waited();
            self.put_off = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Removes a source that has ended or panicked, and drops it.
    #[cold]
    fn end<N>(
        &mut self,
        slot: usize,
        panic: Option<Box<dyn Any + Send>>,
        name: impl FnOnce(&K) -> N,
    ) -> Event<N, S::Item> {
        self.turns.rests();
        let Source { key, stream, link, .. } = self.sources.remove(slot);
        link.cut();
        self.slots.remove(&key);
        let name = name(&key);
        let dropped = caught(|| drop((stream, key))).err();
        let Some(message) = panic.map(message).or(dropped) else {
            self.stats.ended += 1;
            return Event::Ended(name);
        };
        self.stats.panicked += 1;
        tracing::warn!(
            name: "seaworthy.stream.panicked",
            message,
            "a source of a merge panicked and was removed"
        );
        Event::Panicked(name, message)
    }
}

impl<K: Ord + Clone, S: Stream + Unpin> Stream for Merge<K, S> {
    type Item = Event<K, S::Item>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_event(cx, K::clone)
    }
}

impl<K: Ord + Clone, S: Stream + Unpin> FusedStream for Merge<K, S> {
    fn is_terminated(&self) -> bool {
        self.is_empty()
    }
}

impl<K, S> Drop for Merge<K, S> {
    fn drop(&mut self) {
        self.shared.close();
        // One destructor that panics must not keep the others from running.
        for source in self.sources.drain() {
            source.link.cut();
            if let Err(message) = caught(|| drop(source)) {
                tracing::warn!(
                    name: "seaworthy.stream.panicked",
                    message,
                    "a source panicked as it was dropped with its merge"
                );
            }
        }
    }
}

impl<K, S> Default for Merge<K, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord + Clone, S> FromIterator<(K, S)> for Merge<K, S> {
    fn from_iter<I: IntoIterator<Item = (K, S)>>(sources: I) -> Self {
        let mut merge = Self::new();
        merge.extend(sources);
        merge
    }
}

/// Inserts each. Of several with one key the last remains.
impl<K: Ord + Clone, S> Extend<(K, S)> for Merge<K, S> {
    fn extend<I: IntoIterator<Item = (K, S)>>(&mut self, sources: I) {
        for (key, stream) in sources {
            self.insert(key, stream);
        }
    }
}

impl<K: fmt::Debug, S> fmt::Debug for Merge<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<&K> = self.slots.keys().collect();
        f.debug_struct("Merge").field("sources", &sources).field("stats", &self.stats()).finish()
    }
}
