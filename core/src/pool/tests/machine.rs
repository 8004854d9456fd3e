//! The machine against a simple model, under random events.
//!
//! The model knows which connections there are, who holds them, and who waits in which order. It knows nothing of slots,
//! stacks, places in line or alarms.

use std::{
    collections::BTreeMap,
    panic::Location,
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::super::{
    Check, Config, Order,
    state::{Claim, Departure, Effects, Enter, Machine, NEVER, Now, Request},
    stats::Reason,
};
use crate::{rt::Rng, testing, time::Backoff, wait::Place};

/// The unit of time of these tests: ten unitseconds.
const UNIT: u64 = 10_000_000;

#[derive(Clone, Debug)]
enum Step {
    Enter {
        priority: i32,
        patience: u64,
    },
    /// A caller in line is polled.
    Poll(usize),
    /// A caller in line is dropped.
    Leave(usize),
    GiveBack {
        which: usize,
        broken: bool,
    },
    Detach(usize),
    Connected(usize),
    ConnectFailed {
        which: usize,
        is_fatal: bool,
    },
    ConnectDropped(usize),
    CheckEnds {
        which: usize,
        passed: bool,
    },
    /// A connection comes back and has to be reset.
    GiveBackDirty(usize),
    /// A look at an idle connection begins.
    SetAside(usize),
    /// A reset, a keepalive or a look at an idle connection ends.
    AsideEnds {
        which: usize,
        passed: bool,
    },
    Gone(usize),
    TryTake,
    Wait(u64),
    Resize(usize),
    ExpireAll,
    Warm(usize),
    Close,
}

fn any_step() -> impl Strategy<Value = Step> {
    let which = any::<usize>;
    prop_oneof![
        12 => (-2..3_i32, prop_oneof![0..40_u64, Just(100_000)])
            .prop_map(|(priority, patience)| Step::Enter { priority, patience }),
        8 => which().prop_map(Step::Poll),
        3 => which().prop_map(Step::Leave),
        10 => (which(), prop::bool::weighted(0.1))
            .prop_map(|(which, broken)| Step::GiveBack { which, broken }),
        1 => which().prop_map(Step::Detach),
        10 => which().prop_map(Step::Connected),
        2 => (which(), prop::bool::weighted(0.3))
            .prop_map(|(which, is_fatal)| Step::ConnectFailed { which, is_fatal }),
        1 => which().prop_map(Step::ConnectDropped),
        4 => (which(), prop::bool::weighted(0.6)).prop_map(|(which, passed)| Step::CheckEnds { which, passed }),
        2 => which().prop_map(Step::GiveBackDirty),
        1 => which().prop_map(Step::SetAside),
        4 => (which(), prop::bool::weighted(0.6)).prop_map(|(which, passed)| Step::AsideEnds { which, passed }),
        6 => which().prop_map(Step::Gone),
        2 => Just(Step::TryTake),
        8 => (0..30_u64).prop_map(Step::Wait),
        1 => (0..6_usize).prop_map(Step::Resize),
        1 => Just(Step::ExpireAll),
        1 => (0..5_usize).prop_map(Step::Warm),
    ]
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let steps = prop::collection::vec(any_step(), 0..250);
    (steps, prop::bool::weighted(0.3)).prop_map(|(mut steps, closes)| {
        if closes {
            let at = steps.len() * 3 / 4;
            steps.insert(at, Step::Close);
        }
        steps
    })
}

/// Where a connection is, as the model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Idle, or handed over and not picked up.
    Resting,
    Held,
    Checking(u64),
    Aside,
    Leaving,
}

#[derive(Clone, Debug)]
struct Known {
    at: At,
    slot: usize,
    born: u64,
    /// When it came back last, and how many had been handed over in vain by then.
    since: (u64, u64),
    uses: u64,
    outdated: bool,
}

/// A caller in line, woken or not.
struct Caller {
    number: u64,
    place: Place,
    request: Request,
    woken: bool,
    /// Woken when its time was over.
    late: bool,
}

struct Pair {
    machine: Machine<u64, u64>,
    config: Config,
    epoch: Instant,
    now: u64,
    max: usize,
    closed: bool,
    connections: BTreeMap<u64, Known>,
    /// Slots of connects, and whether they were begun before all were declared outdated.
    connecting: Vec<(usize, bool)>,
    callers: Vec<Caller>,
    /// Callers whose connection is being checked.
    checking: BTreeMap<u64, Request>,
    next: u64,
    left: u64,
    total_before: Option<usize>,
}

