use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{Stream, stream::FusedStream};

use super::Merge;

/// What a [`Merge`] tells of its sources.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<K, T> {
    /// A source gave an item.
    Item(K, T),
    /// A source came to its end, and was removed and dropped.
    Ended(K),
    /// A source panicked, when it was polled or when it was dropped at its end, with this text. It was removed.
    Panicked(K, String),
}

impl<K, T> Event<K, T> {
    /// The key of the source.
    pub fn key(&self) -> &K {
        match self {
            Self::Item(key, _) | Self::Ended(key) | Self::Panicked(key, _) => key,
        }
    }

    /// The item, if it is one.
    pub fn into_item(self) -> Option<T> {
        match self {
            Self::Item(_, item) => Some(item),
            _ => None,
        }
    }
}

/// What has become of the sources of a [`Merge`] so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MergeStats {
    /// How many sources there are now.
    pub sources: usize,
    /// How many were inserted. It is the sum of `sources`, `removed`, `ended` and `panicked`.
    pub inserted: u64,
    /// How many were removed or replaced by their owner.
    pub removed: u64,
    /// How many came to their end.
    pub ended: u64,
    /// How many panicked.
    pub panicked: u64,
    /// How many items they gave.
    pub items: u64,
    /// How often any of them was polled.
    pub polls: u64,
}

/// The items of a [`Merge`] alone, by [`Merge::items`].
///
/// A source that panics is counted in [`MergeStats::panicked`] and logged; the others go on.
pub struct Items<K, S> {
    merge: Merge<K, S>,
}

impl<K, S> Items<K, S> {
    pub(super) fn new(merge: Merge<K, S>) -> Self {
        Self { merge }
    }

    /// The merge, to look at it.
    pub fn merge(&self) -> &Merge<K, S> {
        &self.merge
    }

    /// The merge, to insert and remove sources.
    pub fn merge_mut(&mut self) -> &mut Merge<K, S> {
        &mut self.merge
    }

    /// The merge.
    pub fn into_merge(self) -> Merge<K, S> {
        self.merge
    }
}

impl<K: Ord, S: Stream + Unpin> Stream for Items<K, S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        loop {
            match ready!(self.merge.poll_event(cx, |_| ())) {
                Some(Event::Item((), item)) => return Poll::Ready(Some(item)),
                Some(Event::Ended(()) | Event::Panicked(..)) => {}
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<K: Ord, S: Stream + Unpin> FusedStream for Items<K, S> {
    fn is_terminated(&self) -> bool {
        self.merge.is_empty()
    }
}

impl<K: fmt::Debug, S> fmt::Debug for Items<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Items").field(&self.merge).finish()
    }
}
