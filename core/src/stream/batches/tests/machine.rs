//! The machine against a simple model: a list and the rules.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::{
    Batch,
    state::{Cause, Machine},
};
use crate::testing;

#[derive(Clone, Copy, Debug)]
enum Step {
    Push(usize),
    Wait(u64),
    Flush,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop_oneof![5 => 0..8_usize, 1 => Just(100), 1 => Just(usize::MAX)].prop_map(Step::Push),
        3 => (0..400_u64).prop_map(Step::Wait),
        1 => Just(Step::Flush),
    ]
}

/// Items with their bytes, and since when the first waits.
struct Model {
    config: Batch,
    items: Vec<(usize, usize)>,
    since: u64,
}

impl Model {
    fn bytes(&self) -> usize {
        self.items.iter().fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }

    fn hand_over(&mut self) -> Vec<usize> {
        self.items.drain(..).map(|(item, _)| item).collect()
    }

    fn push(&mut self, now: u64, item: usize, bytes: usize) -> Vec<Vec<usize>> {
        let mut batches = Vec::new();
        let bytes_max = self.config.bytes_max.unwrap_or(usize::MAX);
        if !self.items.is_empty() && self.bytes().checked_add(bytes).is_none_or(|bytes| bytes > bytes_max) {
            batches.push(self.hand_over());
        }
        if self.items.is_empty() {
            self.since = now;
        }
        self.items.push((item, bytes));
        if self.items.len() >= self.config.items_max || self.bytes() >= bytes_max {
            batches.push(self.hand_over());
        }
        batches
    }

    fn due(&self) -> Option<u64> {
        (!self.items.is_empty()).then_some(self.since + self.config.wait_max.as_millis() as u64)
    }
}

fn check(config: Batch, steps: Vec<Step>) {
    let epoch = testing::run(0, |rt| async move { rt.now() });
    let at = |millis| epoch + Duration::from_millis(millis);
    let mut machine = Machine::new(config);
    let mut model = Model { config, items: Vec::new(), since: 0 };
    let (mut now, mut next, mut batches) = (0, 0, Vec::new());
    for step in steps {
        match step {
            Step::Push(bytes) => {
                // As the driver does: what is full goes before the next item comes.
                let mut machines = Vec::new();
                if machine.admits(bytes) {
                    machine.join(next, bytes);
                } else {
                    machines.extend(machine.push(next, bytes, || at(now)));
                }
                machines.extend(machine.full());
                assert_eq!(machine.full(), None, "it is handed over once");
                assert_eq!(machines, model.push(now, next, bytes));
                batches.extend(machines);
                next += 1;
            }
            Step::Wait(millis) => {
                now += millis;
                let expired = machine.expired(at(now));
                let model = (model.due().is_some_and(|due| due <= now)).then(|| model.hand_over());
                assert_eq!(expired, model);
                batches.extend(expired);
            }
            Step::Flush => {
                let flushed = machine.hand_over(Cause::Flush);
                assert_eq!(flushed.clone().unwrap_or_default(), model.hand_over());
                batches.extend(flushed);
            }
        }
        assert_eq!(machine.due(), model.due().map(at));
        assert_eq!(machine.len(), model.items.len());
        assert_eq!(machine.room(), config.items_max - model.items.len());
    }
    let stats = machine.stats();
    let causes = [stats.by_items, stats.by_bytes, stats.by_time, stats.by_end, stats.by_flush];
    assert_eq!(stats.batches, batches.len() as u64);
    assert_eq!(stats.batches, causes.iter().sum::<u64>(), "the causes add up");
    assert_eq!(stats.items as usize, batches.iter().map(Vec::len).sum::<usize>());
    assert!(batches.iter().all(|batch| !batch.is_empty()), "a batch is never empty");
    batches.push(machine.into_items());
    assert_eq!(batches.concat(), (0..next).collect::<Vec<_>>(), "what goes in comes out, once, in order");
}

proptest! {
    #[test]
    fn the_first_bound_that_is_reached_counts(
        items_max in prop_oneof![3 => 1..6_usize, 1 => Just(usize::MAX)],
        bytes_max in prop_oneof![1 => Just(None), 3 => (1..20_usize).prop_map(Some), 1 => Just(Some(usize::MAX))],
        wait_max in 1..600_u64,
        steps in prop::collection::vec(any_step(), 0..100),
    ) {
        check(Batch { items_max, bytes_max, wait_max: Duration::from_millis(wait_max) }, steps);
    }
}

#[test]
fn a_wait_beyond_any_clock_is_no_bound() {
    let epoch = testing::run(0, |rt| async move { rt.now() });
    let mut machine = Machine::new(Batch { wait_max: Duration::MAX, ..Batch::default() });
    assert_eq!(machine.push('a', 0, || epoch), None);
    assert_eq!(machine.due(), None::<Instant>);
    assert_eq!(machine.expired(epoch + Duration::from_secs(1 << 33)), None);
}

#[test]
fn configured_sizes_allocate_nothing_ahead() {
    let epoch = testing::run(0, |rt| async move { rt.now() });
    let mut machine =
        Machine::new(Batch { items_max: usize::MAX, bytes_max: Some(usize::MAX), ..Batch::default() });
    for items in [1, 5000, 1, 1] {
        for item in 0..items {
            assert_eq!(machine.push(item, 1, || epoch), None);
        }
        let batch = machine.hand_over(Cause::Flush).expect("some items");
        assert!(batch.capacity() <= 2 * items.max(1024), "{} for {items}", batch.capacity());
    }
    machine.push(0, 1, || epoch);
    assert!(machine.into_items().capacity() <= 4, "room for as many as came last");
}

#[test]
fn a_batch_has_room_at_once_for_as_many_as_the_one_before() {
    let epoch = testing::run(0, |rt| async move { rt.now() });
    let mut machine = Machine::new(Batch::default());
    let batches: Vec<_> = (0..200).filter_map(|item| machine.push(item, 0, || epoch)).collect();
    assert_eq!(batches[1].capacity(), 100);
}
