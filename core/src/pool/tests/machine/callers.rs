//! What callers do.

use std::panic::Location;

use super::{
    super::super::{
        state::{Claim, Enter, NEVER, Request},
        stats::Reason,
    },
    model::{At, Caller, Pair, UNIT},
};

impl Pair {
    pub(super) fn enter(&mut self, priority: i32, patience: u64) {
        let deadline = if patience == 100_000 { NEVER } else { self.now + patience * UNIT };
        let mut request = Request {
            priority,
            holder: Location::caller(),
            deadline,
            key: None,
            waited: false,
            yielded: false,
        };
        let number = self.next;
        self.next += 1;
        // What is idle and fresh is taken without further ado.
        let (now, tick) = (self.at().instant, self.machine.tick());
        match self.machine.take(now, tick, request.holder) {
            Some(connection) => {
                assert_eq!(self.machine.stats().waiting, 0, "nobody is passed over");
                self.lent(connection);
            }
            None => {
                let mut waker = Some(number);
                match self.machine.line_up(self.at(), &mut request, &mut waker) {
                    Some(place) => {
                        self.callers.push(Caller { number, place, request, woken: false, late: false });
                    }
                    None => self.enter_as(number, request),
                }
            }
        }
    }

    pub(super) fn enter_as(&mut self, number: u64, mut request: Request) {
        let (now, waiting) = (self.at(), self.callers.len());
        let mut waker = Some(number);
        let is_new = !request.waited;
        let idle = self.count(At::Resting);
        let entered = self.change(|machine, effects| machine.enter(now, &mut request, &mut waker, effects));
        match entered {
            Enter::Leased(connection) => self.lent(connection),
            Enter::Check(_, connection) => {
                self.connections.get_mut(&connection).expect("a known one").at = At::Checking(number);
                self.checking.insert(number, request);
            }
            Enter::Wait(place) => {
                assert!(waker.is_none(), "it keeps the waker");
                self.callers.push(Caller { number, place, request, woken: false, late: false });
            }
            Enter::TimedOut => assert!(request.deadline <= now.nanos),
            Enter::Full(_) => assert!(is_new && waiting >= self.config.waiters_max),
            Enter::Closed => assert!(self.closed),
            Enter::Yield => assert!(idle > 0),
        }
    }

    pub(super) fn poll(&mut self, mut caller: Caller) {
        let Caller { number, place, request, woken, late } = caller;
        let mut fresh = Some(number);
        match self.machine.claim(place, &mut fresh, |known| *known == number) {
            Claim::Leased(connection) => {
                assert!(woken, "whoever is served was woken");
                assert!(!late, "nobody is served past its deadline");
                self.lent(connection);
            }
            Claim::Wait(place) => {
                caller = Caller { number, place, request, woken: false, late: false };
                self.callers.push(caller);
            }
            Claim::Stale(_) => panic!("a fresh waker was at hand"),
            Claim::Check(_, connection) => {
                assert!(woken);
                self.connections.get_mut(&connection).expect("a known one").at = At::Checking(number);
                self.checking.insert(number, request);
            }
            Claim::ConnectFailed => assert!(woken),
            Claim::Again => {
                assert!(woken);
                self.enter_as(number, request);
            }
            Claim::TimedOut => assert!(late, "whoever is late was told"),
            Claim::Closed => assert!(self.closed),
        }
    }

    pub(super) fn check_ends(&mut self, which: usize, passed: bool) {
        let Some((number, slot)) = self.pick(which, |at| matches!(at, At::Checking(_))) else { return };
        let At::Checking(caller) = self.connections[&number].at else { return };
        let request = self.checking.remove(&caller).expect("its caller");
        let now = self.at();
        if passed {
            let leased = self.change(|machine, effects| machine.checked(now, slot, number, effects));
            match leased {
                Some(_) => self.lent(number),
                None => self.enter_as(caller, request),
            }
        } else {
            self.machine.check_failed(slot, Reason::CheckFailed);
            self.connections.remove(&number);
            self.change(|machine, effects| machine.gone(now, slot, effects));
            self.enter_as(caller, request);
        }
    }

    pub(super) fn try_take(&mut self) {
        let now = self.at();
        let someone_waits = self.machine.stats().waiting > 0;
        let taken = self.change(|machine, effects| machine.try_take(now, Location::caller(), effects));
        if let Ok(connection) = taken {
            assert!(!someone_waits, "nobody is passed over");
            self.lent(connection);
        }
    }
}
