//! The driver: whoever comes while nobody waits goes the [fast](super::fast) way; all others lock, tell the machine what
//! happened, and carry out what it says once the lock is released. No user code runs under the lock: no future, destructor
//! or waker.

use std::{
    fmt,
    sync::Arc,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use futures::task::AtomicWaker;
use parking_lot::{Mutex, MutexGuard};

use super::{
    super::{Quota, order::Order, wake::wake_all},
    Config, Stats,
    bucket::Bucket,
    error::{AcquireError, TryAcquireError},
    fast::{Fast, Way},
    line::Place,
    pacer::{self, Pacer},
    state::{Answer, Demand, Grant, Machine, Refusal},
};
use crate::{
    canary,
    rt::{Rt, Task},
    time::Deadline,
    wait::{Key, Left, Ticket, WaitQueue},
};

pub(in crate::limit) struct Inner {
    pub(in crate::limit) rt: Rt,
    /// All times are nanoseconds since then.
    epoch: Instant,
    fast: Fast,
    order: Order,
    state: Mutex<State>,
    pub(super) pacer: Mutex<Option<Task<()>>>,
    pub(super) nudge: AtomicWaker,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

/// The machine has the bucket while the fast way is closed, as it is for whoever holds the lock.
struct State {
    machine: Machine,
    line: WaitQueue<Outcome>,
    pacer: Pacer,
    counts: Counts,
}

/// How a wait ends.
type Outcome = Result<Grant, Refusal>;

#[derive(Debug, Default)]
struct Counts {
    waited: u64,
    refused: u64,
    timed_out: u64,
}

/// A place in line.
#[derive(Debug)]
pub(super) struct Waiting {
    ticket: Option<Ticket>,
    place: Place,
}

/// What one who comes asks for.
pub(super) struct Request<'a> {
    pub(super) tokens: u32,
    pub(super) priority: i32,
    pub(super) deadline: Option<&'a Deadline>,
}

impl Inner {
    pub(in crate::limit) fn new(rt: &Rt, config: &Config) -> Self {
        Self::with_bucket(rt, config, rt.now(), Bucket::default())
    }

    /// With what is in the bucket, counted from `epoch`.
    pub(in crate::limit) fn with_bucket(rt: &Rt, config: &Config, epoch: Instant, bucket: Bucket) -> Self {
        let mut machine = Machine::new(config);
        machine.bucket = bucket;
        let fast = Fast::new(config.catch_up_max);
        if let Some(rate) = machine.rate() {
            fast.set_rate(&rate, bucket, nanos(epoch, rt.now()));
            fast.open(bucket);
        }
        let line = WaitQueue::new(config.waiters_max);
        let state = State { machine, line, pacer: Pacer::default(), counts: Counts::default() };
        Self {
            rt: rt.clone(),
            epoch,
            fast,
            order: Order::new(config.ageing_step),
            state: Mutex::new(state),
            pacer: Mutex::default(),
            nudge: AtomicWaker::new(),
        }
    }

    /// What is in the bucket, of a limiter for which nobody waits and whom nobody else holds.
    pub(in crate::limit) fn bucket(&self) -> Bucket {
        self.lock().machine.bucket
    }

    #[inline]
    pub(in crate::limit) fn try_acquire(self: &Arc<Self>, tokens: u32) -> Result<(), TryAcquireError> {
        if tokens == 0 {
            return Ok(());
        }
        let now = self.now();
        match self.fast.take(now, tokens) {
            Way::Through => Ok(()),
            Way::NotYet(nanos) => {
                Err(TryAcquireError::NoRoomYet { retry_after: Duration::from_nanos(nanos) })
            }
            Way::Closed => self.try_slowly(now, tokens),
        }
    }

    #[cold]
    fn try_slowly(self: &Arc<Self>, now: u64, tokens: u32) -> Result<(), TryAcquireError> {
        let mut state = self.lock();
        // Whoever does not wait comes after all who do.
        let last = if canary::is_on("limit.newcomers-overtake") { 0 } else { u64::MAX };
        let answer = state.machine.take(now, tokens, Key(last));
        self.settle(state, now, Vec::new());
        match answer {
            Answer::Granted => Ok(()),
            Answer::Wait(Some(retry_after)) => Err(TryAcquireError::NoRoomYet { retry_after }),
            Answer::Wait(None) => Err(TryAcquireError::Paused),
            Answer::TooMany { burst } => Err(TryAcquireError::TooMany { asked: tokens, burst }),
        }
    }

    /// Goes through, or takes a place in line.
    pub(super) fn enter(
        self: &Arc<Self>,
        request: &Request<'_>,
        waker: &Waker,
    ) -> Result<Option<Waiting>, AcquireError> {
        if request.tokens == 0 {
            return Ok(None);
        }
        let now = self.now();
        if let Way::Through = self.fast.take(now, request.tokens) {
            return Ok(None);
        }
        let key = self.order.key(now, request.priority);
        let until = request.deadline.map(|deadline| self.nanos(deadline.at()));
        // Dropped, if it is not needed, after the lock is released.
        let mut waker = Some(waker.clone());
        let mut state = self.lock();
        let entered = match state.machine.take(now, request.tokens, key) {
            Answer::Granted => Ok(None),
            Answer::TooMany { burst } => Err(AcquireError::TooMany { asked: request.tokens, burst }),
            Answer::Wait(wait) => match self.refusal(&state, now, request, wait) {
                Some(refusal) => Err(refusal),
                None => Ok(waker.take().and_then(|waker| state.join(key, request.tokens, until, waker))),
            },
        };
        state.counts.refused += u64::from(entered.is_err());
        self.settle(state, now, Vec::new());
        if let Err(why) = &entered {
            tracing::debug!(name: "seaworthy.limit.refused", %why, "a wait that is of no use did not begin");
        }
        entered
    }

    /// Why not to wait.
    fn refusal(
        &self,
        state: &State,
        now: u64,
        request: &Request<'_>,
        wait: Option<Duration>,
    ) -> Option<AcquireError> {
        let is_too_long = |wait: &Duration| self.remaining(request, now).is_some_and(|rest| *wait > rest);
        if let Some(wait) = wait.filter(is_too_long) {
            return Some(self.too_soon(request, wait, now));
        }
        let waiters_max = state.machine.waiters_max();
        (state.machine.waiting() >= waiters_max).then_some(AcquireError::QueueFull { waiters_max, wait })
    }

    /// Whether the wait is over, and how it ended.
    pub(super) fn poll(
        self: &Arc<Self>,
        waiting: &mut Waiting,
        request: &Request<'_>,
        waker: &Waker,
    ) -> Poll<Result<(), AcquireError>> {
        let mut waker = waker.clone();
        let now = self.now();
        let mut state = self.lock();
        let Poll::Ready(outcome) = state.line.poll_with(&mut waiting.ticket, &mut waker) else {
            return Poll::Pending;
        };
        let outcome = state.end(outcome);
        self.settle(state, now, Vec::new());
        Poll::Ready(outcome.map_err(|refusal| self.refused(refusal, request, now)))
    }

    /// The deadline has come. A slot that was given, or is due, in this moment still counts.
    pub(super) fn time_out(
        self: &Arc<Self>,
        waiting: &mut Waiting,
        request: &Request<'_>,
        deadline: &Deadline,
    ) -> Result<(), AcquireError> {
        let Some(ticket) = waiting.ticket.take() else { return Ok(()) };
        let now = self.now();
        let mut state = self.lock();
        let wakers = state.release(now);
        let waiters = state.machine.waiting();
        let left = state.line.leave(ticket);
        let outcome = match left {
            Left::Granted(outcome) => Some(state.end(outcome)),
            Left::Waiting(_) => {
                state.machine.leave(waiting.place);
                state.counts.timed_out += 1;
                None
            }
        };
        self.settle(state, now, wakers);
        match outcome {
            Some(outcome) => outcome.map_err(|refusal| self.refused(refusal, request, now)),
            None => {
                let deadline = deadline.exceeded();
                tracing::debug!(name: "seaworthy.limit.timed_out", %deadline, waiters, "waited in vain");
                Err(AcquireError::DeadlineExceeded { deadline, waiting: waiters })
            }
        }
    }

    /// One who waits goes away. Its place, or the slot it did not come for, goes to the next.
    pub(super) fn leave(self: &Arc<Self>, waiting: &mut Waiting) {
        let Some(ticket) = waiting.ticket.take() else { return };
        let now = self.now();
        let mut state = self.lock();
        let left = state.line.leave(ticket);
        match left {
            Left::Granted(Ok(grant)) => {
                state.counts.waited -= 1;
                state.machine.give_back(grant);
            }
            Left::Granted(Err(_)) => {}
            Left::Waiting(_) if canary::is_on("limit.keeps-the-slot-of-a-dropped-waiter") => {}
            Left::Waiting(_) => {
                state.machine.leave(waiting.place);
            }
        }
        self.settle(state, now, Vec::new());
        drop(left);
    }

    pub(in crate::limit) fn set_quota(self: &Arc<Self>, quota: Quota) {
        let now = self.now();
        let mut state = self.lock();
        let refused = state.machine.set_quota(now, quota);
        if let Some(rate) = state.machine.rate() {
            self.fast.set_rate(&rate, state.machine.bucket, now);
        }
        state.counts.refused += refused.len() as u64;
        let tell = |(waiter, refusal)| state.line.grant_to(waiter, Err(refusal)).ok();
        let wakers = refused.into_iter().filter_map(tell).collect();
        self.settle(state, now, wakers);
    }

    pub(in crate::limit) fn stats(self: &Arc<Self>) -> Stats {
        let now = self.now();
        let state = self.lock();
        let Counts { waited, refused, timed_out } = state.counts;
        let stats = Stats {
            quota: state.machine.quota(),
            available: state.machine.available(now),
            waiting: state.machine.waiting(),
            waited,
            refused,
            timed_out,
        };
        self.settle(state, now, Vec::new());
        stats
    }

    /// What the pacer does: gives out what is due and says when to come again. `None` ends it.
    pub(super) fn pace(self: &Arc<Self>) -> Option<Instant> {
        let now = self.now();
        let mut state = self.lock();
        let wakers = state.release(now);
        let next = state.machine.next_due();
        state.pacer.paced(next);
        self.settle(state, now, wakers);
        next.map(|next| self.instant(next))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        if let Some(bucket) = self.fast.close() {
            state.machine.bucket = bucket;
        }
        state
    }

    /// Gives out what is due, sees to the pacer, and opens the fast way if nobody waits. Every change ends with it.
    fn settle(self: &Arc<Self>, mut state: MutexGuard<'_, State>, now: u64, mut wakers: Vec<Waker>) {
        wakers.append(&mut state.release(now));
        let next_due = state.machine.next_due();
        let order = state.pacer.settle(next_due);
        if let Some(rate) = state.machine.rate().filter(|_| state.machine.is_quiet()) {
            if self.fast.is_used_up(now) {
                self.fast.set_rate(&rate, state.machine.bucket, now);
            }
            self.fast.open(state.machine.bucket);
        }
        drop(state);
        wake_all(&self.rt, wakers);
        pacer::carry_out(order, self);
    }

    fn refused(&self, refusal: Refusal, request: &Request<'_>, now: u64) -> AcquireError {
        match refusal {
            Refusal::TooMany { burst } => AcquireError::TooMany { asked: request.tokens, burst },
            Refusal::TooLate { wait } => self.too_soon(request, wait, now),
        }
    }

    fn too_soon(&self, request: &Request<'_>, wait: Duration, now: u64) -> AcquireError {
        let scope = request.deadline.map(|deadline| deadline.exceeded().scope).unwrap_or_default();
        AcquireError::DeadlineTooSoon {
            scope,
            wait,
            remaining: self.remaining(request, now).unwrap_or_default(),
        }
    }

    fn remaining(&self, request: &Request<'_>, now: u64) -> Option<Duration> {
        let until = |deadline: &Deadline| self.nanos(deadline.at()).saturating_sub(now);
        request.deadline.map(until).map(Duration::from_nanos)
    }

    /// Whether one who comes now need not lock.
    #[cfg(test)]
    pub(super) fn is_fast(&self) -> bool {
        self.fast.number() < u64::MAX
    }

    #[inline]
    fn now(&self) -> u64 {
        self.nanos(self.rt.now())
    }

    #[inline]
    fn nanos(&self, at: Instant) -> u64 {
        nanos(self.epoch, at)
    }

    fn instant(&self, nanos: u64) -> Instant {
        let since = Duration::from_nanos(nanos);
        self.epoch.checked_add(since).unwrap_or_else(|| self.rt.instant_after(Duration::MAX))
    }
}

/// Nanoseconds since `epoch`; some 584 years at most.
#[inline]
pub(in crate::limit) fn nanos(epoch: Instant, at: Instant) -> u64 {
    let since = at.saturating_duration_since(epoch);
    since.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(since.subsec_nanos()))
}

impl State {
    /// Gives their slots to those who are due, and returns their wakers.
    fn release(&mut self, now: u64) -> Vec<Waker> {
        let mut wakers = Vec::new();
        while let Some(grant) = self.machine.release(now) {
            self.counts.waited += 1;
            wakers.extend(self.line.grant(Ok(grant)));
        }
        wakers
    }

    fn join(&mut self, key: Key, tokens: u32, deadline: Option<u64>, waker: Waker) -> Option<Waiting> {
        let ticket = self.line.join(key, waker).ok()?;
        let demand = Demand { tokens, deadline, waiter: ticket.waiter() };
        let place = self.machine.join(key, demand);
        Some(Waiting { ticket: Some(ticket), place })
    }

    /// One who waited has come for what it was given.
    fn end(&mut self, outcome: Outcome) -> Result<(), Refusal> {
        outcome.map(|grant| self.machine.taken(grant))
    }
}
