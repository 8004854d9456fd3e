//! The tasks of a host: dropped with its life, held, slowed, and polled for nothing.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
};

use futures::{FutureExt, future::BoxFuture};
use seaworthy_core::rt::Sleep;

use super::{
    host::{Seat, bit},
    runtime::HostRuntime,
    strike,
};
use crate::fault::FaultKind;

const HOLDS_TASKS: u64 = bit(FaultKind::Pause) | bit(FaultKind::SlowTasks);

/// One turn in so many comes late, or is followed by one for nothing, while a fault lets that happen.
const ONE_IN: u64 = 4;

/// Runs `future` for as long as the life of the host lasts; drops it at once if that is over.
pub(super) fn spawn(runtime: &HostRuntime, name: &'static str, future: BoxFuture<'static, ()>) {
    let Some((number, seat)) = runtime.host.seat(runtime.life) else { return };
    let membership = Membership { runtime: runtime.clone(), number };
    let task =
        HostTask { future: Some(future), seat, late: None, was_late: false, for_nothing: false, membership };
    runtime.inner.runtime().spawn(name, Box::pin(task));
}

/// A task, as the engine sees it.
struct HostTask {
    future: Option<BoxFuture<'static, ()>>,
    seat: Arc<Seat>,
    /// When its turn comes, if that is late.
    late: Option<Sleep>,
    /// It has waited for this turn already.
    was_late: bool,
    /// Nobody has woken it but itself.
    for_nothing: bool,
    // Last: the task counts as ended when its future is gone.
    membership: Membership,
}

struct Membership {
    runtime: HostRuntime,
    number: u64,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.runtime.host.unseat(self.number);
    }
}

impl HostTask {
    /// Whether the faults let it have its turn.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let HostRuntime { sim, host, inner, .. } = &self.membership.runtime;
        if let Some(pause) = host.fault(FaultKind::Pause) {
            if !self.seat.is_held.swap(true, Ordering::Relaxed) {
                strike(sim, pause.index);
            }
            return Poll::Pending;
        }
        self.seat.is_held.store(false, Ordering::Relaxed);
        if self.late.is_none() && !self.was_late && host.has(FaultKind::SlowTasks) {
            let is_late = host.draw(|rng| rng.chance(1, ONE_IN));
            if let Some((index, delay)) = host.delay(sim, FaultKind::SlowTasks).filter(|_| is_late) {
                strike(sim, index);
                self.late = Some(inner.sleep(delay));
            }
        }
        if let Some(late) = &mut self.late {
            ready!(late.poll_unpin(cx));
            self.late = None;
            self.was_late = true;
        }
        Poll::Ready(())
    }

    /// Has another turn for nothing, now and then, and never two in a row.
    fn wake_for_nothing(&mut self, cx: &Context<'_>) {
        let HostRuntime { sim, host, .. } = &self.membership.runtime;
        if std::mem::take(&mut self.for_nothing) || !host.draw(|rng| rng.chance(1, ONE_IN)) {
            return;
        }
        if let Some(fault) = host.fault(FaultKind::SpuriousWakes) {
            self.for_nothing = true;
            strike(sim, fault.index);
            cx.waker().wake_by_ref();
        }
    }
}

impl Future for HostTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // Registered first, looked then: an end in between is not missed.
        this.seat.waker.register(cx.waker());
        let runtime = &this.membership.runtime;
        if runtime.host.is_over(runtime.life) {
            this.future = None;
            return Poll::Ready(());
        }
        let kinds = runtime.host.kinds();
        if kinds & HOLDS_TASKS != 0 || this.late.is_some() || this.seat.is_held.load(Ordering::Relaxed) {
            ready!(this.poll_turn(cx));
        }
        this.was_late = false;
        let Some(future) = &mut this.future else { return Poll::Ready(()) };
        let in_task = this.membership.runtime.sim.enter_task();
        let polled = future.as_mut().poll(cx);
        drop(in_task);
        if polled.is_ready() {
            this.future = None;
        } else if kinds & bit(FaultKind::SpuriousWakes) != 0 {
            this.wake_for_nothing(cx);
        }
        polled
    }
}
