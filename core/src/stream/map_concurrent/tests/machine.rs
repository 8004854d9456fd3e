//! The machine, driven step by step by slots that take their time, against a simple model.

use std::{collections::VecDeque, task::Waker};

use proptest::prelude::*;

use super::{
    super::state::{Call, Machine, Taken, Turn},
    Order, concurrency,
};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A slot goes on with what it is at.
    Go(usize),
    Take,
    /// Somebody wakes a slot for nothing.
    Nudge(usize),
    EndOfSource,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Told to come, or on its way.
    Free,
    Parked,
    Asking,
    Working {
        item: usize,
        number: u64,
    },
    Ended,
}

struct Run {
    machine: Machine<usize, &'static str>,
    order: Order,
    slots: Vec<At>,
    slots_max: usize,
    held_max: usize,
    source_ends: bool,
    /// The items in the order in which they were taken, not yet handed over.
    taken: VecDeque<usize>,
    completed: VecDeque<usize>,
    next: usize,
    handed_over: Vec<usize>,
}

impl Run {
    fn new(order: Order, slots_max: usize, read_ahead_max: usize) -> Self {
        Self {
            machine: Machine::new(concurrency(slots_max, read_ahead_max, order), "feed"),
            order,
            slots: Vec::new(),
            slots_max,
            held_max: slots_max + read_ahead_max,
            source_ends: false,
            taken: VecDeque::new(),
            completed: VecDeque::new(),
            next: 0,
            handed_over: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Go(which) => {
                let able: Vec<_> = (0..self.slots.len())
                    .filter(|slot| !matches!(self.slots[*slot], At::Parked | At::Ended))
                    .collect();
                if !able.is_empty() {
                    self.go(able[which % able.len()]);
                }
            }
            Step::Nudge(which) => {
                let parked: Vec<_> =
                    (0..self.slots.len()).filter(|slot| self.slots[*slot] == At::Parked).collect();
                if !parked.is_empty() {
                    self.go(parked[which % parked.len()]);
                }
            }
            Step::Take => {
                self.take();
            }
            Step::EndOfSource => self.source_ends = true,
        }
        self.check();
    }

    fn go(&mut self, slot: usize) {
        match self.slots[slot] {
            At::Free | At::Parked => {
                self.slots[slot] = match self.machine.look(slot, Some(Waker::noop().clone()), &mut None) {
                    Turn::Ask(_) => At::Asking,
                    Turn::Park => At::Parked,
                    Turn::End => At::Ended,
                };
            }
            At::Asking if self.source_ends => {
                let (feed, wakers, _) = self.machine.exhaust(None);
                assert_eq!(feed, None, "the slot has it");
                let parked = self.slots.iter_mut().filter(|at| **at == At::Parked);
                assert_eq!(wakers.len(), parked.map(|at| *at = At::Free).count());
                self.slots[slot] = At::Ended;
            }
            At::Asking => {
                let (number, unneeded) = self.machine.took("feed");
                assert_eq!(unneeded, None);
                self.slots[slot] = At::Working { item: self.next, number };
                self.taken.push_back(self.next);
                self.next += 1;
                self.call();
            }
            At::Working { item, number } => {
                self.machine.finish(number, item);
                self.completed.push_back(item);
                self.slots[slot] = At::Free;
            }
            At::Ended => {}
        }
    }

    fn call(&mut self) {
        match self.machine.call() {
            Some(Call::Spawn(slot)) => {
                assert_eq!(slot, self.slots.len());
                self.slots.push(At::Free);
            }
            Some(Call::Wake(_)) => {
                // Whichever it was; here the last that parked.
                let slot = self.slots.iter().rposition(|at| *at == At::Parked);
                assert!(slot.is_some());
                for slot in 0..self.slots.len() {
                    if self.slots[slot] == At::Parked && !self.machine.is_parked(slot) {
                        self.slots[slot] = At::Free;
                    }
                }
            }
            None => {}
        }
    }

    fn take(&mut self) -> bool {
        let expected = match self.order {
            Order::Kept => self.taken.front().copied().filter(|item| self.completed.contains(item)),
            Order::AsCompleted => self.completed.front().copied(),
        };
        let has_ended = self.slots.contains(&At::Ended) && self.taken.is_empty();
        match self.machine.take(true) {
            Taken::Item(item) => {
                assert_eq!(Some(item), expected);
                self.taken.retain(|taken| *taken != item);
                self.completed.retain(|completed| *completed != item);
                self.handed_over.push(item);
            }
            Taken::Nothing => assert_eq!((expected, has_ended), (None, false)),
            Taken::End => assert!(has_ended),
        }
        self.call();
        has_ended
    }

    fn check(&self) {
        let count = |what: fn(&At) -> bool| self.slots.iter().filter(|at| what(at)).count();
        let working = count(|at| matches!(at, At::Working { .. }));
        assert!(self.slots.len() <= self.slots_max);
        assert!(count(|at| *at == At::Asking) <= 1, "one slot has the feed");
        assert!(self.taken.len() <= self.held_max);
        let stats = self.machine.stats();
        assert_eq!(stats.running, working as u64);
        assert_eq!(stats.ready, self.completed.len() as u64);
        assert_eq!(stats.taken, stats.running + stats.ready + stats.handed_over, "the counts add up");
    }

    /// Everyone goes on in turn; all that was taken must come out, without another nudge.
    fn finish(mut self) {
        self.source_ends = true;
        for round in 0.. {
            assert!(round < 10_000, "nobody goes on: {:?}", self.slots);
            for slot in 0..self.slots.len() {
                if self.slots[slot] != At::Parked {
                    self.go(slot);
                }
            }
            if self.take() {
                break;
            }
            self.check();
        }
        assert_eq!(self.handed_over.len(), self.next);
        if self.order == Order::Kept {
            assert_eq!(self.handed_over, (0..self.next).collect::<Vec<_>>());
        }
    }
}

proptest! {
    #[test]
    fn bounds_and_order_hold_and_nobody_is_forgotten(
        kept: bool,
        slots_max in 1..5_usize,
        read_ahead_max in 0..4_usize,
        steps in prop::collection::vec(prop_oneof![
            12 => any::<usize>().prop_map(Step::Go),
            6 => Just(Step::Take),
            1 => any::<usize>().prop_map(Step::Nudge),
        ], 0..150),
        ends: bool,
    ) {
        let order = if kept { Order::Kept } else { Order::AsCompleted };
        let mut run = Run::new(order, slots_max, read_ahead_max);
        run.step(Step::Take);
        for step in steps {
            run.step(step);
        }
        if ends {
            run.step(Step::EndOfSource);
        }
        run.finish();
    }
}
