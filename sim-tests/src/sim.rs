use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use event_listener::{Event as Signal, listener};
use futures::future::{Either, select};
use parking_lot::Mutex;
use seaworthy_core::rt::Rng;

use crate::{
    digest::Digest,
    engine::Engine,
    event::{Event, Trace, What},
    fault::{FaultKind, Schedule},
    outcome::Verdict,
    weather::Weather,
};

/// One run: what its hosts share, and what watches over them.
///
/// All that a scenario's laws need is here and on no network: what a server did is known to the law that compares it
/// with what a client believes.
#[derive(Clone)]
pub struct Sim(Arc<Shared>);

struct Shared {
    seed: u64,
    engine: Engine,
    rng: Rng,
    clock: OnceLock<Box<dyn Fn() -> Duration + Send + Sync>>,
    points: &'static [&'static str],
    traces: bool,
    log: Mutex<Log>,
    schedule: OnceLock<Schedule>,
    weather: Weather,
    changed: Signal,
    /// The time when it was looked at last, in nanoseconds.
    looked: AtomicU64,
    is_in_task: AtomicBool,
}

#[derive(Default)]
struct Log {
    digest: Digest,
    events: u64,
    trace: Trace,
    points: BTreeMap<&'static str, u64>,
    effects: BTreeMap<FaultKind, u64>,
    options: BTreeMap<String, String>,
    failure: Option<Verdict>,
    is_healed: bool,
}

/// What is left of a run.
pub(crate) struct Remains {
    pub(crate) digest: Digest,
    pub(crate) events: u64,
    pub(crate) trace: Vec<Event>,
    pub(crate) points: BTreeMap<&'static str, u64>,
    pub(crate) effects: BTreeMap<FaultKind, u64>,
    pub(crate) options: BTreeMap<String, String>,
    pub(crate) failure: Option<Verdict>,
}

