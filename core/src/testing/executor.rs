use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use slab::Slab;

use super::{
    Stats, Stop, StopReason,
    report::TaskCounts,
    timers::Next,
    world::{Ready, TaskWaker, World, nanos},
};
use crate::rt::{BoxFuture, Panic, Rng};

/// The place of the root, which stands in no slab: it is neither `Send` nor `'static`.
const ROOT: usize = usize::MAX;

/// How many of the last polls a report of a livelock looks at.
const LIVELOCK_SAMPLE: u64 = 10_000;

type Root<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// The loop of a run. It owns the tasks; all else is in the [`World`].
pub(super) struct Executor {
    world: Arc<World>,
    picks: Rng,
    tasks: Slab<Task>,
    stats: Stats,
    polls_at_this_instant: u64,
    last_polled: TaskCounts,
}

struct Task {
    name: &'static str,
    number: u64,
    future: BoxFuture<'static, ()>,
    handle: Handle,
}

struct Handle {
    waker: Waker,
    record: Arc<TaskWaker>,
}

impl Executor {
    pub(super) fn new(world: Arc<World>) -> Self {
        let picks = Rng::from_seed(world.config.seed).fork("testing.picks", 0);
        Self {
            world,
            picks,
            tasks: Slab::new(),
            stats: Stats::default(),
            polls_at_this_instant: 0,
            last_polled: TaskCounts::default(),
        }
    }

    /// Polls everything until the root has ended or nothing can go on, then drops it all.
    pub(super) fn run(mut self, mut root: Root<'_>) -> Result<Stats, Stop> {
        let end = self.drive(&mut root);
        self.stats.tasks = self.world.spawned();
        self.stats.virtual_time = Duration::from_nanos(self.world.now());
        self.tear_down(root);
        self.stats.foreign_wakes = self.world.foreign_wakes();
        let failure = self.world.take_failure();
        let failure =
            failure.map(|failure| StopReason::Panicked { task: failure.task, message: failure.message });
        match failure.or(end.err()) {
            Some(reason) => Err(Stop { seed: self.world.config.seed, reason, stats: self.stats }),
            None => Ok(self.stats),
        }
    }

    fn drive(&mut self, root: &mut Root<'_>) -> Result<(), StopReason> {
        let handle = Handle::new(&self.world, ROOT, 0);
        handle.waker.wake_by_ref();
        while !self.world.has_failed() {
            let Some(ready) = self.world.pick(&mut self.picks) else {
                self.advance()?;
                continue;
            };
            match ready {
                Ready::Spawned { name, number, future } => {
                    self.count_poll(name, number)?;
                    let entry = self.tasks.vacant_entry();
                    let place = entry.key();
                    let handle = Handle::new(&self.world, place, number);
                    entry.insert(Task { name, number, future, handle });
                    self.poll(place);
                }
                Ready::Blocking { name, number, job } => {
                    self.count_poll(name, number)?;
                    if let Err(payload) = catch_unwind(AssertUnwindSafe(job)) {
                        fail(&self.world, name, payload);
                    }
                }
                Ready::Woken { place: ROOT, .. } => {
                    self.count_poll("root", 0)?;
                    match handle.poll(root.as_mut()) {
                        Ok(Poll::Pending) => {}
                        Ok(Poll::Ready(())) => return Ok(()),
                        Err(payload) => fail(&self.world, "root", payload),
                    }
                }
                Ready::Woken { place, number } => {
                    let name = match self.tasks.get(place) {
                        Some(task) if task.number == number => task.name,
                        // A waker outlived its task.
                        _ => continue,
                    };
                    self.count_poll(name, number)?;
                    self.poll(place);
                }
            }
        }
        Ok(())
    }

