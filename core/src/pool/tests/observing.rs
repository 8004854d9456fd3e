//! What one can see from outside.

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
