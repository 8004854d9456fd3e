//! The machine against a simple model: a number of permits, a sorted list of those who wait, and a list of what was handed
//! over.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Wake, Waker},
    time::Duration,
};

use proptest::prelude::*;

use super::super::{
    Config,
    state::{Claim, Machine},
};
use crate::wait::{Key, Ticket};

#[derive(Clone, Debug)]
enum Step {
    Come(i32),
    Return,
    Collect(usize),
    Leave(usize),
    TimeOut(usize),
    Resize(usize),
    Pass(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (-2..3_i32).prop_map(Step::Come),
        3 => Just(Step::Return),
        3 => any::<usize>().prop_map(Step::Collect),
        2 => any::<usize>().prop_map(Step::Leave),
        1 => any::<usize>().prop_map(Step::TimeOut),
        1 => (0..5_usize).prop_map(Step::Resize),
        4 => (0..8_u64).prop_map(Step::Pass),
    ]
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Waiter {
    ticket: Option<Ticket>,
    key: Key,
    /// The first half of its first rank.
    came: i64,
    rank: Rank,
    wakes: Arc<Wakes>,
    woken: usize,
}

/// When one came, less its boost; and when it joined the line.
type Rank = (i64, usize);

#[derive(Default)]
struct Model {
    permits: usize,
    handover_max: u64,
    held: usize,
    /// Those to whom a permit was handed over, and until when it lies there.
    handed: Vec<(Rank, u64)>,
    /// Those whose permit was passed on.
    missed: Vec<Rank>,
    line: Vec<Rank>,
    missed_so_far: u64,
}

impl Model {
    fn in_use(&self) -> usize {
        self.held + self.handed.len()
    }

    fn hand_over(&mut self, now: u64) {
        self.line.sort_unstable();
        while !self.line.is_empty() && self.in_use() < self.permits {
            let first = self.line.remove(0);
            self.handed.push((first, now + self.handover_max));
        }
    }

    fn pass_on(&mut self, now: u64) {
        while let Some(index) = self.handed.iter().position(|(_, until)| *until <= now) {
            self.missed.push(self.handed.remove(index).0);
            self.missed_so_far += 1;
            self.hand_over(now);
        }
    }

    fn is_handed(&self, rank: Rank) -> bool {
        self.handed.iter().any(|(other, _)| *other == rank)
    }