impl Sim {
    pub(crate) fn new(seed: u64, engine: Engine, points: &'static [&'static str], trace: Trace) -> Self {
        let traces = !matches!(trace, Trace::Off);
        let log = Log { trace, ..Log::default() };
        Self(Arc::new(Shared {
            seed,
            engine,
            rng: Rng::from_seed(seed).fork("scenario", 0),
            clock: OnceLock::new(),
            points,
            traces,
            log: Mutex::new(log),
            schedule: OnceLock::new(),
            weather: Weather::default(),
            changed: Signal::new(),
            looked: AtomicU64::new(0),
            is_in_task: AtomicBool::new(false),
        }))
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// Which engine runs this.
    pub fn engine(&self) -> Engine {
        self.0.engine
    }

    /// A stream of random numbers of the seed, for `label` and `number` alone.
    pub fn rng(&self, label: &str, number: u64) -> Rng {
        self.0.rng.fork(label, number)
    }

    /// The simulated time since the start.
    pub fn now(&self) -> Duration {
        let now = self.0.clock.get().map_or(Duration::ZERO, |clock| clock());
        self.0.looked.store(now.as_nanos() as u64, Ordering::Relaxed);
        now
    }

    /// The simulated time for whoever asks the system for it. Outside of hosts' tasks it is when it was looked at last: there
    /// it is tokio who asks, twice for each turn of a host, for figures of its own that nobody reads.
    pub(crate) fn system_now(&self) -> Duration {
        if self.0.is_in_task.load(Ordering::Relaxed) {
            return self.now();
        }
        Duration::from_nanos(self.0.looked.load(Ordering::Relaxed))
    }

    /// A task of a host has its turn until what is returned is dropped.
    pub(crate) fn enter_task(&self) -> InTask<'_> {
        InTask { sim: self, was_in_task: self.0.is_in_task.swap(true, Ordering::Relaxed) }
    }

    pub(crate) fn set_clock(&self, clock: impl Fn() -> Duration + Send + Sync + 'static) {
        let _first = self.0.clock.set(Box::new(clock));
    }

    pub(crate) fn weather(&self) -> &Weather {
        &self.0.weather
    }

    pub(crate) fn set_schedule(&self, schedule: Schedule) {
        let _first = self.0.schedule.set(schedule);
    }

    /// The faults of this run.
    pub fn schedule(&self) -> &Schedule {
        static NONE: Schedule = Schedule { faults: Vec::new() };
        self.0.schedule.get().unwrap_or(&NONE)
    }

    /// Notes what was drawn for this run, so that a failure can be understood.
    pub fn option(&self, name: &str, value: impl fmt::Display) {
        self.0.log.lock().options.insert(name.to_owned(), value.to_string());
    }

    /// A law is broken: the run fails and ends. See [`always!`](crate::always).
    pub fn violated(&self, law: &str, text: fmt::Arguments<'_>) {
        self.violated_on("", law, text);
    }

    pub(crate) fn violated_on(&self, host: &str, law: &str, text: fmt::Arguments<'_>) {
        let (law, text, at) = (law.to_owned(), text.to_string(), self.now());
        let at_ms = at.as_millis() as u64;
        self.record(host, What::Violated { law: law.clone(), text: text.clone() });
        self.fail(Verdict::Violated { law, text, host: host.to_owned(), at_ms });
    }

    /// A point is reached. See [`sometimes!`](crate::sometimes).
    pub fn reached(&self, point: &'static str) {
        if !self.0.points.contains(&point) {
            let text = format!("`{point}` is reached and not among the points of the scenario");
            return self.fail(Verdict::Failed { text });
        }
        *self.0.log.lock().points.entry(point).or_default() += 1;
    }

    /// Something happens that a reader of the trace should see, and that must happen again in a run of the same seed.
    pub fn note(&self, text: fmt::Arguments<'_>) {
        self.note_on("", text);
    }

    pub(crate) fn note_on(&self, host: &str, text: fmt::Arguments<'_>) {
        // Before the lock is taken: how a value shows itself is the scenario's code.
        let mut digest = Digest::default();
        digest.write_fmt(text).expect("a digest takes everything");
        let note = self.0.traces.then(|| text.to_string());
        let now = self.now();
        let mut log = self.0.log.lock();
        log.count(now, host, 1);
        log.digest.number(digest.value().0);
        log.keep(now, host, || What::Note { text: note.unwrap_or_default() });
    }

    /// Bytes that went one way between two hosts.
    pub(crate) fn bytes(&self, host: &str, peer: &str, bytes: usize, sent: bool) {
        let (now, bytes) = (self.now(), bytes as u64);
        let mut log = self.0.log.lock();
        log.count(now, host, if sent { 2 } else { 3 });
        log.digest.number(bytes);
        log.keep(now, host, || match sent {
            true => What::Sent { to: peer.to_owned(), bytes },
            false => What::Received { from: peer.to_owned(), bytes },
        });
    }

    pub(crate) fn record(&self, host: &str, what: What) {
        let now = self.now();
        let mut log = self.0.log.lock();
        log.count(now, host, 4);
        write!(log.digest, "{what:?}").expect("a digest takes everything");
        log.keep(now, host, || what);
    }

    /// A fault of the schedule has an effect.
    pub(crate) fn struck(&self, host: &str, fault: usize) {
        let Some(kind) = self.schedule().faults.get(fault).map(|fault| fault.kind) else { return };
        let now = self.now();
        let mut log = self.0.log.lock();
        *log.effects.entry(kind).or_default() += 1;
        log.count(now, host, 5);
        log.digest.number(fault as u64);
        log.keep(now, host, || What::FaultStruck { fault, kind: kind.name().to_owned() });
    }

    /// Adds to the fingerprint of the run.
    pub(crate) fn mix(&self, digest: u64) {
        self.0.log.lock().digest.number(digest);
    }

    pub(crate) fn fail(&self, verdict: Verdict) {
        self.0.log.lock().failure.get_or_insert(verdict);
        self.0.changed.notify(usize::MAX);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.0.log.lock().failure.is_some()
    }

    pub(crate) fn heal(&self) {
        self.record("", What::Healed);
        self.0.log.lock().is_healed = true;
        self.0.changed.notify(usize::MAX);
    }

    /// Whether the faults are over.
    pub fn is_healed(&self) -> bool {
        self.0.log.lock().is_healed
    }

    /// Waits until the faults are over.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn healed(&self) {
        self.wait_until(Self::is_healed).await;
    }

    pub(crate) async fn failed(&self) {
        self.wait_until(Self::has_failed).await;
    }

    async fn wait_until(&self, holds: impl Fn(&Self) -> bool) {
        loop {
            listener!(self.0.changed => changed);
            if holds(self) {
                return;
            }
            changed.await;
        }
    }

    /// Runs `future` until the faults are over; returns its value if it ended before.
    ///
    /// # Cancel safety
    ///
    /// As that of `future`, which is dropped when the faults are over.
    pub async fn until_healed<F: Future>(&self, future: F) -> Option<F::Output> {
        let (healed, future) = (pin!(self.healed()), pin!(future));
        match select(healed, future).await {
            Either::Left(_) => None,
            Either::Right((value, _)) => Some(value),
        }
    }

    /// From here on nothing is recorded: what is dropped at the end is no part of the run.
    pub(crate) fn end(&self) -> Remains {
        let now = self.now();
        let mut log = self.0.log.lock();
        log.digest.advance(now);
        let trace = match std::mem::take(&mut log.trace) {
            Trace::Kept(events) => events,
            Trace::Off | Trace::Told(_) => Vec::new(),
        };
        Remains {
            digest: log.digest.clone(),
            events: log.events,
            trace,
            points: log.points.clone(),
            effects: log.effects.clone(),
            options: log.options.clone(),
            failure: log.failure.take(),
        }
    }
}

/// The length of a task's turn.
pub(crate) struct InTask<'a> {
    sim: &'a Sim,
    was_in_task: bool,
}

impl Drop for InTask<'_> {
    fn drop(&mut self) {
        self.sim.0.is_in_task.store(self.was_in_task, Ordering::Relaxed);
    }
}

impl Log {
    fn count(&mut self, now: Duration, host: &str, what: u64) {
        self.events += 1;
        self.digest.advance(now);
        self.digest.number(what);
        self.digest.write_str(host).expect("a digest takes everything");
    }

    fn keep(&mut self, now: Duration, host: &str, what: impl FnOnce() -> What) {
        let event = || Event { at_ns: now.as_nanos() as u64, host: host.to_owned(), what: what() };
        match &mut self.trace {
            Trace::Off => {}
            Trace::Kept(events) => events.push(event()),
            Trace::Told(tell) => tell(&event()),
        }
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim")
            .field("seed", &self.0.seed)
            .field("engine", &self.0.engine)
            .finish_non_exhaustive()
    }
}