fn config(order: Order, check: Check) -> Config {
    let units = |units: u64| Duration::from_nanos(units * UNIT);
    Config {
        max: 3,
        min_idle: 1,
        connect_concurrency: 2,
        connect_backoff: Backoff { initial: units(5), max: units(40), ..Backoff::default() },
        check,
        handover_max: Some(units(15)),
        lifetime_max: Some(units(400)),
        lifetime_jitter_percent: 25,
        idle_timeout: Some(units(100)),
        keepalive: Some(units(60)),
        uses_max: 6,
        waiters_max: 6,
        ageing_step: units(10),
        order,
        ..Config::default()
    }
}

impl Pair {
    fn new(order: Order, check: Check) -> Self {
        let config = config(order, check);
        let epoch = testing::run(0, |rt| async move { rt.now() });
        Self {
            machine: Machine::new(epoch, &config, Rng::from_seed(7)),
            epoch,
            max: config.max,
            config,
            now: 0,
            closed: false,
            connections: BTreeMap::new(),
            connecting: Vec::new(),
            callers: Vec::new(),
            checking: BTreeMap::new(),
            next: 0,
            left: 0,
            total_before: None,
        }
    }

    fn at(&self) -> Now {
        Now::new(self.epoch, self.epoch + Duration::from_nanos(self.now))
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut Machine<u64, u64>, &mut Effects<u64, u64>) -> T) -> T {
        let mut effects = Effects::default();
        let value = change(&mut self.machine, &mut effects);
        for index in std::mem::take(&mut effects.connects) {
            assert!(!self.closed, "a closed pool connects no more");
            self.connecting.push((index, false));
        }
        if let Some((index, connection)) = effects.keepalive.take() {
            let known = self.connections.get_mut(&connection).expect("a connection there is");
            assert_eq!((known.slot, known.at), (index, At::Resting));
            known.at = At::Aside;
        }
        for Departure { index, connection, reason } in std::mem::take(&mut effects.departures) {
            let known = self.connections.get_mut(&connection).expect("a connection there is");
            assert_eq!(known.slot, index);
            assert_ne!(known.at, At::Leaving, "it leaves once");
            let age = self.now - known.born;
            match reason {
                Reason::Lifetime => assert!(age >= 300 * UNIT, "{age}"),
                Reason::Uses => assert_eq!(known.uses, 6),
                Reason::Expired => assert!(known.outdated),
                Reason::Closed => {}
                Reason::Idle => assert_eq!(known.at, At::Resting),
                _ => {}
            }
            known.at = At::Leaving;
        }
        self.woken(effects.take_wakers());
        value
    }

    fn woken(&mut self, wakers: impl IntoIterator<Item = u64>) {
        let mut served = Vec::new();
        for number in wakers {
            let caller = self.callers.iter_mut().find(|caller| caller.number == number);
            let caller = caller.expect("a caller in line");
            assert!(!caller.woken, "a caller is woken once until it is polled");
            (caller.woken, caller.late) = (true, caller.request.deadline <= self.now);
            if caller.request.deadline > self.now && !self.closed {
                served.push(caller.request.key);
            }
        }
        let left = self.callers.iter().filter(|caller| !caller.woken).map(|caller| caller.request.key).min();
        assert!(left.is_none_or(|left| served.iter().all(|key| *key <= left)), "nobody is passed over");
    }

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

    fn enter(&mut self, priority: i32, patience: u64) {
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
                        self.callers.push(Caller { number, place, request, woken: false, late: false })
                    }
                    None => self.enter_as(number, request),
                }
            }
        }
    }

    fn enter_as(&mut self, number: u64, mut request: Request) {
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

    /// A connection is lent, and must be good for it.
    fn lent(&mut self, connection: u64) {
        let (now, closed, in_vain) = (self.now, self.closed, self.in_vain());
        let known = self.connections.get_mut(&connection).expect("a connection there is");
        let is_free = matches!(known.at, At::Resting | At::Checking(_));
        assert!(is_free, "it has one holder: {:?}", known.at);
        assert!(!closed && !known.outdated && now - known.born < 420 * UNIT && known.uses < 6);
        let was_checked = matches!(known.at, At::Checking(_));
        assert!(was_checked || known.uses == 0 || self.config.check != Check::Always, "checked each time");
        let is_checked = was_checked || known.since.1 != in_vain;
        // 40 units idle, 15 ready, and as long as nobody comes for it.
        assert!(is_checked || now - known.since.0 < 85 * UNIT, "it was idle for too long");
        known.at = At::Held;
        known.uses += 1;
    }

    fn poll(&mut self, mut caller: Caller) {
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

    fn give_back(&mut self, which: usize, broken: bool) {
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

    fn give_back_dirty(&mut self, which: usize) {
        let Some((number, slot)) = self.pick(which, |at| at == At::Held) else { return };
        self.connections.get_mut(&number).expect("picked").at = At::Resting;
        let now = self.at();
        let begun = self.change(|machine, effects| machine.begin_reset(now, slot, number, effects));
        if begun.is_some() {
            assert!(!self.closed, "what retires anyway is not reset");
            self.connections.get_mut(&number).expect("picked").at = At::Aside;
        }
    }

    fn set_aside(&mut self, which: usize) {
        let idle = self.machine.idle();
        let Some(at) = index(&idle, which) else { return };
        let now = self.at();
        let (number, info) = self.machine.set_aside(now, idle[at]).expect("it is idle");
        let known = self.connections.get_mut(&number).expect("a connection there is");
        assert_eq!((known.at, known.slot, known.uses), (At::Resting, idle[at], info.uses));
        known.at = At::Aside;
    }

    fn aside_ends(&mut self, which: usize, passed: bool) {
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

    fn connected(&mut self, which: usize) {
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

    fn check_ends(&mut self, which: usize, passed: bool) {
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

    fn try_take(&mut self) {
        let now = self.at();
        let someone_waits = self.machine.stats().waiting > 0;
        let taken = self.change(|machine, effects| machine.try_take(now, Location::caller(), effects));
        if let Ok(connection) = taken {
            assert!(!someone_waits, "nobody is passed over");
            self.lent(connection);
        }
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

    fn compare(&mut self) {
        let stats = self.machine.stats();
        let held = self.count(At::Held);
        let checking = self.checking.len() + self.count(At::Aside);
        let leaving = self.count(At::Leaving);
        let resting = self.count(At::Resting);
        assert_eq!((stats.checking, stats.closing), (checking, leaving), "{stats:?}");
        assert_eq!(stats.connecting, self.connecting.len());
        // What lies ready for a caller is in use for the machine and at rest for the model.
        assert_eq!(stats.in_use + stats.idle, held + resting, "{stats:?}");
        assert!(stats.in_use >= held);
        assert_eq!(stats.connected, (held + resting + checking + leaving) as u64 + stats.retired.total());
        let total = held + resting + checking + leaving + self.connecting.len();
        if let Some(before) = self.total_before.replace(total) {
            assert!(total <= self.max.max(before), "above the bound it only falls: {before} {total}");
        }
        // Those whose connection failed its check come back in line.
        assert!(self.callers.len() <= self.config.waiters_max + 5, "the line is bounded");
        if self.closed {
            assert_eq!(stats.idle, 0);
            return;
        }
        let waiting = self.callers.iter().filter(|caller| !caller.woken).count();
        assert_eq!(stats.waiting, waiting, "whoever was told is out of the line");
        assert!(stats.connecting <= 2);
        assert!(stats.waiting == 0 || stats.idle == 0, "nobody waits beside an idle connection: {stats:?}");
        // Whoever waits has something to wait for.
        if stats.waiting > 0 && total < self.max && stats.connecting == 0 {
            let (deadline, _) = self.machine.alarms();
            assert!(deadline != NEVER, "a connect is under way, or somebody looks when the pause is over");
        }
        assert!(stats.in_use - held <= self.callers.iter().filter(|caller| caller.woken).count());
    }

    /// How many connections were handed over and passed on.
    fn in_vain(&self) -> u64 {
        self.machine.stats().handovers_missed + self.left
    }

    fn count(&self, at: At) -> usize {
        self.connections.values().filter(|known| known.at == at).count()
    }

    fn pick(&self, which: usize, wanted: impl Fn(At) -> bool) -> Option<(u64, usize)> {
        let all: Vec<_> = self.connections.iter().filter(|(_, known)| wanted(known.at)).collect();
        index(&all, which).map(|at| (*all[at].0, all[at].1.slot))
    }
}

fn index<T>(all: &[T], which: usize) -> Option<usize> {
    (!all.is_empty()).then(|| which % all.len())
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