    fn poll(&mut self, place: usize) {
        let task = &mut self.tasks[place];
        let ended = match task.handle.poll(task.future.as_mut()) {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(())) => None,
            Err(payload) => Some(payload),
        };
        let Task { name, future, .. } = self.tasks.remove(place);
        if let Some(payload) = ended {
            fail(&self.world, name, payload);
        }
        drop_quietly(&self.world, name, future);
    }

    fn count_poll(&mut self, name: &'static str, number: u64) -> Result<(), StopReason> {
        self.stats.polls += 1;
        self.stats.digest = (self.stats.digest.rotate_left(29) ^ number ^ self.world.now().rotate_left(20))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.polls_at_this_instant += 1;
        let max = self.world.config.polls_per_instant_max;
        if self.polls_at_this_instant + LIVELOCK_SAMPLE <= max.saturating_add(1) {
            return Ok(());
        }
        self.last_polled.add(name);
        if self.polls_at_this_instant <= max {
            return Ok(());
        }
        let busiest = std::mem::take(&mut self.last_polled);
        Err(StopReason::Livelock { busiest, polls: self.polls_at_this_instant })
    }

    /// Nothing can go on at this instant: on to the next timer.
    fn advance(&mut self) -> Result<(), StopReason> {
        let next = self.world.timers.lock().next();
        let at = match next {
            Next::At(at) => at,
            Next::OnlyBackground(_) if self.world.wait_for_threads() => return Ok(()),
            Next::OnlyBackground(background_timers) => {
                return Err(StopReason::Deadlock { waiting: self.waiting(), background_timers });
            }
        };
        let limit = self.world.config.limit;
        if at > nanos(limit) {
            return Err(StopReason::TimeLimit { waiting: self.waiting(), limit });
        }
        self.stats.time_jumps += 1;
        self.polls_at_this_instant = 0;
        self.last_polled = TaskCounts::default();
        self.world.set_now(at);
        loop {
            // One at a time: a waker is someone else's code and must not run under the lock.
            let Some(waker) = self.world.timers.lock().pop_due(at) else { return Ok(()) };
            waker.wake();
        }
    }

    fn waiting(&self) -> TaskCounts {
        let mut waiting = TaskCounts::default();
        waiting.add("root");
        for (_, task) in &self.tasks {
            waiting.add(task.name);
        }
        waiting
    }

    /// Drops the root, then every task. Destructors may still spawn, wake, send and set timers; nothing comes of it.
    fn tear_down(&mut self, root: Root<'_>) {
        let not_begun = self.world.close();
        drop_quietly(&self.world, "root", root);
        for task in self.tasks.drain() {
            drop_quietly(&self.world, task.name, task.future);
        }
        for ready in not_begun {
            match ready {
                Ready::Spawned { name, future, .. } => drop_quietly(&self.world, name, future),
                Ready::Blocking { name, job, .. } => drop_quietly(&self.world, name, job),
                Ready::Woken { .. } => {}
            }
        }
        let timers = std::mem::take(&mut *self.world.timers.lock());
        drop_quietly(&self.world, "timers", timers);
        let registry = self.world.registry.lock().close();
        drop_quietly(&self.world, "network", registry);
    }
}

impl Handle {
    fn new(world: &Arc<World>, place: usize, number: u64) -> Self {
        let record = TaskWaker { world: Arc::clone(world), place, number, is_queued: AtomicBool::new(false) };
        let record = Arc::new(record);
        Self { waker: Waker::from(Arc::clone(&record)), record }
    }

    fn poll<F: Future + ?Sized>(&self, future: Pin<&mut F>) -> Result<Poll<F::Output>, Box<dyn Any + Send>> {
        // Before the poll: a wake during it queues the task again.
        self.record.is_queued.store(false, Ordering::Release);
        let mut cx = Context::from_waker(&self.waker);
        catch_unwind(AssertUnwindSafe(|| future.poll(&mut cx)))
    }
}

fn drop_quietly<T>(world: &World, name: &'static str, value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        fail(world, name, payload);
    }
}

fn fail(world: &World, name: &'static str, payload: Box<dyn Any + Send>) {
    world.fail(name, Panic::new(name, payload).message());
}