    fn forget(&mut self, rank: Rank) {
        self.handed.retain(|(other, _)| *other != rank);
        self.missed.retain(|other| *other != rank);
        self.line.retain(|other| *other != rank);
    }
}

/// When one came, less its boost. Without ageing it is the priority alone, with room between two.
fn came(now: u64, priority: i32, ageing_step: Option<u64>) -> i64 {
    ageing_step.map_or(-2 * i64::from(priority), |step| now as i64 - i64::from(priority) * step as i64)
}

proptest! {
    #[test]
    fn permits_and_waiters_add_up(
        steps in prop::collection::vec(any_step(), 0..300),
        waiters_max in 0..6_usize,
        handover_max in 1..30_u64,
        ageing_step in prop::option::of(0..20_u64),
    ) {
        let config = Config {
            permits: 2,
            waiters_max,
            handover_max: Some(Duration::from_nanos(handover_max)),
            ageing_step: ageing_step.map(Duration::from_nanos),
        };
        let mut machine = Machine::new(&config);
        let mut model = Model { permits: 2, handover_max, ..Model::default() };
        let mut waiters: Vec<Waiter> = Vec::new();
        let mut now = 0;
        let mut look = None;
        for (number, step) in steps.into_iter().enumerate() {
            now += 1;
            let mut woken = Vec::new();
            match step {
                Step::Come(priority) => {
                    let came = came(now, priority, ageing_step);
                    let rank = (came, number);
                    let wakes = Arc::new(Wakes::default());
                    let is_free = model.line.is_empty() && model.in_use() < model.permits;
                    prop_assert_eq!(machine.take(), is_free);
                    prop_assert!(is_free || machine.is_line_full() == (model.line.len() >= waiters_max));
                    if is_free {
                        model.held += 1;
                    } else if model.line.len() < waiters_max {
                        let (key, ticket) = machine.join(now, priority, wakes.clone().into());
                        model.line.push(rank);
                        waiters.push(Waiter { ticket, key, came, rank, wakes, woken: 0 });
                    }
                }
                Step::Return if model.held > 0 => {
                    model.held -= 1;
                    if model.line.is_empty() {
                        prop_assert!(machine.release_unwanted());
                    } else {
                        prop_assert!(!machine.release_unwanted());
                        woken.extend(machine.release(now));
                    }
                }
                Step::Collect(any) if !waiters.is_empty() => {
                    let any = any % waiters.len();
                    let waiter = &mut waiters[any];
                    let rank = waiter.rank;
                    let mut waker = Waker::from(waiter.wakes.clone());
                    let expected = if model.is_handed(rank) {
                        Claim::Granted
                    } else if model.missed.contains(&rank) {
                        Claim::Again
                    } else {
                        Claim::Wait
                    };
                    prop_assert_eq!(machine.claim(&mut waiter.ticket, &mut waker), expected);
                    prop_assert_eq!(waiter.ticket.is_some(), expected == Claim::Wait);
                    if expected != Claim::Wait {
                        model.forget(rank);
                    }
                    let is_free = model.line.is_empty() && model.in_use() < model.permits;
                    if expected == Claim::Again && !is_free {
                        // Beyond the bound, and before those who stood behind it.
                        waiter.ticket = machine.come_again(waiter.key, waker);
                        waiter.rank = (waiter.came - 1, number);
                        model.line.push(waiter.rank);
                    } else if expected != Claim::Wait {
                        prop_assert!(expected == Claim::Granted || machine.take());
                        model.held += 1;
                        waiters.swap_remove(any);
                    }
                }
                Step::Leave(any) if !waiters.is_empty() => {
                    let waiter = waiters.swap_remove(any % waiters.len());
                    let (_left, next) = machine.leave(now, waiter.ticket.expect("it waits"));
                    woken.extend(next);
                    model.forget(waiter.rank);
                }
                Step::TimeOut(any) if !waiters.is_empty() => {
                    let waiter = waiters.swap_remove(any % waiters.len());
                    let (_left, is_granted) = machine.time_out(waiter.ticket.expect("it waits"));
                    prop_assert_eq!(is_granted, model.is_handed(waiter.rank));
                    model.forget(waiter.rank);
                    model.held += usize::from(is_granted);
                }
                Step::Resize(permits) => {
                    woken.extend(machine.resize(now, permits));
                    model.permits = permits;
                }
                Step::Pass(nanos) => {
                    now += nanos;
                    if look.is_some_and(|look| look <= now) {
                        let (wakers, next) = machine.pass_on(now);
                        woken.extend(wakers);
                        model.pass_on(now);
                        look = next;
                        prop_assert_eq!(next, model.handed.iter().map(|(_, until)| *until).min());
                    }
                }
                Step::Return | Step::Collect(_) | Step::Leave(_) | Step::TimeOut(_) => {}
            }
            model.hand_over(now);
            woken.into_iter().for_each(Waker::wake);
            if machine.is_to_be_watched() {
                prop_assert_eq!(look, None, "one watch is enough");
                // It comes at once, and learns when to come again.
                let (wakers, next) = machine.pass_on(now);
                prop_assert!(wakers.is_empty() && next.is_some());
                look = next;
            }
            let first_until = model.handed.iter().map(|(_, until)| *until).min();
            prop_assert!(first_until.is_none_or(|until| look.is_some_and(|look| look <= until)), "it is watched");
            let stats = machine.stats();
            prop_assert_eq!(stats.in_use, model.in_use());
            prop_assert_eq!(stats.waiting, model.line.len());
            prop_assert_eq!(stats.handovers_missed, model.missed_so_far);
            for waiter in &mut waiters {
                let is_granted = model.is_handed(waiter.rank) || model.missed.contains(&waiter.rank);
                let wakes = waiter.wakes.0.swap(0, Ordering::Relaxed);
                waiter.woken = if model.line.contains(&waiter.rank) { wakes } else { waiter.woken + wakes };
                prop_assert_eq!(waiter.woken, usize::from(is_granted), "woken if granted, and once");
            }
        }
    }
}
