//! The arithmetic, against the other form of the algorithm: a bucket that leaks.

use proptest::prelude::*;

use super::{super::state::Answer, *};

/// The continuous-state form of I.371: a level that rises by `period` for each token and sinks by `tokens` each
/// nanosecond, and must not rise above `burst * period`. Nothing in it is reduced or shared with the machine.
struct Leaky {
    quota: Quota,
    level: u128,
    at: u64,
}

impl Leaky {
    fn take(&mut self, now: u64, tokens: u32) -> bool {
        let period = self.quota.period.as_nanos();
        let leaked = u128::from(now.saturating_sub(self.at)) * u128::from(self.quota.tokens);
        let level = self.level.saturating_sub(leaked);
        let risen = level + u128::from(tokens) * period;
        let conforms = risen <= u128::from(self.quota.burst) * period;
        (self.level, self.at) = (if conforms { risen } else { level }, now.max(self.at));
        conforms
    }
}

proptest! {
    #[test]
    fn slots_obey_gcra_exactly(
        quota in any_quota(),
        comers in prop::collection::vec((0..3000_u64, 0..5_u32), 0..200),
    ) {
        let mut machine = machine(quota, 5_000_000);
        let mut leaky = Leaky { quota, level: 0, at: 0 };
        let mut now = 0;
        for (pause, tokens) in comers {
            now += pause;
            let answer = machine.take(now, tokens, Key(u64::MAX));
            prop_assert_eq!(answer == Answer::Granted, leaky.take(now, tokens), "at {}: {:?}", now, answer);
            prop_assert_eq!(answer == Answer::TooMany { burst: quota.burst }, tokens > quota.burst);
            if let Answer::Wait(Some(wait)) = answer {
                // Neither a nanosecond early nor a nanosecond late.
                let wait = wait.as_nanos() as u64;
                prop_assert!(wait > 0);
                let mut probe = Leaky { quota, ..leaky };
                prop_assert!(!probe.take(now + wait - 1, tokens));
                prop_assert!(probe.take(now + wait, tokens));
            }
        }
    }

    #[test]
    fn nothing_drifts(tokens in 1..100_u32, longer in 0..10_000_u64, slots in 1..2000_u64) {
        // Taken as soon as it is there, period after period: exactly what the quota says, to the last one.
        let period = u64::from(tokens) + longer;
        let quota = Quota::per(tokens, Duration::from_nanos(period));
        let mut machine = machine(quota, 1);
        prop_assert_eq!(machine.take(0, 1, Key(0)), Answer::Granted);
        prop_assert!(come(&mut machine, 0, 1, 0).is_ok());
        for slot in 1..=slots {
            let due = machine.next_due().expect("one waits");
            // The least whole nanosecond that is not before `slot * period / tokens`.
            prop_assert_eq!(due, (slot * period).div_ceil(u64::from(tokens)));
            let grant = machine.release(due).expect("it is due");
            machine.taken(grant);
            prop_assert!(come(&mut machine, due, 1, 0).is_ok(), "never two in one slot");
        }
    }

    #[test]
    fn a_clock_that_stands_still_or_jumps_adds_no_tokens(
        quota in any_quota(),
        jumps in prop::collection::vec(0..u64::MAX / 2, 1..20),
    ) {
        let mut machine = machine(quota, 5_000_000);
        for now in jumps {
            let taken = (0..100).filter(|_| machine.take(now, 1, Key(0)) == Answer::Granted).count();
            prop_assert!(taken <= quota.burst as usize);
        }
    }
}

#[test]
fn the_longest_and_the_greatest_do_not_overflow() {
    let year = Duration::from_secs(366 * 24 * 3600);
    for (tokens, period) in
        [(u32::MAX, year), (1, year), (u32::MAX, Duration::from_nanos(1)), (u32::MAX - 4, year)]
    {
        for burst in [1, u32::MAX] {
            let quota = Quota::per(tokens, period).burst(burst);
            let mut machine = machine(quota, 60_000_000_000);
            for now in [0, 1, u64::MAX / 2, u64::MAX] {
                assert_eq!(machine.take(now, burst, Key(0)), Answer::Granted, "{quota}, at {now}");
                assert!(come(&mut machine, now, burst, 0).is_ok());
                assert!(machine.set_quota(now, Quota::per(7, year).burst(burst)).is_empty());
                assert!(machine.set_quota(now, quota).is_empty());
                while let Some(grant) = machine.release(u64::MAX) {
                    machine.give_back(grant);
                }
                machine = self::machine(quota, 60_000_000_000);
            }
        }
    }
}
