use std::{
    fmt,
    future::Future,
    ops::ControlFlow,
    panic::Location,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use futures::{FutureExt, future::BoxFuture};

use super::{
    AcquireError, Lease, Manager, Phase,
    aside::passes,
    driver::{Changes, Inner, State},
    held::Conn,
    state::{Claim, Enter, NEVER, Now, Request},
    stats::Reason,
    wake::wake_all,
};
use crate::{
    time::{Deadline, DeadlineExceeded},
    wait::Place,
};

/// What a caller of [`Pool::get_with`](super::Pool::get_with) asks for.
#[derive(Clone, Debug, Default)]
pub struct Acquire {
    /// By when, if that is before [`Config::acquire_timeout`](super::Config::acquire_timeout) is over. Default: none.
    pub deadline: Option<Deadline>,
    /// Higher comes earlier, by [`Config::ageing_step`](super::Config::ageing_step) for each point. Default: 0.
    pub priority: i32,
}

/// The future of [`Pool::get`](super::Pool::get).
#[must_use = "a future does nothing unless it is awaited"]
pub struct Get<'a, M: Manager> {
    inner: &'a Arc<Inner<M>>,
    called: Instant,
    /// How often the pool had been looked after when it was called.
    tick: u32,
    deadline: Option<Box<Deadline>>,
    request: Request,
    stage: Stage<M>,
    /// What it waited for last, if that is not to be seen from outside.
    phase: Option<Phase>,
}

enum Stage<M: Manager> {
    /// Not in line, for the first time or again.
    Outside,
    Waiting(Place),
    /// Slot, check.
    Checking(usize, BoxFuture<'static, Checked<M>>),
}

/// A connection, and whether it has passed.
type Checked<M> = (Conn<M>, bool);

/// On to the next stage, or done for this poll.
type Step<M> = ControlFlow<Poll<Acquired<M>>>;

type Acquired<M> = Result<Lease<M>, AcquireError<<M as Manager>::Error>>;

impl<'a, M: Manager> Get<'a, M> {
    #[inline]
    pub(super) fn new(
        inner: &'a Arc<Inner<M>>,
        priority: i32,
        deadline: Option<Box<Deadline>>,
        holder: &'static Location<'static>,
    ) -> Self {
        let tick = inner.tick();
        let called = inner.rt.now();
        // The deadline counts only for those who have to wait.
        let request = Request { priority, holder, deadline: NEVER, key: None, waited: false, yielded: false };
        Self { inner, called, tick, deadline, request, stage: Stage::Outside, phase: None }
    }

    #[inline(never)]
    fn poll_slowly(&mut self, cx: &mut Context<'_>) -> Poll<Acquired<M>> {
        loop {
            let step = match &mut self.stage {
                Stage::Outside => self.enter(cx),
                Stage::Waiting(_) => self.claim(cx),
                Stage::Checking(..) => self.check(cx),
            };
            if let ControlFlow::Break(polled) = step {
                return polled;
            }
        }
    }

    fn enter(&mut self, cx: &mut Context<'_>) -> Step<M> {
        let inner = self.inner;
        let called = inner.at(self.called);
        let is_first = self.request.key.is_none();
        let now = if is_first && self.tick == inner.tick() { called } else { inner.now() };
        if is_first {
            let limit = called.after(inner.limits.acquire);
            self.request.deadline = self.until().map_or(limit, |until| limit.min(until));
        }
        let mut waker = Some(cx.waker().clone());
        if is_first && let Some(place) = self.line_up(now, &mut waker) {
            self.stage = Stage::Waiting(place);
            return ControlFlow::Break(Poll::Pending);
        }
        let request = &mut self.request;
        let entered = inner.change(|state, effects| state.machine.enter(now, request, &mut waker, effects));
        ControlFlow::Break(match entered {
            Enter::Leased(connection) => leased(connection),
            Enter::Check(index, connection) => {
                self.check_first(now, index, connection);
                return ControlFlow::Continue(());
            }
            Enter::Wait(place) => {
                self.phase = None;
                self.stage = Stage::Waiting(place);
                Poll::Pending
            }
            Enter::Yield => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Enter::TimedOut => Poll::Ready(Err(inner.timed_out(self.called, self.phase, self.exceeded()))),
            Enter::Full(waiting) => Poll::Ready(Err(AcquireError::QueueFull { waiting })),
            Enter::Closed => Poll::Ready(Err(AcquireError::Closed)),
        })
    }

    /// What most calls of a busy pool do.
    fn line_up(&mut self, now: Now, waker: &mut Option<Waker>) -> Option<Place> {
        let mut state = self.inner.state.lock();
        let place = state.machine.line_up(now, &mut self.request, waker)?;
        let nudged = state.nudge();
        drop(state);
        wake_all(nudged);
        Some(place)
    }

