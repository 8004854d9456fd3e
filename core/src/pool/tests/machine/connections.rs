//! What becomes of connections.

use super::{
    super::super::stats::Reason,
    model::{At, Known, Pair, index},
};

impl Pair {
    pub(super) fn give_back(&mut self, which: usize, broken: bool) {
        let Some((number, slot)) = self.pick(which, |at| at == At::Held) else { return };
        let since = (self.now, self.in_vain());
        let known = self.connections.get_mut(&number).expect("picked");
        (known.at, known.since) = (At::Resting, since);
        let now = self.at();
        if !broken && which.is_multiple_of(2) {
            if let Ok(waker) = self.machine.pass_on(now, slot, number) {
                assert!(!self.closed, "a closed pool lends nothing");
                self.woken(waker);
                return;
            }
        } else if !broken && self.machine.keep(slot, number).is_ok() {
            assert!(!self.closed, "a closed pool keeps nothing");
            return;
        }
        let reason = broken.then_some(Reason::Broken);
        self.change(|machine, effects| machine.give_back(now, slot, number, reason, effects));
    }

    pub(super) fn give_back_dirty(&mut self, which: usize) {
        let Some((number, slot)) = self.pick(which, |at| at == At::Held) else { return };
        self.connections.get_mut(&number).expect("picked").at = At::Resting;
        let now = self.at();
        let begun = self.change(|machine, effects| machine.begin_reset(now, slot, number, effects));
        if begun.is_some() {
            assert!(!self.closed, "what retires anyway is not reset");
            self.connections.get_mut(&number).expect("picked").at = At::Aside;
        }
    }

    pub(super) fn set_aside(&mut self, which: usize) {
        let idle = self.machine.idle();
        let Some(at) = index(&idle, which) else { return };
        let now = self.at();
        let (number, info) = self.machine.set_aside(now, idle[at]).expect("it is idle");
        let known = self.connections.get_mut(&number).expect("a connection there is");
        assert_eq!((known.at, known.slot, known.uses), (At::Resting, idle[at], info.uses));
        known.at = At::Aside;
    }

    pub(super) fn aside_ends(&mut self, which: usize, passed: bool) {
        let Some((number, slot)) = self.pick(which, |at| at == At::Aside) else { return };
        let now = self.at();
        if passed {
            let since = (self.now, self.in_vain());
            let known = self.connections.get_mut(&number).expect("picked");
            (known.at, known.since) = (At::Resting, since);
            self.change(|machine, effects| machine.proved(now, slot, number, effects));
        } else if which.is_multiple_of(2) {
            self.connections.get_mut(&number).expect("picked").at = At::Resting;
            let reason = Some(Reason::Discarded);
            self.change(|machine, effects| machine.put_back(now, slot, number, reason, effects));
        } else {
            self.machine.check_failed(slot, Reason::ResetFailed);
            self.connections.remove(&number);
            self.change(|machine, effects| machine.gone(now, slot, effects));
        }
    }

    pub(super) fn connected(&mut self, which: usize) {
        let Some(at) = index(&self.connecting, which) else { return };
        let (slot, outdated) = self.connecting.remove(at);
        let number = self.next;
        self.next += 1;
        let known = Known {
            at: At::Resting,
            slot,
            born: self.now,
            since: (self.now, self.in_vain()),
            uses: 0,
            outdated,
        };
        self.connections.insert(number, known);
        let now = self.at();
        self.change(|machine, effects| machine.connected(now, slot, number, effects));
    }
}
