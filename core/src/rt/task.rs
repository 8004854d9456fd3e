use std::{
    fmt,
    future::Future,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures::task::AtomicWaker;
use parking_lot::Mutex;
use pin_project_lite::pin_project;
use tracing::Span;

use super::{JoinError, Panic, Rt};

/// A running task: await it for its result, or drop it to cancel it.
///
/// It is the same on every runtime, because all of it lives here and none in the bindings.
///
/// - **Dropping** it cancels the task, which ends at its next await. [`detach`](Self::detach) lets it run instead.
/// - **Awaiting** it gives `Ok(value)`, or an error if it was cancelled or panicked.
/// - [`cancel`](Self::cancel) cancels it and waits until its destructors have run.
///
/// A panic takes neither the process nor the executor down, and is never lost: if no handle is left to return it to,
/// it is logged, counted in [`Rt::unobserved_panics`], and fails a run of the test runtime.
///
/// # Cancel safety
///
/// It can be polled, put aside and awaited later (`(&mut task).await`): nothing is lost. Dropping it cancels.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(7, |rt| async move {
/// let answer = rt.spawn("answer", async { 6 * 7 });
/// assert_eq!(answer.await.unwrap(), 42);
///
/// let endless = rt.spawn("endless", std::future::pending::<()>());
/// assert!(endless.cancel().await.unwrap_err().is_cancelled());
/// # });
/// ```
#[must_use = "dropping a task cancels it; `detach` lets it run"]
pub struct Task<T> {
    cell: Arc<Cell<T>>,
    detached: bool,
    /// It was awaited in vain, so the cell has a waker of whoever did.
    awaited: bool,
    /// The result has been handed over: nothing is left to cancel.
    taken: bool,
}

/// The future of [`Task::cancel`]. Dropping it does not revoke the cancellation.
#[must_use = "the task is cancelled already; await this to know that it has ended"]
pub struct Cancel<T>(Task<T>);

impl<T> Task<T> {
    /// The name it was spawned under.
    pub fn name(&self) -> &'static str {
        self.cell.name
    }

    /// Whether it has ended, in whatever way.
    pub fn is_finished(&self) -> bool {
        matches!(*self.cell.outcome.lock(), Outcome::Ended(_) | Outcome::Taken)
    }

    /// Lets it run without a handle until it ends by itself.
    pub fn detach(mut self) {
        self.detached = true;
    }

    /// Cancels it, at once, and returns a future that waits until its destructors have run.
    ///
    /// A future is dropped at its next await; a blocking job that has not begun is removed, and a running one is waited
    /// for. If the task had finished already, its result is returned: completion wins.
    ///
    /// # Errors
    ///
    /// [`JoinError::Cancelled`] is the usual outcome. A task that cancels itself this way gets
    /// [`JoinError::WouldDeadlock`], and ends at its next await.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future does not revoke the cancellation.
    pub fn cancel(self) -> Cancel<T> {
        self.cell.cancel();
        Cancel(self)
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        let mut outcome = self.cell.take();
        if outcome.is_none() {
            if self.cell.poller.load(Ordering::Relaxed) == thread_token() {
                return Poll::Ready(Err(JoinError::WouldDeadlock { task: self.cell.name.into() }));
            }
            self.cell.joiner.register(cx.waker());
            self.awaited = true;
            outcome = self.cell.take();
        }
        self.taken = outcome.is_some();
        outcome.map_or(Poll::Pending, Poll::Ready)
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_outcome(cx)
    }
}

impl<T> Future for Cancel<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_outcome(cx)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if self.taken {
            return;
        }
        if !self.detached {
            self.cell.cancel();
        }
        self.cell.abandon();
        if self.awaited {
            // It would be woken for nothing, and be kept alive until then.
            drop(self.cell.joiner.take());
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("name", &self.name()).field("finished", &self.is_finished()).finish()
    }
}

impl<T> fmt::Debug for Cancel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.0).finish()
    }
}

pub(super) fn spawn<F>(rt: &Rt, name: &'static str, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let cell = Arc::new(Cell::new(rt, name, Outcome::Pending));
    let span = Some(Span::current()).filter(|span| !span.is_none());
    let running = Running { future: Some(future), cell: Arc::clone(&cell), span, has_waker: false };
    rt.runtime().spawn(name, Box::pin(running));
    Task { cell, detached: false, awaited: false, taken: false }
}

