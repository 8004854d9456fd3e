//! The machine and what the model knows of it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::super::super::{
    Check, Config, Order,
    state::{Departure, Effects, Machine, NEVER, Now, Request},
    stats::Reason,
};
use crate::{rt::Rng, testing, time::Backoff, wait::Place};

/// The unit of time of these tests: ten milliseconds.
pub(super) const UNIT: u64 = 10_000_000;

/// Where a connection is, as the model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// Idle, or handed over and not picked up.
    Resting,
    Held,
    Checking(u64),
    Aside,
    Leaving,
}

#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) at: At,
    pub(super) slot: usize,
    pub(super) born: u64,
    /// When it came back last, and how many had been handed over in vain by then.
    pub(super) since: (u64, u64),
    pub(super) uses: u64,
    pub(super) outdated: bool,
}

/// A caller in line, woken or not.
pub(super) struct Caller {
    pub(super) number: u64,
    pub(super) place: Place,
    pub(super) request: Request,
    pub(super) woken: bool,
    /// Woken when its time was over.
    pub(super) late: bool,
}

pub(super) struct Pair {
    pub(super) machine: Machine<u64, u64>,
    pub(super) config: Config,
    pub(super) epoch: Instant,
    pub(super) now: u64,
    pub(super) max: usize,
    pub(super) closed: bool,
    pub(super) connections: BTreeMap<u64, Known>,
    /// Slots of connects, and whether they were begun before all were declared outdated.
    pub(super) connecting: Vec<(usize, bool)>,
    pub(super) callers: Vec<Caller>,
    /// Callers whose connection is being checked.
    pub(super) checking: BTreeMap<u64, Request>,
    pub(super) next: u64,
    pub(super) left: u64,
    pub(super) total_before: Option<usize>,
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
    pub(super) fn new(order: Order, check: Check) -> Self {
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

    pub(super) fn at(&self) -> Now {
        Now::new(self.epoch, self.epoch + Duration::from_nanos(self.now))
    }

    pub(super) fn change<T>(
        &mut self,
        change: impl FnOnce(&mut Machine<u64, u64>, &mut Effects<u64, u64>) -> T,
    ) -> T {
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

    pub(super) fn woken(&mut self, wakers: impl IntoIterator<Item = u64>) {
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

    pub(super) fn compare(&mut self) {
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
    pub(super) fn in_vain(&self) -> u64 {
        self.machine.stats().handovers_missed + self.left
    }

    pub(super) fn count(&self, at: At) -> usize {
        self.connections.values().filter(|known| known.at == at).count()
    }

    pub(super) fn pick(&self, which: usize, wanted: impl Fn(At) -> bool) -> Option<(u64, usize)> {
        let all: Vec<_> = self.connections.iter().filter(|(_, known)| wanted(known.at)).collect();
        index(&all, which).map(|at| (*all[at].0, all[at].1.slot))
    }

    /// A connection is lent, and must be good for it.
    pub(super) fn lent(&mut self, connection: u64) {
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
}

pub(super) fn index<T>(all: &[T], which: usize) -> Option<usize> {
    (!all.is_empty()).then(|| which % all.len())
}