    fn claim(&mut self, cx: &mut Context<'_>) -> Step<M> {
        let Stage::Waiting(place) = std::mem::replace(&mut self.stage, Stage::Outside) else {
            return ControlFlow::Continue(());
        };
        let inner = self.inner;
        let mut spare = None;
        let is_current = |known: &Waker| known.will_wake(cx.waker());
        let mut claim = inner.state.lock().machine.claim(place, &mut spare, is_current);
        if let Claim::Stale(place) = claim {
            // Cloned without the lock, so look again.
            spare = Some(cx.waker().clone());
            claim = inner.state.lock().machine.claim(place, &mut spare, is_current);
        }
        ControlFlow::Break(match claim {
            Claim::Leased(connection) => leased(connection),
            Claim::Wait(place) | Claim::Stale(place) => {
                self.stage = Stage::Waiting(place);
                Poll::Pending
            }
            Claim::Again => return ControlFlow::Continue(()),
            Claim::Check(index, connection) => {
                self.check_first(inner.now(), index, connection);
                return ControlFlow::Continue(());
            }
            Claim::TimedOut => Poll::Ready(Err(inner.timed_out(self.called, None, self.exceeded()))),
            Claim::ConnectFailed => Poll::Ready(Err(inner.connect_failed(self.called))),
            Claim::Closed => Poll::Ready(Err(AcquireError::Closed)),
        })
    }

    fn check(&mut self, cx: &mut Context<'_>) -> Step<M> {
        let Stage::Checking(index, check) = &mut self.stage else { return ControlFlow::Continue(()) };
        let index = *index;
        let Poll::Ready((connection, has_passed)) = check.as_mut().poll(cx) else {
            return ControlFlow::Break(Poll::Pending);
        };
        self.stage = Stage::Outside;
        let inner = self.inner;
        if !has_passed {
            self.phase = Some(Phase::Check);
            inner.give_up_check(index, Reason::CheckFailed, "the destructor of a connection", connection);
            return ControlFlow::Continue(());
        }
        let now = inner.now();
        let checked = |state: &mut State<M>, effects: &mut Changes<M>| {
            state.machine.checked(now, index, connection, effects)
        };
        match inner.change(checked) {
            Some(connection) => ControlFlow::Break(leased(connection)),
            None => ControlFlow::Continue(()),
        }
    }

    fn check_first(&mut self, now: Now, index: usize, connection: Conn<M>) {
        let limit = self.check_limit(now);
        self.stage = Stage::Checking(index, check(Arc::clone(self.inner), connection, limit).boxed());
    }

    /// How long a check may take.
    fn check_limit(&self, now: Now) -> Option<Duration> {
        let deadline = self.request.deadline;
        let left = (deadline != NEVER).then(|| Duration::from_nanos(deadline.saturating_sub(now.nanos)));
        let limit = self.inner.limits.check;
        limit.into_iter().chain(left).min()
    }

    /// The caller's own deadline, as the machine counts.
    fn until(&self) -> Option<u64> {
        self.deadline.as_ref().map(|deadline| self.inner.at(deadline.at()).nanos)
    }

    /// The caller's own deadline, if that is what time was over for.
    #[cold]
    fn exceeded(&self) -> Option<DeadlineExceeded> {
        let is_earlier = self.until().is_some_and(|until| until <= self.request.deadline);
        self.deadline.as_ref().filter(|_| is_earlier)?.check().err()
    }
}

fn leased<M: Manager>(connection: Conn<M>) -> Poll<Acquired<M>> {
    Poll::Ready(Ok(Lease::new(connection)))
}

async fn check<M: Manager>(
    inner: Arc<Inner<M>>,
    mut connection: Conn<M>,
    limit: Option<Duration>,
) -> Checked<M> {
    let check = async { inner.manager.check(&mut connection.connection).await };
    let has_passed = passes(&inner, "Manager::check", limit, check).await;
    (connection, has_passed)
}

impl<M: Manager> Future for Get<'_, M> {
    type Output = Acquired<M>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Acquired<M>> {
        let this = self.get_mut();
        if this.request.key.is_none() && !this.inner.is_busy.load(Ordering::Relaxed) {
            let taken = this.inner.state.lock().machine.take(this.called, this.tick, this.request.holder);
            if let Some(connection) = taken {
                return Poll::Ready(Ok(Lease::new(connection)));
            }
        }
        this.poll_slowly(cx)
    }
}

impl<M: Manager> Drop for Get<'_, M> {
    #[inline]
    fn drop(&mut self) {
        if !matches!(self.stage, Stage::Outside) {
            self.leave();
        }
    }
}

impl<M: Manager> Get<'_, M> {
    #[cold]
    fn leave(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Outside) {
            Stage::Outside => {}
            Stage::Waiting(place) => {
                let now = self.inner.now();
                // Its waker is dropped when the lock is released.
                let _waker = self.inner.change(|state, effects| state.machine.leave(now, place, effects));
            }
            Stage::Checking(index, check) => {
                self.inner.give_up_check(index, Reason::CheckCutShort, "the drop of Manager::check", check);
            }
        }
    }
}

impl<M: Manager> Unpin for Get<'_, M> {}

impl<M: Manager> fmt::Debug for Get<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Outside => "outside",
            Stage::Waiting(_) => "waiting",
            Stage::Checking(..) => "checking",
        };
        f.debug_struct("Get")
            .field("location", &self.request.holder)
            .field("stage", &stage)
            .finish_non_exhaustive()
    }
}
