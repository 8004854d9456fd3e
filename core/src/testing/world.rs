use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Wake,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::{Config, net::Registry, timers::Timers};
use crate::rt::{BoxFuture, Rng, thread_token};

/// What the executor and all handles of one run share.
///
/// Each lock guards plain data: nothing of the user's (a poll, a waker, a destructor) runs under one.
pub(super) struct World {
    /// Its network is in the registry: that is given up at the end of the run, since its hooks may hold the runtime.
    pub(super) config: Config,
    pub(super) timers: Mutex<Timers>,
    pub(super) registry: Mutex<Registry>,
    pub(super) random: Mutex<Rng>,
    pub(super) latency: Mutex<Rng>,
    queue: Mutex<Queue>,
    /// Something came from another thread.
    arrival: Condvar,
    foreign_wakes: AtomicU64,
    home: usize,
    start: Instant,
    now: AtomicU64,
    has_failed: AtomicBool,
    failure: Mutex<Option<Failure>>,
}

/// A panic that fails the run.
pub(super) struct Failure {
    pub(super) task: &'static str,
    pub(super) message: String,
}

#[derive(Default)]
struct Queue {
    ready: Vec<Ready>,
    spawned: u64,
    closed: bool,
}

/// Something that can go on.
pub(super) enum Ready {
    Spawned { name: &'static str, number: u64, future: BoxFuture<'static, ()> },
    Blocking { name: &'static str, number: u64, job: Box<dyn FnOnce() + Send> },
    Woken { place: usize, number: u64 },
}

impl World {
    pub(super) fn new(mut config: Config) -> Self {
        let registry = Registry::new(std::mem::take(&mut config.network));
        let root = Rng::from_seed(config.seed);
        Self {
            timers: Mutex::default(),
            registry: Mutex::new(registry),
            random: Mutex::new(root.fork("testing.random", 0)),
            latency: Mutex::new(root.fork("testing.latency", 0)),
            queue: Mutex::default(),
            arrival: Condvar::new(),
            foreign_wakes: AtomicU64::new(0),
            home: thread_token(),
            start: start(),
            now: AtomicU64::new(0),
            has_failed: AtomicBool::new(false),
            failure: Mutex::default(),
            config,
        }
    }

    /// Nanoseconds since the start of the run.
    pub(super) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    pub(super) fn set_now(&self, now: u64) {
        self.now.fetch_max(now, Ordering::Relaxed);
    }

    pub(super) fn instant(&self) -> Instant {
        self.start + Duration::from_nanos(self.now())
    }

    /// An instant as nanoseconds of the run. 584 years after the start is as late as it gets.
    pub(super) fn nanos(&self, at: Instant) -> u64 {
        nanos(at.saturating_duration_since(self.start))
    }

    pub(super) fn draw_latency(&self) -> u64 {
        let (low, high) = (*self.config.latency.start(), *self.config.latency.end());
        if high.is_zero() { 0 } else { nanos(self.latency.lock().duration(low, high)) }
    }

    pub(super) fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>) {
        self.start_new(|number| Ready::Spawned { name, number, future });
    }

    pub(super) fn spawn_blocking(&self, name: &'static str, job: Box<dyn FnOnce() + Send>) {
        self.start_new(|number| Ready::Blocking { name, number, job });
    }

    fn start_new(&self, ready: impl FnOnce(u64) -> Ready) {
        let mut queue = self.queue.lock();
        queue.spawned += 1;
        let ready = ready(queue.spawned);
        if queue.closed {
            drop(queue);
            // The run is over: what comes now is dropped, outside the lock.
            drop(ready);
            return;
        }
        queue.ready.push(ready);
        drop(queue);
        self.note_arrival();
    }

    fn wake(&self, place: usize, number: u64) {
        let mut queue = self.queue.lock();
        if queue.closed {
            return;
        }
        queue.ready.push(Ready::Woken { place, number });
        drop(queue);
        self.note_arrival();
    }

    fn note_arrival(&self) {
        if thread_token() != self.home {
            self.foreign_wakes.fetch_add(1, Ordering::Relaxed);
            self.arrival.notify_one();
        }
    }

    /// Takes one of those that can go on, as the seed says.
    pub(super) fn pick(&self, picks: &mut Rng) -> Option<Ready> {
        let mut queue = self.queue.lock();
        let place = match queue.ready.len() {
            0 => return None,
            1 => 0,
            many => picks.index(many),
        };
        Some(queue.ready.swap_remove(place))
    }

    /// Waits in real time until another thread has woken something; false if none did.
    pub(super) fn wait_for_threads(&self) -> bool {
        let mut queue = self.queue.lock();
        let none = |queue: &mut Queue| queue.ready.is_empty();
        !self.arrival.wait_while_for(&mut queue, none, self.config.wait_for_threads).timed_out()
    }

    /// From here on what is spawned is dropped at once. Returns what had not begun.
    pub(super) fn close(&self) -> Vec<Ready> {
        let mut queue = self.queue.lock();
        queue.closed = true;
        std::mem::take(&mut queue.ready)
    }

    pub(super) fn spawned(&self) -> u64 {
        self.queue.lock().spawned
    }

    pub(super) fn foreign_wakes(&self) -> u64 {
        self.foreign_wakes.load(Ordering::Relaxed)
    }

    /// Fails the run. The first failure is the one that is reported.
    pub(super) fn fail(&self, task: &'static str, message: String) {
        self.failure.lock().get_or_insert(Failure { task, message });
        self.has_failed.store(true, Ordering::Release);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    pub(super) fn take_failure(&self) -> Option<Failure> {
        self.failure.lock().take()
    }
}

/// What a task's waker points to.
pub(super) struct TaskWaker {
    pub(super) world: Arc<World>,
    pub(super) place: usize,
    pub(super) number: u64,
    /// Whether it is among the ready ones already.
    pub(super) is_queued: AtomicBool,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::AcqRel) {
            self.world.wake(self.place, self.number);
        }
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The instant at which every run of this process begins.
#[expect(
    clippy::disallowed_methods,
    reason = "an `Instant` cannot be made up: virtual time counts from a real one"
)]
fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    // A day ahead of the machine's first instant, so that code can look back from the start of a run.
    *START.get_or_init(|| Instant::now() + Duration::from_secs(24 * 3600))
}
