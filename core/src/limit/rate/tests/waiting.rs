//! Those who wait, against a model that reserves: each gets the first slot that is free after those before it.

use proptest::prelude::*;

use super::*;

/// When the last slot ends, in ticks of the tokens of the quota; by the book, without a bucket.
struct Reserving {
    quota: Quota,
    full_at: u128,
}

impl Reserving {
    /// The slot of one who comes at `now`, in nanoseconds, rounded up.
    fn reserve(&mut self, now: u64, tokens: u32) -> u64 {
        let (scale, period) = (u128::from(self.quota.tokens), self.quota.period.as_nanos());
        let base = self.full_at.max(u128::from(now) * scale);
        self.full_at = base + u128::from(tokens) * period;
        let due = self.full_at.saturating_sub(u128::from(self.quota.burst) * period);
        u64::try_from(due.div_ceil(scale)).expect("it fits").max(now)
    }
}

proptest! {
    #[test]
    fn each_waits_for_the_first_slot_that_is_free_and_is_told_how_long(
        quota in any_quota(),
        comers in prop::collection::vec((0..300_u64, 1..4_u32), 0..100),
    ) {
        let quota = quota.burst(quota.burst.max(3));
        let mut machine = machine(quota, 1000);
        let mut model = Reserving { quota, full_at: 0 };
        let (mut now, mut expected, mut slots) = (0, Vec::new(), Vec::new());
        let pace = |machine: &mut Machine, until: u64, slots: &mut Vec<u64>| {
            while let Some(due) = machine.next_due().filter(|due| *due <= until) {
                let grant = machine.release(due).expect("it is due");
                machine.taken(grant);
                slots.push(due);
            }
        };
        for (pause, tokens) in comers {
            now += pause;
            pace(&mut machine, now, &mut slots);
            let due = model.reserve(now, tokens);
            match machine.take(now, tokens, Key::strict(0)) {
                Answer::Granted => prop_assert_eq!(due, now),
                Answer::Wait(Some(wait)) => {
                    prop_assert_eq!(wait, Duration::from_nanos(due - now), "as it was told");
                    prop_assert!(come(&mut machine, now, tokens, 0).is_ok());
                    expected.push(due);
                }
                answer => panic!("{answer:?}"),
            }
        }
        pace(&mut machine, u64::MAX, &mut slots);
        prop_assert_eq!(slots, expected);
    }

    #[test]
    fn the_more_urgent_go_first_then_the_first_come(priorities in prop::collection::vec(-2..3_i32, 1..60)) {
        let mut machine = machine(Quota::per(1, Duration::from_nanos(10)), 0);
        prop_assert_eq!(machine.take(0, 1, Key(0)), Answer::Granted);
        let mut expected = Vec::new();
        for (number, priority) in priorities.into_iter().enumerate() {
            let before = expected.iter().filter(|(other, _, _)| *other <= -priority).count();
            let told = machine.take(0, 1, Key::strict(priority));
            prop_assert_eq!(told, Answer::Wait(Some(Duration::from_nanos(10 * (before as u64 + 1)))));
            expected.push((-priority, number, come(&mut machine, 0, 1, priority).expect("it waits")));
        }
        expected.sort_unstable();
        for (slot, (_, _, place)) in expected.into_iter().enumerate() {
            let before = machine.waiting();
            let grant = machine.release(10 * (slot as u64 + 1)).expect("it is due");
            machine.taken(grant);
            prop_assert_eq!(machine.waiting(), before - 1);
            prop_assert!(machine.leave(place).is_none(), "it was this one");
        }
    }
}

#[test]
fn many_tokens_wait_as_long_as_it_takes_and_hold_up_those_behind() {
    let mut machine = machine(Quota::per(1, Duration::from_nanos(10)).burst(5), 100);
    assert_eq!(machine.take(0, 3, Key(0)), Answer::Granted);
    let many = come(&mut machine, 0, 5, 0).expect("two are there, three are missing");
    come(&mut machine, 0, 1, 0).expect("behind it, though one would be there");
    assert_eq!(machine.next_due(), Some(30));
    machine.leave(many);
    assert_eq!(machine.next_due(), Some(0), "now there is");
}
