use std::future::Future;

use super::try_run;
use crate::rt::Rt;

/// The environment variable that replaces all seeds by one.
const VARIABLE: &str = "SEAWORTHY_SEED";

/// Runs `body` once for each seed, and stops at the first that fails.
///
/// If the environment variable `SEAWORTHY_SEED` is set, as the report of a failure suggests, only that seed is run.
///
/// # Panics
///
/// With the report of the run that failed, see [`run`](super::run).
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU32, Ordering}};
///
/// // The two tasks race, and over twenty seeds each wins some of the races.
/// let wins = AtomicU32::new(0);
/// seaworthy_core::testing::for_each_seed(0..20, |rt| {
///     let wins = &wins;
///     async move {
///         let winner = Arc::new(AtomicU32::new(0));
///         let tasks = [1, 2].map(|number| {
///             let winner = Arc::clone(&winner);
///             let enter = move || winner.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed);
///             rt.spawn("runner", async move { enter().ok(); })
///         });
///         for task in tasks {
///             task.await.unwrap();
///         }
///         wins.fetch_add(winner.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
///     }
/// });
/// assert!((1..20).contains(&wins.into_inner()));
/// ```
#[track_caller]
pub fn for_each_seed<F>(seeds: impl IntoIterator<Item = u64>, body: impl Fn(Rt) -> F)
where
    F: Future<Output = ()>,
{
    for seed in self::seeds(seeds) {
        if let Err(stop) = try_run(seed, &body) {
            panic!("{stop}\nto run this seed alone: {VARIABLE}={seed:#x}");
        }
    }
}

/// The seeds to run: those given, or the one in the environment variable `SEAWORTHY_SEED`, in decimal or as `0x..`.
///
/// For loops of one's own around [`run`](super::run), with a [`Config`](super::Config) made for each seed.
///
/// # Panics
///
/// If the variable is set and is no number.
pub fn seeds(seeds: impl IntoIterator<Item = u64>) -> impl Iterator<Item = u64> {
    let only = std::env::var(VARIABLE).ok().map(|text| match parse(&text) {
        Some(seed) => seed,
        None => panic!("{VARIABLE} is `{text}`: give a number, in decimal or as 0x.."),
    });
    let all = only.is_none().then_some(seeds).into_iter().flatten();
    only.into_iter().chain(all)
}

fn parse(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_read_in_decimal_and_in_hex() {
        assert_eq!(parse("17"), Some(17));
        assert_eq!(parse("0x1f3a"), Some(0x1f3a));
        assert_eq!(parse("0xffffffffffffffff"), Some(u64::MAX));
        for text in ["", "0x", "x", "-1", "1f"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    #[should_panic(expected = "to run this seed alone: SEAWORTHY_SEED=0x7")]
    fn a_failure_names_the_seed_that_repeats_it() {
        for_each_seed(0..100, |rt| async move {
            let seed_is_odd = format!("{rt:?}").contains("seed: 7,");
            assert!(!seed_is_odd, "the seventh");
        });
    }
}
