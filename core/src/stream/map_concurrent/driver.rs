use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
};

use event_listener::{Event, EventListener};
use futures::{Stream, task::AtomicWaker};
use parking_lot::Mutex;
use pin_project_lite::pin_project;

use super::{
    Concurrency, MapStats,
    slot::{self, Slot},
    state::{Call, Machine, Taken, Turn},
};
use crate::rt::{Cancel, JoinError, Panic, Rt, Task, wake_unreported};

/// What a task came to.
pub(super) type Outcome<T> = Result<T, JoinError>;

/// The name of the tasks.
pub(super) const NAME: &str = "stream.map_concurrent";

pin_project! {
    /// Where items come from, and what is done to them.
    pub(super) struct Feed<S, F> {
        #[pin]
        pub(super) source: S,
        pub(super) map: F,
    }
}

pub(super) type BoxFeed<S, F> = Pin<Box<Feed<S, F>>>;

/// What the consumer and the slots share.
pub(super) struct Inner<S, F, T> {
    pub(super) rt: Rt,
    consumer: AtomicWaker,
    /// A slot has been spawned, and its task is known.
    started: Event,
    state: Mutex<State<S, F, T>>,
}

struct State<S, F, T> {
    machine: Machine<Outcome<T>, BoxFeed<S, F>>,
    /// Those of the slots.
    tasks: Vec<Task<()>>,
    /// Slots that are being spawned: their tasks are not among those yet.
    starting: usize,
    /// Tasks that came too late, and were cancelled as soon as they were there.
    late: Vec<Cancel<()>>,
    closed: bool,
}

impl<S, F, T> State<S, F, T> {
    fn call(&mut self) -> Option<Call> {
        let call = self.machine.call();
        self.starting += usize::from(matches!(call, Some(Call::Spawn(_))));
        call
    }

    fn count(&mut self, result: &Outcome<T>) {
        if matches!(result, Err(JoinError::Panicked(_))) {
            self.machine.count_panic();
        }
    }
}

/// What the consumer does, whatever the source and the closure.
pub(super) trait Consume<T>: Send + Sync {
    /// Takes a result that is there. If there is none and the consumer waits, its waker is woken for the next.
    fn take(&self, waits: bool) -> (Taken<Outcome<T>>, Option<Call>);
    fn register(&self, waker: &Waker);
    fn spawn(self: Arc<Self>, slot: usize);
    fn stats(&self) -> MapStats;
    #[cfg(test)]
    fn tasks(&self) -> usize;
    /// Drops all that nobody will take, and returns the tasks, to be cancelled.
    fn close(&self) -> Vec<Task<()>>;
    /// After that, the tasks that were just being started; or what to wait for to know them.
    fn late(&self) -> Result<Vec<Cancel<()>>, EventListener>;
}

impl<S, F, T> Inner<S, F, T> {
    pub(super) fn new(rt: &Rt, config: Concurrency, source: S, map: F) -> Self {
        let machine = Machine::new(config, Box::pin(Feed { source, map }));
        let state = State { machine, tasks: Vec::new(), starting: 0, late: Vec::new(), closed: false };
        let (consumer, started) = (AtomicWaker::new(), Event::new());
        Self { rt: rt.clone(), consumer, started, state: Mutex::new(state) }
    }

    /// What the slot is to do now. If it is to park, its waker is kept.
    pub(super) fn look(&self, slot: usize, cx: &mut Context<'_>) -> Turn<BoxFeed<S, F>> {
        let mut spent = None;
        let turn = self.state.lock().machine.look(slot, None, &mut spent);
        drop(spent);
        if !matches!(turn, Turn::Park) {
            return turn;
        }
        let waker = Some(cx.waker().clone());
        let mut spent = None;
        let turn = self.state.lock().machine.look(slot, waker, &mut spent);
        drop(spent);
        turn
    }

    pub(super) fn finish(&self, number: u64, result: Outcome<T>) {
        let mut state = self.state.lock();
        if state.closed {
            drop(state);
            self.discard(result);
            return;
        }
        state.count(&result);
        let wakes = state.machine.finish(number, result);
        drop(state);
        self.wake_consumer(wakes);
    }

