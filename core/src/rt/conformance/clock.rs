//! Clocks and random numbers.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use super::Case;
use crate::rt::{Rt, yield_now};

pub(super) const CASES: &[Case] = &[
    case!(now_never_goes_back),
    case!(the_date_is_plausible),
    case!(each_fork_of_a_label_draws_other_numbers),
    case!(random_bits_are_random),
];

async fn now_never_goes_back(rt: Rt) {
    let mut last = rt.now();
    for n in 0..10_000 {
        // Another thread may read another core's clock.
        let now = if n % 100 == 0 {
            let reader = rt.clone();
            rt.spawn("reads", async move { reader.now() }).await.expect("it ends well")
        } else {
            rt.now()
        };
        assert!(now >= last, "the time went back by {:?}", last - now);
        last = now;
        if n % 128 == 0 {
            yield_now().await;
        }
    }
    let job = rt.clone();
    let on_a_blocking_thread = rt.spawn_blocking("reads", move || job.now()).await.expect("it ends well");
    assert!(on_a_blocking_thread >= last);
}

async fn the_date_is_plausible(rt: Rt) {
    let year = Duration::from_secs(365 * 24 * 3600);
    let since_1970 = rt.wall_clock().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    // Certificates and cookies are judged by it.
    assert!((50 * year..230 * year).contains(&since_1970), "{} s since 1970", since_1970.as_secs());
}

async fn each_fork_of_a_label_draws_other_numbers(rt: Rt) {
    let labels = ["jitter", "jitter", "jitter", "faults", "faults"];
    let drawn: BTreeSet<_> = labels.iter().map(|label| rt.rng(label).next_u64()).collect();
    assert_eq!(drawn.len(), labels.len(), "two forks drew the same number");
}

async fn random_bits_are_random(rt: Rt) {
    let drawn: Vec<_> = (0..64).map(|_| rt.runtime().random_u64()).collect();
    let (ones, zeros) = drawn.iter().fold((0, 0), |(ones, zeros), bits| (ones | bits, zeros | !bits));
    assert_eq!((ones, zeros), (u64::MAX, u64::MAX), "a bit never changes");
}
