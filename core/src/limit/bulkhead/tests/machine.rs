//! The machine against a simple model: a number of permits and a sorted list of those who wait.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Wake, Waker},
};

use proptest::prelude::*;

use super::super::{Config, state::Machine};
use crate::wait::{Key, Left, Ticket};

#[derive(Clone, Debug)]
enum Step {
    Come(i32),
    Return,
    Collect(usize),
    Leave(usize),
    TimeOut(usize),
    Resize(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (-2..3_i32).prop_map(Step::Come),
        3 => Just(Step::Return),
        3 => any::<usize>().prop_map(Step::Collect),
        2 => any::<usize>().prop_map(Step::Leave),
        1 => any::<usize>().prop_map(Step::TimeOut),
        1 => (0..5_usize).prop_map(Step::Resize),
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
    rank: (Key, usize),
    wakes: Arc<Wakes>,
}

#[derive(Default)]
struct Model {
    permits: usize,
    held: usize,
    /// Those granted and not collected, by rank.
    granted: Vec<(Key, usize)>,
    line: Vec<(Key, usize)>,
}

impl Model {
    fn settle(&mut self) {
        self.line.sort_unstable();
        while !self.line.is_empty() && self.held + self.granted.len() < self.permits {
            let first = self.line.remove(0);
            self.granted.push(first);
        }
    }
}

proptest! {
    #[test]
    fn permits_and_waiters_add_up(steps in prop::collection::vec(any_step(), 0..200), waiters_max in 0..6_usize) {
        let mut machine = Machine::new(&Config { permits: 2, waiters_max });
        let mut model = Model { permits: 2, ..Model::default() };
        let mut waiters: Vec<Waiter> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            let mut woken = Vec::new();
            match step {
                Step::Come(priority) => {
                    let rank = (Key::strict(priority), number);
                    let wakes = Arc::new(Wakes::default());
                    let is_free = model.line.is_empty() && model.held + model.granted.len() < model.permits;
                    prop_assert_eq!(machine.take(), is_free);
                    if is_free {
                        model.held += 1;
                    } else {
                        prop_assert_eq!(machine.is_line_full(), model.line.len() >= waiters_max);
                        let joined = machine.join(rank.0, wakes.clone().into());
                        prop_assert_eq!(joined.is_ok(), model.line.len() < waiters_max);
                        if let Ok(ticket) = joined {
                            model.line.push(rank);
                            waiters.push(Waiter { ticket: Some(ticket), rank, wakes });
                        }
                    }
                }
                Step::Return if model.held > 0 => {
                    model.held -= 1;
                    woken.extend(machine.release());
                }
                Step::Collect(any) if !waiters.is_empty() => {
                    let any = any % waiters.len();
                    let waiter = &mut waiters[any];
                    let mut waker = Waker::from(waiter.wakes.clone());
                    let is_granted = model.granted.contains(&waiter.rank);
                    prop_assert_eq!(machine.poll(&mut waiter.ticket, &mut waker).is_ready(), is_granted);
                    if is_granted {
                        let waiter = waiters.swap_remove(any);
                        prop_assert_eq!(waiter.wakes.0.load(Ordering::Relaxed), 1, "woken once");
                        model.granted.retain(|rank| *rank != waiter.rank);
                        model.held += 1;
                    }
                }
                Step::Leave(any) if !waiters.is_empty() => {
                    let waiter = waiters.swap_remove(any % waiters.len());
                    let (_left, next) = machine.leave(waiter.ticket.expect("it waits"));
                    woken.extend(next);
                    model.granted.retain(|rank| *rank != waiter.rank);
                    model.line.retain(|rank| *rank != waiter.rank);
                }
                Step::TimeOut(any) if !waiters.is_empty() => {
                    let waiter = waiters.swap_remove(any % waiters.len());
                    let left = machine.time_out(waiter.ticket.expect("it waits"));
                    let is_granted = model.granted.contains(&waiter.rank);
                    prop_assert_eq!(matches!(left, Left::Granted(())), is_granted);
                    model.granted.retain(|rank| *rank != waiter.rank);
                    model.line.retain(|rank| *rank != waiter.rank);
                    model.held += usize::from(is_granted);
                }
                Step::Resize(permits) => {
                    woken.extend(machine.resize(permits));
                    model.permits = permits;
                }
                Step::Return | Step::Collect(_) | Step::Leave(_) | Step::TimeOut(_) => {}
            }
            woken.into_iter().for_each(Waker::wake);
            model.settle();
            let stats = machine.stats();
            prop_assert_eq!(stats.in_use, model.held + model.granted.len());
            prop_assert_eq!(stats.waiting, model.line.len());
            for waiter in &waiters {
                let expected = usize::from(model.granted.contains(&waiter.rank));
                prop_assert_eq!(waiter.wakes.0.load(Ordering::Relaxed), expected, "woken if granted, and once");
            }
        }
    }
}