    /// The source has ended, and is gone; `last` is why it did before its time.
    pub(super) fn exhaust(&self, last: Option<Outcome<T>>) {
        let mut state = self.state.lock();
        if state.closed {
            drop(state);
            last.into_iter().for_each(|last| self.discard(last));
            return;
        }
        last.iter().for_each(|last| state.count(last));
        let (feed, wakers, wakes) = state.machine.exhaust(last);
        drop(state);
        self.drop_quietly(feed);
        wake_unreported(wakers);
        self.wake_consumer(wakes);
    }

    /// A slot was thrown away with the runtime: its item, if it had one, is cancelled, and nobody reads the source.
    pub(super) fn lost(&self, number: Option<u64>) {
        let cancelled = || Err(JoinError::Cancelled { task: NAME.into() });
        if let Some(number) = number {
            self.finish(number, cancelled());
        }
        let was_exhausted = self.state.lock().machine.is_exhausted();
        self.exhaust((!was_exhausted).then(cancelled));
    }

    fn wake_consumer(&self, wakes: bool) {
        if wakes {
            self.consumer.wake();
        }
    }

    /// A result nobody will take. A panic is not lost in silence.
    fn discard(&self, result: Outcome<T>) {
        if let Err(JoinError::Panicked(panic)) = &result {
            self.rt.report_panic(panic);
        }
        self.drop_quietly(result);
    }

    /// Drops a user's value. A destructor that panics is reported: it must not harm whoever came by.
    pub(super) fn drop_quietly<V>(&self, value: V) {
        self.quietly(|| drop(value));
    }

    pub(super) fn quietly(&self, work: impl FnOnce()) {
        if let Err(payload) = slot::catch(work) {
            self.rt.report_panic(&Panic::new(NAME, payload));
        }
    }
}

impl<S, F, Fut> Inner<S, F, Fut::Output>
where
    S: Stream + Send + 'static,
    F: FnMut(S::Item) -> Fut + Send + 'static,
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    /// A slot brings the feed back with an item, and calls the next. `None` if nobody wants that item any more.
    pub(super) fn took(self: &Arc<Self>, feed: BoxFeed<S, F>) -> Option<u64> {
        let mut state = self.state.lock();
        let (number, unneeded) = state.machine.took(feed);
        let (call, closed) = (state.call(), state.closed);
        drop(state);
        if unneeded.is_some() {
            self.drop_quietly(unneeded);
        }
        match call {
            Some(Call::Wake(waker)) => waker.wake(),
            Some(Call::Spawn(slot)) => Arc::clone(self).spawn(slot),
            None => {}
        }
        (!closed).then_some(number)
    }
}

impl<S, F, Fut> Consume<Fut::Output> for Inner<S, F, Fut::Output>
where
    S: Stream + Send + 'static,
    F: FnMut(S::Item) -> Fut + Send + 'static,
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    fn take(&self, waits: bool) -> (Taken<Outcome<Fut::Output>>, Option<Call>) {
        let mut state = self.state.lock();
        let taken = state.machine.take(waits);
        (taken, state.call())
    }

    fn register(&self, waker: &Waker) {
        self.consumer.register(waker);
    }

    fn spawn(self: Arc<Self>, slot: usize) {
        let task = self.rt.spawn(NAME, Slot::new(Arc::clone(&self), slot));
        let mut state = self.state.lock();
        if !state.closed {
            state.starting -= 1;
            state.tasks.push(task);
            return;
        }
        drop(state);
        let end = task.cancel();
        let mut state = self.state.lock();
        state.starting -= 1;
        state.late.push(end);
        drop(state);
        self.started.notify(usize::MAX);
    }

    fn late(&self) -> Result<Vec<Cancel<()>>, EventListener> {
        let started = self.started.listen();
        let mut state = self.state.lock();
        if state.starting > 0 { Err(started) } else { Ok(mem::take(&mut state.late)) }
    }

    fn stats(&self) -> MapStats {
        self.state.lock().machine.stats()
    }

    #[cfg(test)]
    fn tasks(&self) -> usize {
        self.state.lock().tasks.iter().filter(|task| !task.is_finished()).count()
    }

    fn close(&self) -> Vec<Task<()>> {
        let mut state = self.state.lock();
        state.closed = true;
        let (feed, wakers, results) = state.machine.close();
        let tasks = mem::take(&mut state.tasks);
        drop(state);
        drop(self.consumer.take());
        drop(wakers);
        self.drop_quietly(feed);
        results.into_iter().flatten().for_each(|result| self.discard(result));
        tasks
    }
}