pub(super) fn spawn_blocking<T, F>(rt: &Rt, name: &'static str, job: F) -> Task<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let span = Span::current();
    let job = move || span.in_scope(job);
    let cell = Arc::new(Cell::new(rt, name, Outcome::Queued { job: Box::new(job), abandoned: false }));
    let shell = BlockingShell(Arc::clone(&cell));
    rt.runtime().spawn_blocking(name, Box::new(move || shell.0.run_job()));
    Task { cell, detached: false, awaited: false, taken: false }
}

/// What a task, its handle and its executor share.
struct Cell<T> {
    rt: Rt,
    name: &'static str,
    cancelled: AtomicBool,
    /// Which thread polls it right now; 0 for none. So a task that waits for itself is found out.
    poller: AtomicUsize,
    executor: AtomicWaker,
    joiner: AtomicWaker,
    outcome: Mutex<Outcome<T>>,
}

type Job<T> = Box<dyn FnOnce() -> T + Send>;

enum Outcome<T> {
    /// A blocking job that has not begun. It waits here and not in the runtime's queue, so that a cancel can remove it.
    Queued {
        job: Job<T>,
        abandoned: bool,
    },
    Pending,
    /// Still running, and nobody is left to take the result.
    Abandoned,
    Ended(Result<T, JoinError>),
    Taken,
}

impl<T> Cell<T> {
    fn new(rt: &Rt, name: &'static str, outcome: Outcome<T>) -> Self {
        Self {
            rt: rt.clone(),
            name,
            cancelled: AtomicBool::new(false),
            poller: AtomicUsize::new(0),
            executor: AtomicWaker::new(),
            joiner: AtomicWaker::new(),
            outcome: Mutex::new(outcome),
        }
    }

    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        self.remove_job();
        self.executor.wake();
    }

    /// Ends a blocking job that has not begun. Drops it first, so that whoever sees the end knows it is gone.
    fn remove_job(&self) {
        let Some(job) = self.take_job() else { return };
        self.drop_quietly(job);
        self.end(Err(self.cancelled()));
    }

    /// Takes a blocking job that has not begun.
    fn take_job(&self) -> Option<Job<T>> {
        let mut outcome = self.outcome.lock();
        let (next, job) = match mem::replace(&mut *outcome, Outcome::Taken) {
            Outcome::Queued { job, abandoned: false } => (Outcome::Pending, Some(job)),
            Outcome::Queued { job, abandoned: true } => (Outcome::Abandoned, Some(job)),
            other => (other, None),
        };
        *outcome = next;
        job
    }

    fn run_job(&self) {
        let Some(job) = self.take_job() else { return };
        let polling = Polling::start(&self.poller);
        let result = catch_unwind(AssertUnwindSafe(job));
        drop(polling);
        self.end(result.map_err(|payload| JoinError::Panicked(Panic::new(self.name, payload))));
    }

    fn end(&self, result: Result<T, JoinError>) {
        let mut outcome = self.outcome.lock();
        if matches!(*outcome, Outcome::Abandoned) {
            drop(outcome);
            self.discard(result);
        } else {
            *outcome = Outcome::Ended(result);
            drop(outcome);
            self.joiner.wake();
        }
    }

    fn take(&self) -> Option<Result<T, JoinError>> {
        let mut outcome = self.outcome.lock();
        match &*outcome {
            Outcome::Ended(_) => match mem::replace(&mut *outcome, Outcome::Taken) {
                Outcome::Ended(result) => Some(result),
                _ => None,
            },
            // Polled again after its end: as ended as it can be.
            Outcome::Taken => Some(Err(self.cancelled())),
            Outcome::Queued { .. } | Outcome::Pending | Outcome::Abandoned => None,
        }
    }

    /// The handle is gone.
    fn abandon(&self) {
        let mut outcome = self.outcome.lock();
        match mem::replace(&mut *outcome, Outcome::Abandoned) {
            Outcome::Queued { job, .. } => *outcome = Outcome::Queued { job, abandoned: true },
            Outcome::Ended(result) => {
                *outcome = Outcome::Taken;
                drop(outcome);
                self.discard(result);
            }
            Outcome::Taken => *outcome = Outcome::Taken,
            Outcome::Pending | Outcome::Abandoned => {}
        }
    }

    fn discard(&self, result: Result<T, JoinError>) {
        match result {
            Ok(value) => self.drop_quietly(value),
            Err(JoinError::Panicked(panic)) => self.rt.report_panic(&panic),
            Err(_) => {}
        }
    }

    /// Drops a user's value. A destructor that panics is reported: it must not harm the thread that came by.
    fn drop_quietly<V>(&self, value: V) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
            self.rt.report_panic(&Panic::new(self.name, payload));
        }
    }

    fn cancelled(&self) -> JoinError {
        JoinError::Cancelled { task: self.name.into() }
    }
}

