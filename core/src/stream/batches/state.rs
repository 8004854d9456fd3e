use std::{mem, time::Instant};

use super::{Batch, BatchStats};

/// For how many items, at most, a new batch takes memory at once: as many as the batch before had.
const AHEAD_MAX: usize = 1024;

/// What is collected, and when it is to be handed over. Pure: it is told the time and never waits.
pub(super) struct Machine<T> {
    config: Batch,
    items: Vec<T>,
    bytes: usize,
    bytes_max: usize,
    /// When the batch has to go. `None` while it is empty, and if that time is beyond any clock.
    due: Option<Instant>,
    /// How many items the batch before had.
    ahead: usize,
    stats: BatchStats,
}

/// Why a batch is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Items,
    Bytes,
    Time,
    End,
    Flush,
}

impl<T> Machine<T> {
    pub(super) fn new(config: Batch) -> Self {
        // As many bytes as can be counted are never reached.
        let bytes_max = config.bytes_max.unwrap_or(usize::MAX);
        Self {
            config,
            items: Vec::new(),
            bytes: 0,
            bytes_max,
            due: None,
            ahead: 0,
            stats: BatchStats::default(),
        }
    }

    /// Collects an item. Returns the batch that it completes, or that it has no room in.
    ///
    /// `now` is asked for the time only by the first item of a batch. An item that had no room may be a whole batch by
    /// itself: [`full`](Self::full) says so, and is to be asked before the next item comes.
    #[inline]
    pub(super) fn push(&mut self, item: T, bytes: usize, now: impl FnOnce() -> Instant) -> Option<Vec<T>> {
        let room = self.bytes_max.saturating_sub(self.bytes);
        let before = if bytes > room { self.hand_over(Cause::Bytes) } else { None };
        if self.items.is_empty() {
            self.due = now().checked_add(self.config.wait_max);
            self.items.reserve(self.ahead);
        }
        self.items.push(item);
        self.bytes = self.bytes.saturating_add(bytes);
        if before.is_some() { before } else { self.full() }
    }

    /// Whether an item of that many bytes may [`join`](Self::join): the batch has some, and is not full with it.
    #[inline]
    pub(super) fn admits(&self, bytes: usize) -> bool {
        bytes < self.bytes_max.saturating_sub(self.bytes) && !self.items.is_empty()
    }

    /// The quick way of [`push`](Self::push), for an item that is [admitted](Self::admits) and for which there is
    /// [`room`](Self::room).
    #[inline]
    pub(super) fn join(&mut self, item: T, bytes: usize) {
        self.items.push(item);
        self.bytes += bytes;
    }

    /// How many items the batch has room for.
    pub(super) fn room(&self) -> usize {
        self.config.items_max - self.items.len()
    }

    /// The batch, if nothing more may come to it.
    #[inline]
    pub(super) fn full(&mut self) -> Option<Vec<T>> {
        if self.items.len() >= self.config.items_max {
            return self.hand_over(Cause::Items);
        }
        if self.bytes >= self.bytes_max {
            return self.hand_over(Cause::Bytes);
        }
        None
    }

    /// The batch, if its first item has waited long enough.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Vec<T>> {
        if self.due.is_some_and(|due| due <= now) { self.hand_over(Cause::Time) } else { None }
    }

    /// What is collected, if anything is.
    pub(super) fn hand_over(&mut self, cause: Cause) -> Option<Vec<T>> {
        if self.items.is_empty() {
            return None;
        }
        self.stats.count(cause, self.items.len());
        self.ahead = self.items.len().min(AHEAD_MAX);
        self.bytes = 0;
        self.due = None;
        Some(mem::take(&mut self.items))
    }

    /// When [`expired`](Self::expired) will have something, unless the batch is full before.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn config(&self) -> &Batch {
        &self.config
    }

    pub(super) fn stats(&self) -> BatchStats {
        self.stats
    }

    pub(super) fn into_items(self) -> Vec<T> {
        self.items
    }
}
