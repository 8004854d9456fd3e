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
        let fast = Fast::new();
        fast.set_rate(&model.rate().expect("not paused"), model.bucket);
        fast.open(model.bucket);
        let (mut quota, mut now) = (quota, 0);
        for step in steps {
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
                    prop_assert_eq!(bucket, model.bucket);
                    model.set_quota(now, quota);
                    fast.set_rate(&model.rate().expect("not paused"), model.bucket);
                    fast.open(model.bucket);
                }
            }
        }
    }
}

#[test]
fn what_does_not_fit_goes_the_other_way() {
    let day = Duration::from_secs(86_400);
    let quota = Quota::per(1, day).burst(1_000_000);
    let fast = Fast::new();
    fast.set_rate(&Rate::new(&quota).expect("not paused"), Bucket::default());
    fast.open(Bucket::default());
    assert!(matches!(fast.take(0, 1), Way::Closed));
    // One that fits, until its numbers are used up: some 146 years.
    let quota = Quota::per_second(1);
    fast.set_rate(&Rate::new(&quota).expect("not paused"), Bucket::default());
    fast.open(Bucket::default());
    assert!(matches!(fast.take(0, 1), Way::Through));
    assert!(matches!(fast.take(4_600_000_000_000_000_000, 1), Way::Through));
    assert!(matches!(fast.take(4_620_000_000_000_000_000, 1), Way::Closed));
}

#[test]
fn no_number_of_one_rate_comes_back_under_another() {
    let rates = [1, 7, 2].map(|tokens| Quota::per(tokens, Duration::from_nanos(100)).burst(50));
    let rates = rates.map(|quota| Rate::new(&quota).expect("not paused"));
    let fast = Fast::new();
    let mut highest = 0;
    for turn in 0..30 {
        let rate = &rates[turn % 3];
        // It begins anywhere, goes up, and some of it is given back.
        let begin = Bucket { full_at: 1000 * (turn as u128 * 7 % 5) };
        fast.set_rate(rate, begin);
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
    let fast = Fast::new();
    fast.set_rate(&rates[0], Bucket::default());
    fast.open(Bucket::default());
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
            fast.set_rate(rate, full);
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
