//! The pure machine: a line of items, and where in it each reader stands.

use std::collections::VecDeque;

use slab::Slab;

use super::{Config, OnLag};

/// The items that somebody has not read yet. `T` is cheap to clone: a reference to an item of the user.
#[derive(Debug)]
pub(super) struct Line<T> {
    items: VecDeque<Kept<T>>,
    /// The number of the first item that is kept. Items are numbered from 0 on.
    first: u64,
    /// For each reader the number of the item it reads next. If that is gone, it has missed some.
    readers: Slab<u64>,
    config: Config,
}

#[derive(Debug)]
struct Kept<T> {
    item: T,
    /// How many readers have not read it; at least one. Whoever has read an item has read all before it, so these numbers
    /// never fall along the line.
    unread: usize,
}

/// What a reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read<T> {
    Item(T),
    /// So many items were dropped before it came.
    Missed(u64),
    /// It has read everything, and may take the next item from the source.
    Wanted,
    /// It has read everything, and has to wait for the slowest.
    Full,
}

impl<T: Clone> Line<T> {
    pub(super) fn new(config: Config) -> Self {
        Self { items: VecDeque::new(), first: 0, readers: Slab::new(), config }
    }

    /// The first reader.
    pub(super) fn join(&mut self) -> usize {
        self.readers.insert(self.end())
    }

    /// A reader at the place of another.
    pub(super) fn fork(&mut self, reader: usize) -> usize {
        let next = self.readers[reader];
        self.unread(next).for_each(|kept| kept.unread += 1);
        self.readers.insert(next)
    }

    /// A reader goes away, and with it what it alone had not read.
    pub(super) fn leave(&mut self, reader: usize) -> Vec<T> {
        let next = self.readers.remove(reader);
        self.unread(next).for_each(|kept| kept.unread -= 1);
        let read_by_all = self.items.iter().take_while(|kept| kept.unread == 0).count();
        self.first += read_by_all as u64;
        self.items.drain(..read_by_all).map(|kept| kept.item).collect()
    }

    pub(super) fn read(&mut self, reader: usize) -> Read<T> {
        let next = &mut self.readers[reader];
        if *next < self.first {
            let missed = self.first - *next;
            *next = self.first;
            return Read::Missed(missed);
        }
        let place = (*next - self.first) as usize;
        let Some(kept) = self.items.get_mut(place) else {
            return if self.is_full() { Read::Full } else { Read::Wanted };
        };
        *next += 1;
        kept.unread -= 1;
        if kept.unread > 0 {
            return Read::Item(kept.item.clone());
        }
        // All others have read it, so it is the first: it goes out and not a copy of it.
        self.first += 1;
        self.items.pop_front().map_or(Read::Wanted, |kept| Read::Item(kept.item))
    }

    /// An item of the source, which `reader` took and has read. Returns what has to go for it.
    pub(super) fn push(&mut self, reader: usize, item: T) -> Option<T> {
        self.readers[reader] += 1;
        let unread = self.readers.len() - 1;
        if unread == 0 {
            self.first += 1;
            return Some(item);
        }
        let is_too_long = self.items.len() >= self.config.lag_max;
        let oldest = if is_too_long { self.items.pop_front() } else { None };
        self.first += u64::from(oldest.is_some());
        self.items.push_back(Kept { item, unread });
        oldest.map(|kept| kept.item)
    }

    /// Whether the fastest have to wait for the slowest.
    pub(super) fn is_full(&self) -> bool {
        self.config.on_lag == OnLag::Wait && self.items.len() >= self.config.lag_max
    }

    /// How many items the reader has not read or missed.
    pub(super) fn lag(&self, reader: usize) -> u64 {
        self.end() - self.readers[reader]
    }

    pub(super) fn readers(&self) -> usize {
        self.readers.len()
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The number of the item that comes next.
    pub(super) fn end(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    /// What a reader at `next` has not read.
    fn unread(&mut self, next: u64) -> impl Iterator<Item = &mut Kept<T>> {
        let read = next.saturating_sub(self.first) as usize;
        self.items.iter_mut().skip(read)
    }
}
