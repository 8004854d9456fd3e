//! The fast way and the machine say the same.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use proptest::prelude::*;

use super::{
    super::{
        bucket::{Bucket, Rate},
        fast::{Fast, Way},
    },
    *,
};
use crate::testing;

#[derive(Clone, Debug)]
enum Step {
    Take {
        pause: u64,
        tokens: u32,
    },
    /// The machine takes the bucket over and gives it back.
    Lock,
    SetQuota(Quota),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        9 => (0..3000_u64, 1..5_u32).prop_map(|(pause, tokens)| Step::Take { pause, tokens }),
        1 => Just(Step::Lock),
        1 => any_quota().prop_map(Step::SetQuota),
    ]
}

proptest! {
    #[test]
    fn the_fast_way_says_what_the_machine_says(
        quota in any_quota(),
        steps in prop::collection::vec(any_step(), 0..200),
    ) {
        let mut model = machine(quota, 0);
        let fast = Fast::new(Duration::ZERO);
        fast.set_rate(&model.rate().expect("not paused"), model.bucket, 0);
        fast.open(model.bucket);
        let (mut quota, mut now, mut set_at) = (quota, 0, 0);
        for step in steps {
            let from = model.rate().expect("not paused");
            match step {
                Step::Take { pause, tokens } => {
                    now += pause;
                    let expected = model.take(now, tokens, Key(0));
                    match fast.take(now, tokens) {
                        Way::Through => prop_assert_eq!(expected, Answer::Granted),
                        Way::NotYet(nanos) => {
                            prop_assert_eq!(expected, Answer::Wait(Some(Duration::from_nanos(nanos))));
                        }
                        Way::Closed => prop_assert_eq!(expected, Answer::TooMany { burst: quota.burst }),
                    }
                }
                Step::Lock => {
                    let bucket = fast.close().expect("it was open");
                    prop_assert!(matches!(fast.take(now, 1), Way::Closed));
                    prop_assert_eq!(fast.close(), None);
                    fast.open(bucket);
                }
                Step::SetQuota(next) => {
                    quota = next;
                    let bucket = fast.close().expect("it was open");
                    // What was full before the rate was set is as good as full then.
                    prop_assert_eq!(bucket.full_at.max(from.ticks(set_at)), model.bucket.full_at.max(from.ticks(set_at)));
                    set_at = now;
                    model.set_quota(now, quota);
                    fast.set_rate(&model.rate().expect("not paused"), model.bucket, now);
                    fast.open(model.bucket);
                }
            }
        }
    }
}

fn rate(quota: Quota) -> Rate {
    Rate::new(&quota).expect("not paused")
}

/// Open at that rate, from then on.
fn fast(rate: &Rate, now: u64) -> Fast {
    let fast = Fast::new(5 * MILLI);
    fast.set_rate(rate, Bucket::default(), now);
    fast.open(Bucket::default());
    fast
}

const YEAR: u64 = 365 * 24 * 3600 * 1_000_000_000;

#[test]
fn what_does_not_fit_goes_the_other_way() {
    let day = Duration::from_secs(86_400);
    for quota in [Quota::per(1, day).burst(1_000_000), Quota::per_second(100_000_001)] {
        assert!(matches!(fast(&rate(quota), 0).take(0, 1), Way::Closed), "{quota}");
    }
    // One that fits, until its numbers are used up: some 146 years.
    let fast = fast(&rate(Quota::per_second(1)), 0);
    assert!(matches!(fast.take(0, 1), Way::Through));
    assert!(matches!(fast.take(146 * YEAR, 1), Way::Through));
    assert!(!fast.is_used_up(146 * YEAR));
    assert!(matches!(fast.take(147 * YEAR, 1), Way::Closed));
    assert!(fast.is_used_up(147 * YEAR));
}

#[test]
fn whoever_read_the_clock_before_the_base_goes_the_other_way() {
    let fast = fast(&rate(Quota::per_second(7)), YEAR);
    assert!(matches!(fast.take(YEAR - 5_000_001, 1), Way::Closed));
    assert!(matches!(fast.take(YEAR - 5_000_000, 1), Way::Through));
}

#[test]
fn numbers_that_are_used_up_begin_again_and_the_bucket_stays_as_it_was() {
    // A prime: each nanosecond is so many ticks, and numbers last for some 8 minutes.
    let quota = Quota::per_second(9_999_991).burst(3);
    let mut model = machine(quota, 0);
    let rate = rate(quota);
    let fast = fast(&rate, 0);
    let (mut now, mut begun) = (0, 0);
    for turn in 0..2_000_u64 {
        now += 1_000_000_000 * (turn % 30);
        for _ in 0..5 {
            if fast.is_used_up(now) {
                let (left, before) = (fast.close().expect("it was open"), fast.number_max());
                fast.set_rate(&rate, left, now);
                fast.open(left);
                assert!(fast.number() < before, "they begin again");
                begun += 1;
            }
            match fast.take(now, 1) {
                Way::Through => assert_eq!(model.take(now, 1, Key(0)), Answer::Granted),
                Way::NotYet(nanos) => {
                    let wait = Some(Duration::from_nanos(nanos));
                    assert_eq!(model.take(now, 1, Key(0)), Answer::Wait(wait));
                }
                Way::Closed => panic!("it is not used up"),
            }
        }
    }
    let seconds = now / 1_000_000_000;
    assert!((seconds / 500..=seconds / 461).contains(&begun), "{begun} times in {seconds} s");
}

