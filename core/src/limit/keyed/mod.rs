//! A limiter for each key: for each customer, address or host the same quota of its own.
//!
//! # Laws
//!
//! 1. Each key has a bucket of its own, and a line of its own: all the laws of a [`RateLimiter`](super::RateLimiter) hold
//!    for each.
//! 2. As many keys are kept as may, and no more. A bucket that is full again is as good as a new one: only such keys are
//!    dropped, so that nobody gains a token by it.
//! 3. If none is full again, one more key is refused, with the time when the first may be.
//!
//! # Shards
//!
//! Up to 8,191 keys are in one table under one lock. For more there are 2, 4, 8 or 16 of them, with 4,096 keys or more
//! each: which one a key belongs to is drawn from its hash, and law 3 holds for each by itself. As keys are spread by
//! chance, the first may be refused when some 5 in 100 are still free.
//!
//! # Users' code under a lock
//!
//! `Eq` of the key runs under the lock of its table, as in any map. It must not come back to the limiter. If it panics,
//! nothing has changed. Keys are hashed, cloned and dropped outside of it.

mod config;
mod table;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    hash::{BuildHasher, Hash},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

pub use self::config::Config;
use self::table::{Entry, Full, Gone, Seeded, Table};
use super::{
    Acquire, AcquireError, Acquiring, Quota, TryAcquireError,
    rate::{self, Bucket, Inner, Rate},
};
use crate::{ConfigError, rt::Rt};

/// The same quota for each key of its own.
///
/// Clones are the same limiter. See the [module](self) for the laws.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::limit::{KeyedRateLimiter, Quota, keyed::Config};
///
/// let quota = Quota::per_second(5).burst(2);
/// let per_customer = KeyedRateLimiter::<String>::new(&rt, quota, Config::default())?;
/// let (ann, bob) = ("ann".to_owned(), "bob".to_owned());
/// per_customer.try_acquire(&ann, 2)?;
/// assert!(per_customer.try_acquire(&ann, 1).is_err());
/// per_customer.try_acquire(&bob, 1)?;
/// per_customer.acquire(&ann, 1).await?;
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// # }).unwrap();
/// ```
pub struct KeyedRateLimiter<K> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    rt: Rt,
    epoch: Instant,
    rate: Rate,
    keys_max: usize,
    /// Of those who wait for a key.
    waiting: rate::Config,
    hasher: Seeded,
    /// A power of two of them.
    shards: Box<[Shard<K>]>,
}

/// On a cache line of its own.
#[repr(align(128))]
struct Shard<K> {
    table: Mutex<Table<K>>,
}

const SHARDS_MAX: usize = 16;
/// So many that by chance no shard gets many more than the others.
const SHARD_KEYS_MIN: usize = 4096;

/// How many keys each of them keeps.
fn shards(keys_max: usize) -> impl ExactSizeIterator<Item = usize> {
    let count = 1 << (keys_max / SHARD_KEYS_MIN).clamp(1, SHARDS_MAX).ilog2();
    (0..count).map(move |shard| keys_max / count + usize::from(shard < keys_max % count))
}

/// What there was for a key.
enum Found {
    Through,
    NotYet(Duration),
    /// Some wait.
    Busy(Arc<Inner>),
}

impl<K: Hash + Eq + Clone> KeyedRateLimiter<K> {
    /// A limiter without keys.
    ///
    /// # Errors
    ///
    /// If the quota or `config` is out of range, by field. It cannot be paused.
    pub fn new(rt: &Rt, quota: Quota, config: Config) -> Result<Self, ConfigError> {
        config.check(&quota)?;
        let Config { keys_max, idle_after, waiters_max, catch_up_max, ageing_step } = config;
        let rate = Rate::new(&quota).ok_or_else(config::paused)?;
        let idle_after = u64::try_from(idle_after.as_nanos()).unwrap_or(u64::MAX);
        let seed = rt.rng("limit.keys").next_u64();
        let shard = |keys_max| Shard { table: Mutex::new(Table::new(rate, keys_max, idle_after)) };
        Ok(Self {
            shared: Arc::new(Shared {
                rt: rt.clone(),
                epoch: rt.now(),
                rate,
                keys_max,
                waiting: rate::Config { quota, waiters_max, catch_up_max, ageing_step },
                hasher: Seeded::new(seed),
                shards: shards(keys_max).map(shard).collect(),
            }),
        })
    }

