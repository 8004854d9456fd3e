//! What one can see from outside.

use std::sync::Arc;

use parking_lot::Mutex;
use tracing::{
    Event, Level, Metadata, Subscriber,
    span::{Attributes, Id, Record},
    subscriber::with_default,
};

use super::{super::Config, MINUTE, SECOND, calm, max, pool};
use crate::testing;

#[test]
fn a_lease_held_for_too_long_is_reported_once() {
    testing::run(1, |rt| async move {
        let (pool, _backend) = pool(&rt, Config { leak_warning_after: Some(MINUTE), ..calm() });
        let held = pool.get().await.unwrap();
        rt.sleep(MINUTE - SECOND).await;
        drop(pool.get().await.unwrap());
        assert_eq!(pool.stats().leaks, 0);
        rt.sleep(SECOND * 2).await;
        assert_eq!(pool.stats().leaks, 1);
        rt.sleep(MINUTE * 10).await;
        assert_eq!(pool.stats().leaks, 1);
        drop(held);
        let again = pool.get().await.unwrap();
        rt.sleep(MINUTE * 2).await;
        assert_eq!(pool.stats().leaks, 2, "another lease of the same connection");
        drop(again);
    });
}

#[test]
fn the_counts_tell_what_happened() {
    testing::run(1, |rt| async move {
        let (pool, _backend) = pool(&rt, max(2));
        let held = [pool.get().await.unwrap(), pool.get().await.unwrap()];
        let waiter = rt.spawn("waiter", {
            let pool = pool.clone();
            async move { pool.get().await.map(drop) }
        });
        rt.sleep(SECOND).await;
        let stats = pool.stats();
        assert_eq!((stats.max, stats.in_use, stats.waiting, stats.idle), (2, 2, 1, 0));
        drop(held);
        waiter.await.unwrap().unwrap();
        let stats = pool.stats();
        assert_eq!((stats.in_use, stats.waiting, stats.idle), (0, 0, 2));
        // The first two had to wait for their connects.
        assert_eq!((stats.leased, stats.waited, stats.connected), (3, 3, 2));
        assert!(format!("{pool:?}").contains("idle: 2"));
    });
}

/// Keeps the events of pools.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<(Level, &'static str)>>>);

impl Subscriber for Events {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _attributes: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        if let Some(what) = metadata.name().strip_prefix("seaworthy.pool.") {
            self.0.lock().push((*metadata.level(), what));
        }
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

#[test]
fn a_lease_that_was_only_slow_is_said_to_have_come_back() {
    let events = Events::default();
    let seen = events.clone();
    with_default(events, || {
        testing::run(1, |rt| async move {
            let (pool, _backend) = pool(&rt, Config { leak_warning_after: Some(MINUTE), ..calm() });
            drop(pool.get().await.unwrap());
            let mut held = pool.get().await.unwrap();
            rt.sleep(MINUTE * 2).await;
            assert_eq!(*seen.0.lock(), [(Level::WARN, "leak")]);
            held.dirty = true;
            drop(held);
            let expected = [(Level::WARN, "leak"), (Level::INFO, "leak_returned")];
            assert_eq!(*seen.0.lock(), expected);
            rt.sleep(SECOND).await;
            drop(pool.get().await.unwrap());
            assert_eq!(*seen.0.lock(), expected, "once");
        });
    });
}

#[test]
fn a_failed_connect_is_no_warning() {
    let events = Events::default();
    let seen = events.clone();
    with_default(events, || {
        testing::run(1, |rt| async move {
            let (pool, backend) = pool(&rt, max(1));
            backend.is_down.store(true, std::sync::atomic::Ordering::Relaxed);
            pool.get().await.map(drop).unwrap_err();
            let seen = seen.0.lock();
            assert!(seen.contains(&(Level::INFO, "connect_failed")));
            assert!(seen.iter().all(|(level, _)| *level != Level::WARN), "{seen:?}");
        });
    });
}