#[test]
fn numbers_begin_again_once_a_minute_at_most() {
    let rates = [1, 2].map(|tokens| rate(Quota::per(tokens, Duration::from_secs(366 * 24 * 3600)).burst(70)));
    let fast = fast(&rates[0], 0);
    let (mut now, mut begun) = (0, Vec::new());
    for turn in 0..10_000 {
        now += 100_000_000;
        let _ = fast.close();
        // Each change costs the numbers of a whole bucket.
        let (rate, highest) = (&rates[turn % 2], fast.number_max());
        let empty = Bucket { full_at: rate.ticks(now) + rate.tolerance() / 2 };
        fast.set_rate(rate, empty, now);
        fast.open(empty);
        if fast.number_max() < highest {
            begun.push(now);
        }
        let _ = fast.take(now, 30);
    }
    assert!(begun.len() > 10, "{begun:?}");
    assert!(begun.is_sorted_by(|a, b| b - a >= 60_000_000_000), "{begun:?}");
}

#[test]
fn no_quota_falls_back_to_the_lock_for_good() {
    let day = Duration::from_secs(86_400);
    testing::run(testing::Config { limit: 3 * 366 * day, ..testing::Config::default() }, |rt| async move {
        let limiters = [
            Quota::per_second(10_000_000),
            Quota::per_second(9_999_991).burst(1_000_000),
            Quota::per_second(33_333).burst(100),
            Quota::per_minute(7).burst(7),
            Quota::per(1, day),
            Quota::per(999, day).burst(999),
        ]
        .map(|quota| limiter(&rt, quota));
        for day_number in 0..2 * 365 {
            for limiter in &limiters {
                limiter.try_acquire(1).expect("after a day");
                assert!(limiter.inner.is_fast(), "{limiter:?}, day {day_number}");
            }
            rt.sleep(day).await;
        }
    });
}

#[test]
fn no_number_of_one_rate_comes_back_under_another() {
    let rates = [1, 7, 2].map(|tokens| Quota::per(tokens, Duration::from_nanos(100)).burst(50));
    let rates = rates.map(|quota| Rate::new(&quota).expect("not paused"));
    let fast = Fast::new(Duration::ZERO);
    let mut highest = 0;
    for turn in 0..30 {
        let rate = &rates[turn % 3];
        // It begins anywhere, goes up, and some of it is given back.
        let begin = Bucket { full_at: 1000 * (turn as u128 * 7 % 5) };
        fast.set_rate(rate, begin, 0);
        fast.open(begin);
        assert!(fast.number() > highest, "above all before");
        while let Way::Through = fast.take(0, 1) {}
        highest = highest.max(fast.number());
        let Bucket { full_at } = fast.close().expect("it was open");
        fast.open(Bucket { full_at: full_at.saturating_sub(u128::from(rate.cost)) });
        let _ = fast.close();
    }
}

/// On threads, because what it checks is what happens between them; nothing waits for time.
#[test]
fn threads_take_no_token_twice_while_others_close_it_and_change_the_rate() {
    let quotas =
        [Quota::per(7, Duration::from_nanos(3)).burst(50), Quota::per(1, Duration::from_nanos(2)).burst(9)];
    let rates = quotas.map(|quota| Rate::new(&quota).expect("not paused"));
    let fast = fast(&rates[0], 0);
    let (clock, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let (through, mut allowed) = (AtomicU64::new(0), 0_u64);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    if let Way::Through = fast.take(clock.load(Ordering::SeqCst), 1) {
                        through.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        // This thread is whoever holds the lock. Under a rate at most the burst goes through, and what comes back: the
        // bucket is full when it begins, and its owner counts what the time it lets pass brings.
        for turn in 0..20_000_u64 {
            let rate = &rates[(turn % 2) as usize];
            let _ = fast.close();
            let now = clock.load(Ordering::SeqCst);
            let full = Bucket { full_at: rate.ticks(now) };
            fast.set_rate(rate, full, now);
            fast.open(full);
            for _ in 0..turn % 50 {
                std::hint::spin_loop();
            }
            let passed = turn % 3;
            clock.fetch_add(passed, Ordering::SeqCst);
            allowed += u64::from(rate.burst) + passed * rate.scale / rate.cost + 1;
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let through = through.into_inner();
    assert!(through <= allowed, "{through} of {allowed}");
    assert!(through > 0);
}
