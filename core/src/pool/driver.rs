//! The driver: it locks, tells the machine what happened, and carries out what the machine says once the lock is
//! released. No code of a user runs under the lock: no future, destructor, waker, `Display` or method of the manager.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::Waker,
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use slab::Slab;

use super::{
    AcquireError, Config, ConnectError, ConnectFailed, Manager, Phase, TimedOut,
    aside::Aside,
    close::Leaving,
    config::limit,
    connect::Connecting,
    held::Conn,
    state::{self, Departure, Effects, Leak, NEVER, Now, nanos},
    stats::Reason,
    wake::wake_all,
    watch::Watchers,
};
use crate::{
    canary,
    rt::{Panic, Rt, Scope, Task},
    time::{DeadlineExceeded, Shown},
};

pub(super) type Machine<M> = state::Machine<Conn<M>, Waker>;
pub(super) type Changes<M> = Effects<Conn<M>, Waker>;

/// What a pool, its leases and its tasks share.
pub(super) struct Inner<M: Manager> {
    pub(super) state: Mutex<State<M>>,
    /// The machine's own, to be read without the lock.
    pub(super) tick: AtomicU32,
    /// Whether somebody waited when it was looked at last: what to try first.
    pub(super) is_busy: AtomicBool,
    epoch: Instant,
    pub(super) rt: Rt,
    pub(super) manager: M,
    pub(super) limits: Limits,
    pub(super) connects: Scope,
    pub(super) maintenance: Mutex<Option<Task<()>>>,
}

pub(super) struct State<M: Manager> {
    pub(super) machine: Machine<M>,
    /// Why the last connect failed, if none has succeeded since.
    pub(super) last_error: Option<Arc<ConnectError<M::Error>>>,
    /// The last that was fatal, for those who were told and have not been polled since.
    pub(super) fatal_error: Option<Arc<ConnectError<M::Error>>>,
    pub(super) watchers: Watchers,
    /// The maintenance task, while it sleeps.
    pub(super) maintainer: Option<Waker>,
    /// How many open connections are asked for by those who warm the pool.
    pub(super) warmers: Slab<usize>,
}

/// In which a connection comes back.
enum Condition {
    Good,
    Dirty,
    Broken,
}

pub(super) struct Limits {
    /// In nanoseconds.
    pub(super) acquire: u64,
    pub(super) connect: Option<Duration>,
    pub(super) check: Option<Duration>,
    pub(super) close: Option<Duration>,
}

impl<M: Manager> State<M> {
    /// The maintenance task, if it sleeps and is needed earlier than it knows.
    #[inline]
    pub(super) fn nudge(&mut self) -> Option<Waker> {
        if self.machine.is_earlier() { self.maintainer.take() } else { None }
    }
}

impl<M: Manager> Inner<M> {
    pub(super) fn new(rt: &Rt, manager: M, config: &Config) -> Self {
        let epoch = rt.now();
        let state = State {
            machine: Machine::new(epoch, config, rt.rng("pool")),
            last_error: None,
            fatal_error: None,
            watchers: Watchers::default(),
            maintainer: None,
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
            is_busy: AtomicBool::new(false),
            epoch,
            rt: rt.clone(),
            manager,
            limits,
            connects: Scope::new(rt),
            maintenance: Mutex::new(None),
        }
    }

    pub(super) fn now(&self) -> Now {
        self.at(self.rt.now())
    }

    pub(super) fn at(&self, instant: Instant) -> Now {
        Now::new(self.epoch, instant)
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
        let nudged = state.nudge();
        let told = if effects.changed { state.watchers.tell() } else { Vec::new() };
        self.is_busy.store(state.machine.is_busy(), Ordering::Relaxed);
        drop(state);
        let wakers = effects.take_wakers();
        self.carry_out(effects);
        wake_all(wakers.chain(nudged).chain(told));
        value
    }

