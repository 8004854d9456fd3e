use std::{
    collections::{BTreeMap, VecDeque},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    ConfigError,
    limit::{
        Bulkhead,
        bulkhead::{self, AcquireError, Permit},
    },
    rt::Rt,
};

/// For so long a host whose requests follow each other closely keeps its connections, though another waits. Else two
/// busy hosts would take each other's connections after every request.
const TURN: Duration = Duration::from_millis(20);

/// The connections of a client to all hosts together: so many at most, and who waits for one.
///
/// A host with connections gives one up for each that another host waits for, and no more.
pub(in crate::http) struct Places {
    rt: Rt,
    bulkhead: Bulkhead,
    /// How many are in line. While there are none nobody asks further.
    waiting: AtomicUsize,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    /// In the order in which they came.
    waiting: VecDeque<Waiting>,
    by_origin: BTreeMap<u64, usize>,
    /// How many connections were given up for them and have not been taken yet.
    given: usize,
    next: u64,
}

struct Waiting {
    number: u64,
    origin: u64,
    since: Instant,
}

impl Places {
    pub(in crate::http) fn new(rt: &Rt, connections_max: usize) -> Result<Self, ConfigError> {
        let config = bulkhead::Config {
            permits: connections_max,
            waiters_max: 1_000_000,
            ..bulkhead::Config::default()
        };
        let (bulkhead, line) = (Bulkhead::new(rt, config)?, Mutex::default());
        Ok(Self { rt: rt.clone(), bulkhead, waiting: AtomicUsize::new(0), line })
    }

    /// A place, if one is free and nobody waits.
    pub(super) fn try_take(&self) -> Option<Permit> {
        self.bulkhead.try_acquire().ok()
    }

    pub(super) async fn take(&self) -> Result<Permit, AcquireError> {
        self.bulkhead.acquire().await
    }

    /// From now on `origin` waits for a place, until what is returned is dropped.
    pub(super) fn enter(&self, origin: u64) -> InLine<'_> {
        let since = self.rt.now();
        let mut line = self.line.lock();
        let number = line.next;
        line.next += 1;
        line.waiting.push_back(Waiting { number, origin, since });
        *line.by_origin.entry(origin).or_default() += 1;
        self.waiting.store(line.waiting.len(), Ordering::Relaxed);
        drop(line);
        InLine { places: self, origin, number, is_served: false }
    }

    /// Whether somebody waits for a place to connect to `origin`.
    pub(in crate::http) fn is_waiting(&self, origin: u64) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0 && self.line.lock().by_origin.contains_key(&origin)
    }

    /// Whether a connection to `origin` is to be closed, so that another host gets its turn. If so, that one counts as
    /// given.
    pub(super) fn takes_one_of(&self, origin: u64) -> bool {
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let now = self.rt.now();
        let mut line = self.line.lock();
        let own = line.by_origin.get(&origin).copied().unwrap_or_default();
        if line.waiting.len() - own <= line.given {
            return false;
        }
        let other = line.waiting.iter().find(|waiting| waiting.origin != origin);
        let is_due = other.is_some_and(|other| now.saturating_duration_since(other.since) >= TURN);
        line.given += usize::from(is_due);
        is_due
    }
}

/// A place in line.
pub(super) struct InLine<'a> {
    places: &'a Places,
    origin: u64,
    number: u64,
    is_served: bool,
}

impl InLine<'_> {
    /// The one who looks for connections that nobody uses: one is enough.
    pub(super) fn is_first(&self) -> bool {
        self.places.line.lock().waiting.front().is_some_and(|first| first.number == self.number)
    }

    /// It has got its place.
    pub(super) fn serve(mut self) {
        self.is_served = true;
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let mut line = self.places.line.lock();
        if let Ok(at) = line.waiting.binary_search_by_key(&self.number, |waiting| waiting.number) {
            line.waiting.remove(at);
        }
        if let Some(count) = line.by_origin.get_mut(&self.origin) {
            *count -= 1;
            if *count == 0 {
                line.by_origin.remove(&self.origin);
            }
        }
        // One that came free by itself counts as the one that was given: rather one too many than one that nobody gives.
        line.given = line.given.saturating_sub(usize::from(self.is_served)).min(line.waiting.len());
        self.places.waiting.store(line.waiting.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn one_connection_is_given_for_each_that_another_host_waits_for() {
        testing::run(1, |rt| async move {
            let places = Places::new(&rt, 1).unwrap();
            assert!(!places.takes_one_of(1), "nobody waits");
            let own = places.enter(1);
            rt.sleep(2 * TURN).await;
            assert!(!places.takes_one_of(1), "one does not give up for oneself");
            let (first, second) = (places.enter(2), places.enter(2));
            assert!(!places.takes_one_of(1), "each has its turn for a while");
            rt.sleep(TURN).await;
            assert!(own.is_first() && !first.is_first());
            assert_eq!([(); 4].map(|()| places.takes_one_of(1)), [true, true, false, false]);
            assert!(places.is_waiting(2) && !places.is_waiting(3));
            first.serve();
            assert!(!places.takes_one_of(1), "the second was given, too");
            drop(second);
            drop(own);
            assert!(!places.is_waiting(2) && !places.takes_one_of(1));
            assert_eq!(places.line.lock().given, 0);
            // Served by what came free: what was given meanwhile may be one too many, and never one too few.
            let (first, _second) = (places.enter(2), places.enter(2));
            rt.sleep(TURN).await;
            assert!(places.takes_one_of(1));
            first.serve();
            assert!(places.takes_one_of(1));
        });
    }
}
