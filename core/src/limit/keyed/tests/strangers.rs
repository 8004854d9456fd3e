//! Keys with code of their own.

use std::{
    cell::Cell,
    hash::{Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::*;
use crate::testing::run;

thread_local! {
    static PANICS: Cell<bool> = const { Cell::new(false) };
    static EQ_PANICS: Cell<bool> = const { Cell::new(false) };
}

/// A key that asks its limiter for another when it is cloned and when it is dropped.
struct Nosy {
    number: u32,
    keyed: Option<KeyedRateLimiter<Nosy>>,
}

impl Nosy {
    fn ask(&self) {
        if let Some(keyed) = &self.keyed {
            keyed.stats();
            let _ = keyed.try_acquire(&Nosy { number: self.number + 100, keyed: None }, 1);
        }
    }
}

impl Clone for Nosy {
    fn clone(&self) -> Self {
        self.ask();
        Self { number: self.number, keyed: self.keyed.clone() }
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.ask();
    }
}

impl PartialEq for Nosy {
    fn eq(&self, other: &Self) -> bool {
        assert!(!EQ_PANICS.get(), "not now");
        self.number == other.number
    }
}

impl Eq for Nosy {}

impl Hash for Nosy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        assert!(!PANICS.get(), "not now");
        self.number.hash(state);
    }
}

fn nosy(rt: &Rt, keys_max: usize) -> KeyedRateLimiter<Nosy> {
    let config = Config { keys_max, idle_after: Duration::ZERO, ..Config::default() };
    KeyedRateLimiter::new(rt, Quota::per_second(1), config).expect("a good config")
}

#[test]
fn keys_may_come_back_to_the_limiter_when_they_are_cloned_and_dropped() {
    run(1, |rt| async move {
        let keyed = nosy(&rt, 3);
        for number in 0..20 {
            let _ = keyed.try_acquire(&Nosy { number, keyed: Some(keyed.clone()) }, 1);
            rt.sleep(SECOND / 2).await;
        }
        assert!(keyed.stats().evicted > 0);
        // A key that holds its limiter is a circle; this is where it is cut.
        rt.sleep(2 * SECOND).await;
        for number in 1000..1003 {
            let _ = keyed.try_acquire(&Nosy { number, keyed: None }, 1);
        }
    });
}

#[test]
fn a_key_that_panics_changes_nothing() {
    run(1, |rt| async move {
        let keyed = nosy(&rt, 2);
        let key = |number| Nosy { number, keyed: None };
        let attempt = |number| catch_unwind(AssertUnwindSafe(|| keyed.try_acquire(&key(number), 1)));
        assert!(attempt(1).is_ok_and(|taken| taken.is_ok()));
        PANICS.set(true);
        assert!(attempt(1).is_err() && attempt(2).is_err());
        PANICS.set(false);
        EQ_PANICS.set(true);
        assert!(attempt(1).is_err(), "there is one to compare with");
        EQ_PANICS.set(false);
        assert_eq!(keyed.stats().keys, 1);
        assert!(attempt(1).is_ok_and(|taken| taken.is_err()), "it has had its token");
        assert!(attempt(2).is_ok_and(|taken| taken.is_ok()));
        rt.sleep(2 * SECOND).await;
        assert!(attempt(3).is_ok_and(|taken| taken.is_ok()) && keyed.stats().keys == 1);
    });
}