    fn carry_out(self: &Arc<Self>, mut effects: Changes<M>) {
        for index in std::mem::take(&mut effects.connects) {
            self.connects.spawn("pool.connect", Connecting::new(self, index).run());
        }
        for departure in std::mem::take(&mut effects.departures) {
            self.depart(departure);
        }
        if let Some((index, connection)) = effects.keepalive.take() {
            let aside = Aside::new(self, index, connection, Reason::CheckCutShort);
            self.rt.spawn("pool.keepalive", aside.check()).detach();
        }
        if let Some(Leak { location, age }) = effects.returned.take() {
            tracing::info!(
                name: "seaworthy.pool.leak_returned", %location, age = %Shown(age),
                "a connection that was held for suspiciously long came back"
            );
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

    /// A connection comes back.
    #[inline]
    pub(super) fn take_back(mut held: Conn<M>) {
        if thread::panicking() {
            // What its holder was doing with it is half done.
            return Self::give_up(held, Some(Reason::Panicked));
        }
        match held.inner.look_over(&mut held.connection) {
            Condition::Good => {}
            Condition::Dirty => return Self::reset(held),
            Condition::Broken => return Self::give_up(held, Some(Reason::Broken)),
        }
        if held.inner.is_busy.load(Ordering::Relaxed) {
            return Self::hand_on(held);
        }
        if let Err(held) = held.keep() {
            Self::give_up(held, None);
        }
    }

    /// A connection comes back for somebody who waits.
    #[inline(never)]
    fn hand_on(held: Conn<M>) {
        let now = held.inner.now();
        match held.pass_on(now) {
            // The pool may be gone from here on.
            Ok(waker) => wake_all(waker),
            Err(held) => Self::give_up(held, None),
        }
    }

    /// A connection comes back for somebody who waits, or is of no more use.
    #[inline(never)]
    pub(super) fn give_up(held: Conn<M>, reason: Option<Reason>) {
        let (inner, index) = (Arc::clone(&held.inner), held.index);
        let now = inner.now();
        inner.change(|state, effects| state.machine.give_back(now, index, held, reason, effects));
    }

    /// A connection comes back and has to be reset before it is lent again.
    #[cold]
    fn reset(held: Conn<M>) {
        let (inner, index) = (Arc::clone(&held.inner), held.index);
        let now = inner.now();
        let begun = inner.change(|state, effects| state.machine.begin_reset(now, index, held, effects));
        if let Some(held) = begun {
            let aside = Aside::new(&inner, index, held, Reason::ResetFailed);
            inner.rt.spawn("pool.reset", aside.reset()).detach();
        }
    }

    #[inline]
    fn look_over(&self, connection: &mut M::Connection) -> Condition {
        let look = AssertUnwindSafe(|| {
            if self.manager.is_broken(connection) && !canary::is_on("pool.lends-broken-connections") {
                Condition::Broken
            } else if self.manager.needs_reset(connection) {
                Condition::Dirty
            } else {
                Condition::Good
            }
        });
        match catch_unwind(look) {
            Ok(condition) => condition,
            Err(payload) => {
                self.report_panic("Manager::is_broken or Manager::needs_reset", payload);
                Condition::Broken
            }
        }
    }

    /// Runs code of a user that must not harm the thread that came by.
    pub(super) fn quietly(&self, what: &'static str, work: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
            self.report_panic(what, payload);
        }
    }

    /// Counts and logs a panic in code of a user, and says what it said.
    #[cold]
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

    /// What a caller is told who waited for a connect that is not worth another try.
    pub(super) fn connect_failed(&self, called: Instant) -> AcquireError<M::Error> {
        let waited = self.rt.now().saturating_duration_since(called);
        let error = self.state.lock().fatal_error.clone();
        match error {
            Some(error) => AcquireError::ConnectFailed(ConnectFailed { error, waited }),
            // There is one once somebody was told.
            None => self.timed_out(called, Some(Phase::Connect), None),
        }
    }

    /// What a caller is told whose time is over.
    pub(super) fn timed_out(
        &self,
        called: Instant,
        phase: Option<Phase>,
        deadline: Option<DeadlineExceeded>,
    ) -> AcquireError<M::Error> {
        let now = self.now();
        let state = self.state.lock();
        let situation = state.machine.situation(now);
        let last_connect_error = state.last_error.clone();
        drop(state);
        let timed_out = TimedOut {
            phase: phase.unwrap_or(situation.phase),
            waited: now.instant.saturating_duration_since(called),
            deadline,
            waiting: situation.waiting,
            in_use: situation.in_use,
            max: situation.max,
            oldest: situation.oldest,
            last_connect_error,
        };
        let TimedOut { phase, waited, waiting, in_use, .. } = timed_out;
        tracing::debug!(
            name: "seaworthy.pool.timed_out", ?phase, waited = %Shown(waited), waiting, in_use, "no connection in time"
        );
        AcquireError::TimedOut(Box::new(timed_out))
    }

    pub(super) fn tick(&self) -> u32 {
        self.tick.load(Ordering::Relaxed)
    }
}