    /// Takes `n` tokens of `key` if there are as many and nobody waits for them.
    ///
    /// It reads the clock once.
    ///
    /// # Errors
    ///
    /// Why not, and when to come back.
    pub fn try_acquire(&self, key: &K, n: u32) -> Result<(), TryAcquireError> {
        let Shared { rate, keys_max, .. } = &*self.shared;
        if n == 0 {
            return Ok(());
        }
        if n > rate.burst {
            return Err(TryAcquireError::TooMany { asked: n, burst: rate.burst });
        }
        let now = self.shared.now();
        let found = self.shared.with(key, now, |entry| match &entry.waiters {
            None => entry.take(rate, now, n).map_or_else(Found::NotYet, |()| Found::Through),
            Some(waiters) => Found::Busy(Arc::clone(waiters)),
        });
        match found {
            Ok(Found::Through) => Ok(()),
            Ok(Found::NotYet(retry_after)) => Err(TryAcquireError::NoRoomYet { retry_after }),
            Ok(Found::Busy(waiters)) => waiters.try_acquire(n),
            Err(retry_after) => Err(TryAcquireError::TooManyKeys { keys_max: *keys_max, retry_after }),
        }
    }

    /// Waits for `n` tokens of `key`: first come, first served, apart from other keys.
    ///
    /// # Errors
    ///
    /// At once, if `n` is more than the burst, as many wait for the key as may, or there is no room for one more key.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, its place or its slot goes to the next in line.
    pub async fn acquire(&self, key: &K, n: u32) -> Result<(), AcquireError> {
        self.acquire_with(key, n, Acquire::default()).await
    }

    /// As [`acquire`](Self::acquire), with a deadline and a priority.
    ///
    /// # Errors
    ///
    /// At once also if the wait would end after the deadline. See
    /// [`RateLimiter::acquire_with`](super::RateLimiter::acquire_with).
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, its place or its slot goes to the next in line.
    pub async fn acquire_with(&self, key: &K, n: u32, how: Acquire) -> Result<(), AcquireError> {
        let Shared { rate, keys_max, .. } = &*self.shared;
        if n == 0 {
            return Ok(());
        }
        if n > rate.burst {
            return Err(AcquireError::TooMany { asked: n, burst: rate.burst });
        }
        let now = self.shared.now();
        let waiters = self.shared.with(key, now, |entry| {
            if entry.waiters.is_none() && entry.take(rate, now, n).is_ok() {
                return None;
            }
            let waiters = entry.waiters.get_or_insert_with(|| self.shared.waiters(entry.bucket));
            Some(Arc::clone(waiters))
        });
        match waiters {
            Ok(None) => Ok(()),
            Ok(Some(waiters)) => Acquiring::new(&waiters, n, how).await,
            Err(retry_after) => Err(AcquireError::TooManyKeys { keys_max: *keys_max, retry_after }),
        }
    }

    /// How many keys there are, how many have gone, and how many were refused.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for shard in &self.shared.shards {
            let table = shard.table.lock();
            stats.keys += table.len();
            stats.evicted += table.evicted;
            stats.refused += table.refused;
        }
        stats
    }
}

impl<K: Hash + Eq + Clone> Shared<K> {
    /// Does something with the entry of `key`, which is made if there is none. If there is no room for it, says when there
    /// may be.
    fn with<T>(&self, key: &K, now: u64, act: impl FnOnce(&mut Entry<K>) -> T) -> Result<T, Duration> {
        let mut gone = Gone::default();
        let hash = self.hasher.hash_one(key);
        // Other bits than those by which a map finds its places.
        let shard = &self.shards[(hash >> 32) as usize & (self.shards.len() - 1)];
        let mut table = shard.table.lock();
        if let Some(entry) = table.find(hash, key) {
            entry.rest(&mut gone);
            return Ok(act(entry));
        }
        drop(table);
        let owned = key.clone();
        let mut table = shard.table.lock();
        // It may have come in between.
        if let Some(entry) = table.find(hash, key) {
            return Ok(act(entry));
        }
        if let Err(Full { until }) = table.make_room(now, &mut gone) {
            drop(table);
            tracing::debug!(name: "seaworthy.limit.keys_full", keys_max = self.keys_max, "one more key is refused");
            return Err(Duration::from_nanos(until.saturating_sub(now)));
        }
        Ok(act(table.insert(now, hash, owned)))
    }

    /// For a key for which some are to wait.
    fn waiters(&self, bucket: Bucket) -> Arc<Inner> {
        Arc::new(Inner::with_bucket(&self.rt, &self.waiting, self.epoch, bucket))
    }

    fn now(&self) -> u64 {
        rate::nanos(self.epoch, self.rt.now())
    }
}

impl<K> Clone for KeyedRateLimiter<K> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<K> fmt::Debug for KeyedRateLimiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimiter").field("quota", &self.shared.waiting.quota).finish_non_exhaustive()
    }
}

/// How many keys a [`KeyedRateLimiter`] keeps, and has refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How many keys there are.
    pub keys: usize,
    /// How many have gone, because they were idle.
    pub evicted: u64,
    /// How many calls were refused because there was no room for their key:
    /// [`TryAcquireError::TooManyKeys`] and [`AcquireError::TooManyKeys`].
    pub refused: u64,
}
