//! The machine against a simple model, under random events.
//!
//! The model knows which connections there are, who holds them, and who waits in which order. It knows nothing of slots,
//! stacks, places in line or alarms.

mod callers;
mod connections;
mod model;
mod steps;

use std::time::Duration;

use proptest::prelude::*;

use self::{
    model::{At, Pair, UNIT, index},
    steps::{Step, any_steps},
};
use super::super::{Check, Order, state::Machine};

impl Pair {
    fn step(&mut self, step: Step) {
        match step {
            Step::Enter { priority, patience } => self.enter(priority, patience),
            Step::Poll(which) => {
                if let Some(at) = index(&self.callers, which) {
                    let caller = self.callers.remove(at);
                    self.poll(caller);
                }
            }
            Step::Leave(which) => {
                if let Some(at) = index(&self.callers, which) {
                    let caller = self.callers.remove(at);
                    self.left += 1;
                    let now = self.at();
                    self.change(|machine, effects| machine.leave(now, caller.place, effects));
                }
            }
            Step::GiveBack { which, broken } => self.give_back(which, broken),
            Step::Detach(which) => {
                let Some((number, slot)) = self.pick(which, |at| at == At::Held) else { return };
                let now = self.at();
                self.change(|machine, effects| machine.detach(now, slot, effects));
                self.connections.remove(&number);
            }
            Step::Connected(which) => self.connected(which),
            Step::ConnectFailed { which, .. } | Step::ConnectDropped(which) => {
                let Some(at) = index(&self.connecting, which) else { return };
                let (slot, outdated) = self.connecting.remove(at);
                let (now, waiting) = (self.at(), self.machine.stats().waiting);
                self.change(|machine, effects| match step {
                    Step::ConnectFailed { is_fatal, .. } => {
                        machine.connect_failed(now, slot, is_fatal, effects);
                    }
                    _ => machine.connect_dropped(now, slot, effects),
                });
                if outdated {
                    assert_eq!(self.machine.stats().waiting, waiting, "it says nothing of what is there now");
                } else if let Step::ConnectFailed { is_fatal: true, .. } = step {
                    assert!(self.callers.iter().all(|caller| caller.woken), "all who wait are told");
                }
            }
            Step::CheckEnds { which, passed } => self.check_ends(which, passed),
            Step::GiveBackDirty(which) => self.give_back_dirty(which),
            Step::SetAside(which) => self.set_aside(which),
            Step::AsideEnds { which, passed } => self.aside_ends(which, passed),
            Step::Gone(which) => {
                let Some((number, slot)) = self.pick(which, |at| at == At::Leaving) else { return };
                let now = self.at();
                self.connections.remove(&number);
                self.change(|machine, effects| machine.gone(now, slot, effects));
            }
            Step::TryTake => self.try_take(),
            Step::Wait(units) => self.wait(units),
            Step::Resize(max) => {
                self.max = max;
                let now = self.at();
                self.change(|machine, effects| machine.resize(now, max, effects));
            }
            Step::ExpireAll => {
                for known in self.connections.values_mut() {
                    known.outdated = true;
                }
                for (_, outdated) in &mut self.connecting {
                    *outdated = true;
                }
                let now = self.at();
                self.change(|machine, effects| machine.expire_all(now, effects));
                assert_eq!(self.machine.stats().idle, 0, "idle ones go at once");
            }
            Step::Warm(count) => {
                let now = self.at();
                self.change(|machine, effects| machine.warm(now, count, effects));
            }
            Step::Close => {
                self.closed = true;
                let was_open = self.change(Machine::close);
                assert!(was_open);
                assert!(self.callers.iter().all(|caller| caller.woken), "all who wait are told");
            }
        }
        self.compare();
    }

    /// Time passes, and the pool is looked after whenever it asks for that.
    fn wait(&mut self, units: u64) {
        let until = self.now + units * UNIT;
        loop {
            self.machine.take_earlier();
            let (deadline, upkeep) = self.machine.alarms();
            let next = deadline.min(upkeep);
            if next > until {
                break;
            }
            self.now = self.now.max(next);
            let now = self.at();
            self.change(|machine, effects| machine.look_after(now, &mut Vec::new(), effects));
            let (deadline, upkeep) = self.machine.alarms();
            let now = self.now;
            assert!(deadline.min(upkeep) > now, "what is due was done: {deadline} {upkeep} {now}");
        }
        self.now = until;
        let late = self.callers.iter().find(|caller| !caller.woken && caller.request.deadline <= until);
        assert!(late.is_none(), "whoever is late was told");
    }
}

fn check(order: Order, check: Check, steps: Vec<Step>) {
    let mut pair = Pair::new(order, check);
    for step in steps {
        pair.step(step);
    }
    // Whatever happened, it comes to an end: all give back, all polls come, all connects succeed.
    for round in 0..200 {
        for step in [Step::GiveBack { which: round, broken: false }, Step::Connected(0), Step::Gone(0)] {
            pair.step(step);
        }
        pair.step(Step::CheckEnds { which: 0, passed: true });
        pair.step(Step::AsideEnds { which: 0, passed: true });
        pair.step(Step::Poll(0));
        pair.step(Step::Wait(1));
    }
    // A keepalive may have begun in the last round.
    pair.step(Step::AsideEnds { which: 0, passed: true });
    let stats = pair.machine.stats();
    let is_paused = pair.max == 0;
    assert!(is_paused || pair.callers.is_empty(), "nobody is left behind: {stats:?}");
    assert!((stats.in_use, stats.checking) == (0, 0) || is_paused, "{stats:?}");
}

proptest! {
    #[test]
    fn the_laws_hold_whatever_happens_last_in_first_out(steps in any_steps()) {
        check(Order::Lifo, Check::AfterIdle(Duration::from_nanos(40 * UNIT)), steps);
    }

    #[test]
    fn the_laws_hold_whatever_happens_in_turn(steps in any_steps()) {
        check(Order::Fifo, Check::AfterIdle(Duration::from_nanos(40 * UNIT)), steps);
    }

    #[test]
    fn the_laws_hold_whatever_happens_if_all_are_checked(steps in any_steps()) {
        check(Order::Lifo, Check::Always, steps);
    }

    #[test]
    fn the_laws_hold_whatever_happens_if_the_clock_is_always_read(steps in any_steps()) {
        check(Order::Fifo, Check::AfterIdle(Duration::from_nanos(10 * UNIT)), steps);
    }
}
