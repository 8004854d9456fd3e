//! The keys, each with its bucket. Time is nanoseconds since the limiter's epoch.
//!
//! A bucket that is full again is as good as a new one, so its key can go. When that may be is kept in a heap, one entry a
//! key, which is put right only when it comes to the top: using a key costs nothing there.
//!
//! Keys are found by their hash, which is made before the lock is taken: only `Eq` of a key runs under it. Those whose
//! hashes are the same hang together in a chain.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, binary_heap::PeekMut},
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hasher},
    sync::Arc,
    time::Duration,
};

use slab::Slab;

use crate::limit::rate::{Bucket, Inner, Rate};

#[derive(Debug)]
pub(super) struct Table<K> {
    rate: Rate,
    keys_max: usize,
    idle_after: u64,
    /// Of each hash, the place of the first key that has it.
    places: HashMap<u64, usize, BuildHasherDefault<Identity>>,
    entries: Slab<Entry<K>>,
    /// When each bucket was to be full again, at the earliest.
    full_at: BinaryHeap<Reverse<(u64, usize)>>,
    pub(super) evicted: u64,
    pub(super) refused: u64,
}

#[derive(Debug)]
pub(super) struct Entry<K> {
    key: K,
    hash: u64,
    /// The place of the next key that has the same hash.
    next: Option<usize>,
    pub(super) bucket: Bucket,
    /// The limiter of this key alone, while some wait for it. It has the bucket then.
    pub(super) waiters: Option<Arc<Inner>>,
}

/// What is not needed any more: to be dropped when the lock is released.
#[derive(Debug)]
pub(super) struct Gone<K> {
    entries: Vec<Entry<K>>,
    waiters: Vec<Arc<Inner>>,
}

/// As many keys are kept as may be, and none is full again before this, as far as was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full {
    pub(super) until: u64,
}

/// How many idle keys go for each that comes.
const SWEPT_MAX: usize = 2;
/// How many keys are looked at for one that comes, so that nobody holds the lock for long.
const LOOKS_MAX: usize = 64;
/// When one that comes is to come back if none of those was idle and there are more to look at: 1 ms.
const GO_ON: u64 = 1_000_000;
/// How soon to look again at a key for which some wait.
const LOOK_AGAIN: u64 = 1_000_000_000;

impl<K: Eq> Table<K> {
    pub(super) fn new(rate: Rate, keys_max: usize, idle_after: u64) -> Self {
        Self {
            rate,
            keys_max,
            idle_after,
            places: HashMap::default(),
            entries: Slab::new(),
            full_at: BinaryHeap::new(),
            evicted: 0,
            refused: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn find(&mut self, hash: u64, key: &K) -> Option<&mut Entry<K>> {
        let mut place = *self.places.get(&hash)?;
        while self.entries[place].key != *key {
            place = self.entries[place].next?;
        }
        self.entries.get_mut(place)
    }

    /// Makes room for one more key. Drop those that had to go when the lock is released.
    pub(super) fn make_room(&mut self, now: u64, gone: &mut Gone<K>) -> Result<(), Full> {
        for _ in 0..SWEPT_MAX {
            self.sweep(now.checked_sub(self.idle_after), now, gone);
        }
        for _ in 0..LOOKS_MAX {
            if self.entries.len() < self.keys_max {
                return Ok(());
            }
            let until = self.full_at.peek().map_or(now, |Reverse((full_at, _))| *full_at);
            if until > now {
                self.refused += 1;
                return Err(Full { until });
            }
            // It goes, or it is put right and is not on top any more.
            self.sweep(Some(now), now, gone);
        }
        if self.entries.len() < self.keys_max {
            return Ok(());
        }
        // The next one to come goes on from here.
        self.refused += 1;
        Err(Full { until: now.saturating_add(GO_ON) })
    }

    /// Adds a key that is not there, for which there is room.
    pub(super) fn insert(&mut self, now: u64, hash: u64, key: K) -> &mut Entry<K> {
        let place = self.entries.vacant_key();
        let next = self.places.insert(hash, place);
        self.full_at.push(Reverse((now, place)));
        self.entries.insert(Entry { key, hash, next, bucket: Bucket::default(), waiters: None });
        &mut self.entries[place]
    }

    /// Takes the key out that was to be full first, if it has been full since `before`; if it is not, puts that right.
    fn sweep(&mut self, before: Option<u64>, now: u64, gone: &mut Gone<K>) {
        let (Some(before), Some(mut top)) = (before, self.full_at.peek_mut()) else { return };
        let Reverse((full_at, place)) = &mut *top;
        let Some(entry) = self.entries.get_mut(*place).filter(|_| *full_at <= before) else { return };
        entry.rest(gone);
        if entry.waiters.is_some() {
            *full_at = now.saturating_add(LOOK_AGAIN);
            return;
        }
        let actual = self.rate.nanos(entry.bucket.full_at);
        if actual > before {
            *full_at = actual;
            return;
        }
        let place = *place;
        PeekMut::pop(top);
        gone.entries.push(self.remove(place));
        self.evicted += 1;
    }

    fn remove(&mut self, place: usize) -> Entry<K> {
        let entry = self.entries.remove(place);
        let first = self.places.get(&entry.hash).copied().filter(|first| *first != place);
        let Some(mut before) = first else {
            match entry.next {
                Some(next) => self.places.insert(entry.hash, next),
                None => self.places.remove(&entry.hash),
            };
            return entry;
        };
        while let Some(next) = self.entries[before].next.filter(|next| *next != place) {
            before = next;
        }
        self.entries[before].next = entry.next;
        entry
    }
}

impl<K> Entry<K> {
    /// Takes `tokens` if there are as many, or says how long that will take.
    pub(super) fn take(&mut self, rate: &Rate, now: u64, tokens: u32) -> Result<(), Duration> {
        let (ticks, tokens) = (rate.ticks(now), u64::from(tokens));
        let due = self.bucket.due(rate, ticks, tokens);
        if due > ticks {
            return Err(Duration::from_nanos(rate.nanos(due - ticks)));
        }
        self.bucket.take(rate, ticks, tokens);
        Ok(())
    }

    /// Takes the bucket back if nobody waits any more: whoever waits holds on to the limiter.
    pub(super) fn rest(&mut self, gone: &mut Gone<K>) {
        if let Some(waiters) = self.waiters.take_if(|waiters| Arc::strong_count(waiters) == 1) {
            self.bucket = waiters.bucket();
            gone.waiters.push(waiters);
        }
    }
}

impl<K> Default for Gone<K> {
    fn default() -> Self {
        Self { entries: Vec::new(), waiters: Vec::new() }
    }
}

/// SipHash, from a seed of the runtime: keys come from outside, and whoever chooses them must not choose their places.
#[derive(Clone, Debug)]
pub(super) struct Seeded(DefaultHasher);

impl Seeded {
    pub(super) fn new(seed: u64) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(seed);
        Self(hasher)
    }
}

impl BuildHasher for Seeded {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        self.0.clone()
    }
}

/// Of what is a hash already.
#[derive(Debug, Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn write(&mut self, bytes: &[u8]) {
        // Nobody calls it: numbers come by `write_u64`.
        bytes.iter().for_each(|byte| self.0 = self.0 << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
