//! The table against a map without bounds: an evicted key must not matter.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::{
    shards,
    table::{Gone, Table},
};
use crate::limit::{
    Quota,
    rate::{Bucket, Rate},
};

/// Bad on purpose: many keys have the same.
fn hash(key: u32) -> u64 {
    u64::from(key % 3)
}

proptest! {
    #[test]
    fn nobody_gains_a_token_by_eviction(
        steps in prop::collection::vec((0..400_u64, 0..12_u32, 1..3_u32), 0..400),
        keys_max in 1..8_usize,
        idle_after in 0..600_u64,
    ) {
        let quota = Quota::per(1, std::time::Duration::from_nanos(100)).burst(3);
        let rate = Rate::new(&quota).expect("not paused");
        let mut table = Table::new(rate, keys_max, idle_after);
        let mut model: BTreeMap<u32, Bucket> = BTreeMap::new();
        let mut now = 0;
        for (pause, key, tokens) in steps {
            now += pause;
            let mut gone = Gone::default();
            let is_full_again = |bucket: &Bucket| rate.nanos(bucket.full_at) <= now;
            if table.find(hash(key), &key).is_none() {
                match table.make_room(now, &mut gone) {
                    Ok(()) => {
                        prop_assert!(model.get(&key).is_none_or(is_full_again), "it was evicted too early");
                        table.insert(now, hash(key), key);
                    }
                    Err(full) => {
                        // All that are kept are in use, and the first is free no earlier than told.
                        prop_assert_eq!(table.len(), keys_max);
                        let mut first = u64::MAX;
                        for (key, bucket) in &model {
                            if table.find(hash(*key), key).is_some() {
                                prop_assert!(!is_full_again(bucket));
                                first = first.min(rate.nanos(bucket.full_at));
                            }
                        }
                        prop_assert!(full.until > now && full.until <= first, "fewer keys than are looked at");
                        continue;
                    }
                }
            }
            let entry = table.find(hash(key), &key).expect("it is there");
            let bucket = model.entry(key).or_default();
            let ticks = rate.ticks(now);
            let due = bucket.due(&rate, ticks, u64::from(tokens));
            let taken = entry.take(&rate, now, tokens);
            prop_assert_eq!(taken.is_ok(), due <= ticks, "key {} at {}", key, now);
            if taken.is_ok() {
                bucket.take(&rate, ticks, u64::from(tokens));
            }
            prop_assert!(table.len() <= keys_max);
        }
    }
}

#[test]
fn one_that_comes_looks_at_few_keys_and_those_after_it_go_on() {
    let quota = Quota::per(1, std::time::Duration::from_nanos(100)).burst(3);
    let rate = Rate::new(&quota).expect("not paused");
    let (count, mut gone) = (1000, Gone::default());
    let mut table = Table::new(rate, count, u64::MAX);
    for key in 0..count {
        table.make_room(0, &mut gone).expect("there is room");
        table.insert(0, key as u64, key).take(&rate, 0, 3).expect("a full bucket");
    }
    // All were to be full again at once, and none is; each look puts one of them right.
    let mut calls = 0;
    let until = loop {
        let full = table.make_room(50, &mut gone).expect_err("none is full again");
        calls += 1;
        if full.until == 300 {
            break full.until;
        }
        assert_eq!(full.until, 50 + 1_000_000, "come back soon");
    };
    assert!((10..=20).contains(&calls), "{calls}");
    assert_eq!((table.refused, table.evicted), (calls, 0));
    table.make_room(until, &mut gone).expect("one is full again");
    assert_eq!(table.evicted, 1);
}

#[test]
fn shards_keep_as_many_keys_as_may_be_and_few_keys_are_in_one() {
    for (keys_max, count) in [(1, 1), (8191, 1), (8192, 2), (16_383, 2), (100_000, 16), (100_000_000, 16)] {
        let all: Vec<_> = shards(keys_max).collect();
        assert_eq!((all.len(), all.iter().sum::<usize>()), (count, keys_max));
        assert!(all.iter().all(|keys| keys.abs_diff(keys_max / count) <= 1));
    }
}
