//! The driver: it locks, tells the machine what happened, and carries out what the machine says once the lock is
//! released. No code of a user runs under the lock: no future, destructor, waker, `Display` or method of the manager.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};

use event_listener::Event;
use parking_lot::Mutex;
use slab::Slab;

use super::{
    AcquireError, Config, ConnectError, Manager, Phase, TimedOut,
    close::Leaving,
    config::limit,
    connect::Connecting,
    state::{Departure, Effects, Machine, NEVER, nanos},
    stats::Reason,
};
use crate::rt::{Panic, Rt, Scope, Task};

pub(super) type Conn<M> = Box<<M as Manager>::Connection>;
pub(super) type Changes<M> = Effects<Conn<M>, Waker>;

/// What a pool, its leases and its tasks share.
pub(super) struct Inner<M: Manager> {
    pub(super) state: Mutex<State<M>>,
    /// The machine's own, to be read without the lock.
    pub(super) tick: AtomicU32,
    epoch: Instant,
    pub(super) rt: Rt,
    pub(super) manager: M,
    pub(super) limits: Limits,
    /// The maintenance task is needed earlier than it knows.
    pub(super) nudge: Event,
    /// The counts have changed, for those in [`State::watchers`].
    pub(super) changed: Event,
    pub(super) connects: Scope,
    pub(super) maintenance: Mutex<Option<Task<()>>>,
}

pub(super) struct State<M: Manager> {
    pub(super) machine: Machine<Conn<M>, Waker>,
    /// Why the last connect failed, if none has succeeded since.
    pub(super) last_error: Option<Arc<ConnectError<M::Error>>>,
    /// How many watch [`Inner::changed`].
    pub(super) watchers: usize,
    /// How many open connections are asked for by those who warm the pool.
    pub(super) warmers: Slab<usize>,
}

pub(super) struct Limits {
    /// In nanoseconds.
    pub(super) acquire: u64,
    pub(super) connect: Option<Duration>,
    pub(super) check: Option<Duration>,
    pub(super) close: Option<Duration>,
}

impl<M: Manager> Inner<M> {
    pub(super) fn new(rt: &Rt, manager: M, config: &Config) -> Self {
        let state = State {
            machine: Machine::new(config, rt.rng("pool")),
            last_error: None,
            watchers: 0,
            warmers: Slab::new(),
        };
        let limits = Limits {
            acquire: limit(config.acquire_timeout).map_or(NEVER, nanos),
            connect: limit(config.connect_timeout),
            check: limit(config.check_timeout),
            close: limit(config.close_timeout),
        };
        Self {
            state: Mutex::new(state),
            tick: AtomicU32::new(0),
            epoch: rt.now(),
            rt: rt.clone(),
            manager,
            limits,
            nudge: Event::new(),
            changed: Event::new(),
            connects: Scope::new(rt),
            maintenance: Mutex::new(None),
        }
    }

