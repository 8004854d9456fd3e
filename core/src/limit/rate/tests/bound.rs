//! However late timers are and whoever goes away: how much is given out in any interval.

use proptest::prelude::*;

use super::{super::state::Grant, *};

#[derive(Clone, Debug)]
enum Step {
    /// Time passes, and a timer comes late or not at all.
    Pass(u64),
    /// The timer comes on time.
    Sleep,
    Pace,
    Come {
        tokens: u32,
        priority: i32,
    },
    Try {
        tokens: u32,
    },
    /// One who waits goes away.
    Leave(usize),
    /// One who was given a slot comes for it.
    Take(usize),
    /// One who was given a slot goes away.
    GiveBack(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..400_u64).prop_map(Step::Pass),
        1 => (0..20_000_u64).prop_map(Step::Pass),
        3 => Just(Step::Sleep),
        3 => Just(Step::Pace),
        6 => (1..4_u32, -1..2_i32).prop_map(|(tokens, priority)| Step::Come { tokens, priority }),
        2 => (1..4_u32).prop_map(|tokens| Step::Try { tokens }),
        2 => any::<usize>().prop_map(Step::Leave),
        3 => any::<usize>().prop_map(Step::Take),
        3 => any::<usize>().prop_map(Step::GiveBack),
    ]
}

/// When how much was given out, and whether it came back since.
#[derive(Default)]
struct Given(Vec<(u64, u32)>);

impl Given {
    /// The most that any interval has above what it may, in tokens times the period.
    fn check(&self, quota: Quota, catch_up_max: u64) {
        let period = quota.period.as_nanos();
        for (first, &(from, _)) in self.0.iter().enumerate() {
            let mut sum = 0;
            for &(to, tokens) in &self.0[first..] {
                sum += u128::from(tokens);
                let length = u128::from(to - from + catch_up_max);
                let allowed = u128::from(quota.burst) * period + u128::from(quota.tokens) * length;
                assert!(sum * period <= allowed, "{sum} from {from} to {to} at {quota}: {:?}", self.0);
            }
        }
    }
}

fn pace(
    machine: &mut Machine,
    now: u64,
    given: &mut Given,
    places: &mut Vec<(Place, u32)>,
) -> Vec<(Grant, usize)> {
    let mut grants = Vec::new();
    while let Some(grant) = machine.release(now) {
        places.sort_unstable();
        let (_, tokens) = places.remove(0);
        given.0.push((now, tokens));
        grants.push((grant, given.0.len() - 1));
    }
    grants
}

fn run(quota: Quota, catch_up_max: u64, steps: Vec<Step>) -> (Given, Machine) {
    let mut machine = machine(quota, catch_up_max);
    let (mut now, mut given) = (0, Given::default());
    let mut places: Vec<(Place, u32)> = Vec::new();
    let mut untaken: Vec<(Grant, usize)> = Vec::new();
    for step in steps {
        match step {
            Step::Pass(nanos) => now += nanos,
            Step::Sleep => {
                now = machine.next_due().map_or(now, |due| due.max(now));
                untaken.append(&mut pace(&mut machine, now, &mut given, &mut places));
            }
            Step::Pace => untaken.append(&mut pace(&mut machine, now, &mut given, &mut places)),
            Step::Come { tokens, priority } => match come(&mut machine, now, tokens, priority) {
                Ok(place) => places.push((place, tokens)),
                Err(Answer::Granted) => given.0.push((now, tokens)),
                Err(_) => assert!(tokens > quota.burst),
            },
            Step::Try { tokens } => {
                if machine.take(now, tokens, Key(u64::MAX)) == Answer::Granted {
                    assert!(places.is_empty(), "nobody is overtaken");
                    given.0.push((now, tokens));
                }
            }
            Step::Leave(any) if !places.is_empty() => {
                let (place, tokens) = places.swap_remove(any % places.len());
                assert_eq!(machine.leave(place).map(|demand| demand.tokens), Some(tokens));
            }
            Step::Take(any) if !untaken.is_empty() => {
                machine.taken(untaken.swap_remove(any % untaken.len()).0);
            }
            Step::GiveBack(any) if !untaken.is_empty() => {
                let (grant, number) = untaken.swap_remove(any % untaken.len());
                machine.give_back(grant);
                given.0[number].1 = 0;
            }
            Step::Leave(_) | Step::Take(_) | Step::GiveBack(_) => {}
        }
        assert_eq!(machine.waiting(), places.len());
        assert_eq!(machine.is_quiet(), places.is_empty() && untaken.is_empty());
    }
    given.0.retain(|(_, tokens)| *tokens > 0);
    (given, machine)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_interval_has_at_most_the_burst_and_the_rate_of_it_and_of_the_catch_up(
        quota in any_quota(),
        catch_up_max in prop_oneof![Just(0_u64), 0..300_u64, 0..10_000_u64],
        steps in prop::collection::vec(any_step(), 0..150),
    ) {
        let burst = quota.burst.max(3);
        let quota = quota.burst(burst);
        let (given, _) = run(quota, catch_up_max, steps);
        given.check(quota, catch_up_max);
    }

    #[test]
    fn without_waiters_nothing_is_caught_up(
        quota in any_quota(),
        steps in prop::collection::vec(prop_oneof![
            (0..400_u64).prop_map(Step::Pass),
            (1..4_u32).prop_map(|tokens| Step::Try { tokens }),
        ], 0..150),
    ) {
        let (given, _) = run(quota, 1_000_000, steps);
        given.check(quota, 0);
    }
}

#[test]
fn what_is_late_is_caught_up_and_what_is_too_late_is_timed_anew() {
    // One each 100 ns, caught up for 500.
    let quota = Quota::per(1, Duration::from_nanos(100));
    let late = |now| {
        let mut machine = machine(quota, 500);
        assert_eq!(machine.take(0, 1, Key(0)), Answer::Granted);
        for _ in 0..100 {
            assert!(come(&mut machine, 0, 1, 0).is_ok());
        }
        let given = std::iter::from_fn(|| machine.release(now)).count();
        (given, machine.next_due().expect("more wait"))
    };
    assert_eq!(late(99), (0, 100));
    assert_eq!(late(100), (1, 200));
    assert_eq!(late(399), (3, 400), "three are due, and the fourth keeps its time");
    assert_eq!(late(600), (6, 700));
    // Due at 100, 200 and so on; what was before 599 is forgotten.
    assert_eq!(late(1099), (6, 1199));
    assert_eq!(late(5000), (6, 5100));
}

#[test]
fn a_slot_that_comes_back_moves_the_others_forward() {
    let quota = Quota::per(1, Duration::from_nanos(100));
    let mut machine = machine(quota, 50);
    assert_eq!(machine.take(0, 1, Key(0)), Answer::Granted);
    let places: Vec<_> = (0..3).map(|_| come(&mut machine, 0, 1, 0).expect("it waits")).collect();
    assert_eq!(machine.next_due(), Some(100));
    let first = machine.release(100).expect("it is due");
    assert_eq!(machine.next_due(), Some(200));
    machine.give_back(first);
    let second = machine.release(130).expect("the slot of the first");
    assert_eq!(machine.next_due(), Some(200), "as if the first had never been there");
    machine.leave(places[2]);
    assert_eq!(machine.next_due(), None);
    // The quota has made up for it since: there is nothing to give back.
    assert_eq!(machine.take(1000, 1, Key(0)), Answer::Granted);
    machine.give_back(second);
    assert!(matches!(machine.take(1099, 1, Key(0)), Answer::Wait(_)), "one each 100 ns");
    assert_eq!(machine.take(1100, 1, Key(0)), Answer::Granted);
}
