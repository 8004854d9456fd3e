//! The machine against a simple model: every source with what it has to say, and the credit it has to be polled.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    task::{Wake, Waker},
};

use proptest::prelude::*;

use super::{
    super::{
        source::{BITS, Link, Shared},
        state::{Turns, Woken},
    },
    Bell, bell,
};

/// The first slot: three sources have a bit, and the others are listed.
const SLOT_MIN: usize = BITS - 3;

const ITEMS_MAX: u32 = 3;

#[derive(Clone, Debug)]
enum Step {
    Insert,
    Remove {
        which: usize,
    },
    /// So many items come, and it is woken.
    Wake {
        which: usize,
        items: u32,
    },
    /// One that is gone is woken.
    WakeGone {
        which: usize,
    },
    Polls(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Insert),
        1 => any::<usize>().prop_map(|which| Step::Remove { which }),
        6 => (any::<usize>(), 0..8_u32).prop_map(|(which, items)| Step::Wake { which, items }),
        1 => any::<usize>().prop_map(|which| Step::WakeGone { which }),
        4 => (0..12_usize).prop_map(Step::Polls),
    ]
}

struct Source {
    slot: usize,
    link: Arc<Link>,
    items: u32,
    /// How many polls it may have: one when it is inserted, one for each wake, one for each item.
    credit: u32,
    /// Who must have a turn before it has the next.
    first: BTreeSet<u64>,
}

struct Pair {
    shared: Arc<Shared>,
    turns: Turns,
    /// Who polls, and whether it waits.
    bell: Arc<Bell>,
    poller: Waker,
    waits: bool,
    /// By the number of the source.
    sources: BTreeMap<u64, Source>,
    gone: Vec<(usize, Arc<Link>)>,
    inserted: u64,
    /// Who has the turn, and how many items it gave.
    turn: Option<(u64, u32)>,
}

impl Pair {
    fn new() -> Self {
        let (bell, poller) = bell();
        Self {
            shared: Arc::default(),
            turns: Turns::new(ITEMS_MAX),
            bell,
            poller,
            waits: false,
            sources: BTreeMap::new(),
            gone: Vec::new(),
            inserted: 0,
            turn: None,
        }
    }

    fn pick(&self, which: usize) -> Option<u64> {
        let numbers: Vec<u64> = self.sources.keys().copied().collect();
        (!numbers.is_empty()).then(|| numbers[which % numbers.len()])
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Insert => self.insert(),
            Step::Remove { which } => self.remove(which),
            Step::Wake { which, items } => self.wake(which, items),
            Step::WakeGone { which } => {
                if !self.gone.is_empty() {
                    self.gone[which % self.gone.len()].1.wake_by_ref();
                    assert_eq!(self.bell.rung(), 0, "nobody hears of it");
                }
            }
            Step::Polls(polls) => {
                for _ in 0..polls {
                    self.poll();
                }
            }
        }
    }

    fn insert(&mut self) {
        let used: BTreeSet<usize> = self.sources.values().map(|source| source.slot).collect();
        let slot = (SLOT_MIN..).find(|slot| !used.contains(slot)).expect("there is always one more");
        self.inserted += 1;
        let link = self.shared.link(slot);
        self.turns.add(slot);
        self.shared.wake_parent();
        self.expect_ring();
        // It may inherit a wake with the slot.
        let inherited = u32::from(self.gone.iter().any(|(gone, _)| *gone == slot));
        let source = Source { slot, link, items: 0, credit: 1 + inherited, first: BTreeSet::new() };
        self.sources.insert(self.inserted, source);
    }

    fn remove(&mut self, which: usize) {
        let Some(number) = self.pick(which) else { return };
        let source = self.sources.remove(&number).expect("it was picked");
        source.link.cut();
        self.gone.push((source.slot, source.link));
        if self.turn.is_some_and(|(turn, _)| turn == number) {
            self.turn = None;
        }
    }

    fn wake(&mut self, which: usize, items: u32) {
        let Some(number) = self.pick(which) else { return };
        let source = self.sources.get_mut(&number).expect("it was picked");
        source.items += items;
        source.credit += 1;
        source.link.wake_by_ref();
        self.expect_ring();
    }

    /// Whoever waits is woken, once, and nobody else is.
    fn expect_ring(&mut self) {
        assert_eq!(self.bell.rung(), usize::from(std::mem::take(&mut self.waits)));
    }

    /// Polls whoever the machine says. Whether there was somebody.
    fn poll(&mut self) -> bool {
        let slot = loop {
            if let Some(slot) = self.turns.current() {
                break slot;
            }
            let (wait, mut spare) = (!self.turns.comes_again(), Some(self.poller.clone()));
            self.waits = self.shared.take_woken(self.turns.next_round(), wait, &mut spare);
            assert_eq!(self.turns.begin(), !self.waits, "it waits for a wake when there is nobody");
            if self.waits {
                return false;
            }
        };
        let Some((&number, _)) = self.sources.iter().find(|(_, source)| source.slot == slot) else {
            self.turns.rests();
            return true;
        };
        if self.turn.is_none_or(|(turn, _)| turn != number) {
            self.turn = Some((number, 0));
            let first = std::mem::take(&mut self.sources.get_mut(&number).expect("found").first);
            assert!(first.iter().all(|other| !self.sources.contains_key(other)), "{first:?} came first");
            self.sources.values_mut().for_each(|source| {
                source.first.remove(&number);
            });
        }
        let (_, given) = self.turn.as_mut().expect("set above");
        let source = self.sources.get_mut(&number).expect("found");
        assert!(source.credit > 0, "nobody woke it");
        source.credit -= 1;
        if source.items == 0 {
            self.turns.rests();
            self.end_turn(number);
            return true;
        }
        source.items -= 1;
        source.credit += 1;
        *given += 1;
        assert!(*given <= ITEMS_MAX, "a turn has an end");
        let is_used_up = *given == ITEMS_MAX;
        self.turns.gave();
        if is_used_up {
            self.end_turn(number);
        }
        true
    }

    fn end_turn(&mut self, number: u64) {
        self.turn = None;
        let waiting: BTreeSet<u64> = self
            .sources
            .iter()
            .filter(|(other, source)| **other != number && source.items > 0 && source.credit > 0)
            .map(|(other, _)| *other)
            .collect();
        self.sources.get_mut(&number).expect("it had the turn").first = waiting;
    }
}

proptest! {
    #[test]
    fn turns_are_fair_and_nobody_is_polled_unwoken(steps in prop::collection::vec(any_step(), 0..200)) {
        let mut pair = Pair::new();
        for step in steps {
            pair.step(step);
        }
        while pair.poll() {}
        for (number, source) in &pair.sources {
            prop_assert_eq!(source.items, 0, "{} was forgotten", number);
        }
    }
}

#[test]
fn a_slot_is_listed_once_however_often_its_source_is_exchanged() {
    let (mut woken, mut turns) = (Woken::default(), Turns::new(1));
    for _ in 0..1000 {
        turns.add(0);
        woken.wake(0);
    }
    woken.take(turns.next_round());
    assert_eq!(turns.next_round().len(), 1);
    assert!(turns.begin());
    assert_eq!(turns.current(), Some(0));
    turns.rests();
    assert!(!turns.begin());
}