    /// Nanoseconds since the pool was made.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.nanos(self.rt.now())
    }

    #[inline]
    pub(super) fn nanos(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch);
        since.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(since.subsec_nanos()))
    }

    /// The instant of a machine's time, if there is one.
    pub(super) fn instant(&self, nanos: u64) -> Option<Instant> {
        (nanos != NEVER).then(|| self.epoch.checked_add(Duration::from_nanos(nanos)))?
    }

    /// Makes a change, and does what follows from it.
    pub(super) fn change<T>(self: &Arc<Self>, change: impl FnOnce(&mut State<M>, &mut Changes<M>) -> T) -> T {
        let mut effects = Effects::default();
        let mut state = self.state.lock();
        let value = change(&mut state, &mut effects);
        let nudge = state.machine.take_earlier();
        let watched = effects.changed && state.watchers > 0;
        drop(state);
        if nudge {
            self.nudge.notify(usize::MAX);
        }
        if watched {
            self.changed.notify(usize::MAX);
        }
        self.carry_out(effects);
        value
    }

    fn carry_out(self: &Arc<Self>, mut effects: Changes<M>) {
        for index in std::mem::take(&mut effects.connects) {
            self.connects.spawn("pool.connect", Connecting::new(self, index).run());
        }
        for departure in std::mem::take(&mut effects.departures) {
            self.depart(departure);
        }
        for waker in effects.take_wakers() {
            self.quietly("a waker", || waker.wake());
        }
    }

    fn depart(self: &Arc<Self>, departure: Departure<Conn<M>>) {
        let Departure { index, connection, reason } = departure;
        tracing::debug!(name: "seaworthy.pool.retired", ?reason, "a connection retires");
        let leaving = Leaving::new(self, index, connection);
        if reason.is_graceful() {
            self.rt.spawn("pool.close", leaving.say_goodbye()).detach();
        } else {
            leaving.drop_now();
        }
    }

    /// A connection comes back, or is given up.
    pub(super) fn give_back(self: &Arc<Self>, index: usize, mut connection: Conn<M>, reason: Option<Reason>) {
        let reason = reason.or_else(|| self.is_broken(&mut connection).then_some(Reason::Broken));
        let connection = if reason.is_some() {
            connection
        } else {
            match self.state.lock().machine.keep(index, connection) {
                Ok(()) => return,
                Err(connection) => connection,
            }
        };
        let now = self.now();
        self.change(|state, effects| state.machine.give_back(now, index, connection, reason, effects));
    }

    fn is_broken(&self, connection: &mut M::Connection) -> bool {
        let asked = catch_unwind(AssertUnwindSafe(|| self.manager.is_broken(connection)));
        asked.unwrap_or_else(|payload| {
            self.report_panic("Manager::is_broken", payload);
            true
        })
    }

    /// Runs code of a user that must not harm the thread that came by.
    pub(super) fn quietly(&self, what: &'static str, work: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
            self.report_panic(what, payload);
        }
    }

    /// Counts and logs a panic in code of a user, and says what it said.
    pub(super) fn report_panic(&self, what: &'static str, payload: Box<dyn Any + Send>) -> String {
        self.state.lock().machine.count_panic();
        let panic = Panic::new(what, payload);
        let message = panic.message();
        tracing::warn!(name: "seaworthy.pool.panicked", what, message, "code that the pool called panicked");
        message
    }

    /// Lends no more, and ends all that is not lent. What is follows when it comes back.
    pub(super) fn close_now(self: &Arc<Self>) {
        let was_open = self.change(|state, effects| state.machine.close(effects));
        if was_open {
            // Connects that nobody wants any more. They are dropped by their executor.
            drop(self.connects.cancel());
        }
    }

    /// A task of the pool was dropped unfinished, so the runtime has ended, and would drop all that come after it.
    pub(super) fn runtime_has_ended(self: &Arc<Self>) {
        self.close_now();
    }

    /// What a caller is told whose time is over.
    pub(super) fn timed_out(&self, called: u64, phase: Option<Phase>) -> AcquireError<M::Error> {
        let now = self.now();
        let state = self.state.lock();
        let situation = state.machine.situation(now);
        let last_connect_error = state.last_error.clone();
        drop(state);
        let timed_out = TimedOut {
            phase: phase.unwrap_or(situation.phase),
            waited: Duration::from_nanos(now.saturating_sub(called)),
            waiting: situation.waiting,
            in_use: situation.in_use,
            max: situation.max,
            oldest: situation.oldest,
            last_connect_error,
        };
        let TimedOut { phase, waited, waiting, in_use, .. } = timed_out;
        tracing::debug!(
            name: "seaworthy.pool.timed_out", ?phase, ?waited, waiting, in_use, "no connection in time"
        );
        AcquireError::TimedOut(Box::new(timed_out))
    }

    pub(super) fn tick(&self) -> u32 {
        self.tick.load(Ordering::Relaxed)
    }
}