/// The runtime's hold on a blocking job. Dropped uncalled, the job is cancelled.
struct BlockingShell<T>(Arc<Cell<T>>);

impl<T> Drop for BlockingShell<T> {
    fn drop(&mut self) {
        self.0.remove_job();
    }
}

pin_project! {
    /// What the runtime polls: the user's future, with its end reported to the cell whatever happens.
    struct Running<F: Future> {
        #[pin]
        future: Option<F>,
        cell: Arc<Cell<F::Output>>,
        span: Option<Span>,
        // Whether the cell has a waker of the executor's.
        has_waker: bool,
    }

    impl<F: Future> PinnedDrop for Running<F> {
        fn drop(this: Pin<&mut Self>) {
            // Only here with a future if the runtime ended, or threw the task away.
            this.finish(|cell| Err(cell.cancelled()));
        }
    }
}

impl<F: Future> Running<F> {
    /// Drops the future first, so that whoever sees the result knows its destructors have run.
    fn finish(self: Pin<&mut Self>, result: impl FnOnce(&Cell<F::Output>) -> Result<F::Output, JoinError>) {
        let mut this = self.project();
        if this.future.is_none() {
            return;
        }
        let result = result(this.cell);
        let _entered = this.span.as_ref().map(Span::enter);
        let polling = Polling::start(&this.cell.poller);
        let dropped = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
        drop(polling);
        if let Err(payload) = dropped {
            this.cell.rt.report_panic(&Panic::new(this.cell.name, payload));
        }
        // A kept waker would keep the executor's own record of the task alive as long as the handle.
        if *this.has_waker {
            drop(this.cell.executor.take());
        }
        this.cell.end(result);
    }
}

impl<F: Future> Future for Running<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.as_mut().project();
        if this.cell.cancelled.load(Ordering::Acquire) {
            self.finish(|cell| Err(cell.cancelled()));
            return Poll::Ready(());
        }
        let Some(future) = this.future.as_pin_mut() else { return Poll::Ready(()) };
        let polled = {
            let _entered = this.span.as_ref().map(Span::enter);
            let _polling = Polling::start(&this.cell.poller);
            catch_unwind(AssertUnwindSafe(|| future.poll(cx)))
        };
        match polled {
            Ok(Poll::Pending) => {
                // Only now: many a task ends in its first poll and needs no waker. A cancel that came in between has
                // woken nobody, so look again.
                this.cell.executor.register(cx.waker());
                *this.has_waker = true;
                if !this.cell.cancelled.load(Ordering::Acquire) {
                    return Poll::Pending;
                }
                self.finish(|cell| Err(cell.cancelled()));
            }
            Ok(Poll::Ready(value)) => self.finish(|_| Ok(value)),
            Err(payload) => self.finish(|cell| Err(JoinError::Panicked(Panic::new(cell.name, payload)))),
        }
        Poll::Ready(())
    }
}

/// Notes for as long as it lives that this thread is inside the task.
struct Polling<'a>(&'a AtomicUsize);

impl<'a> Polling<'a> {
    fn start(poller: &'a AtomicUsize) -> Self {
        poller.store(thread_token(), Ordering::Relaxed);
        Self(poller)
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// A number that tells this thread from every other living one.
pub(crate) fn thread_token() -> usize {
    thread_local!(static PLACE: u8 = const { 0 });
    PLACE.with(|place| std::ptr::from_ref(place).addr())
}
