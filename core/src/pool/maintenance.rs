use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Weak, atomic::Ordering},
    task::{Context, Poll},
};

use super::{Manager, driver::Inner};
use crate::{
    rt::{Rt, Sleep},
    time::Shown,
};

/// Looks after the pool whenever something can have expired. It holds the pool weakly, and has no timer while nothing can.
pub(super) fn start<M: Manager>(inner: &Arc<Inner<M>>) {
    let end = End(Arc::downgrade(inner));
    let task = inner.rt.spawn("pool.maintenance", maintain(end, inner.rt.clone()));
    *inner.maintenance.lock() = Some(task);
}

/// The task is dropped: if the pool is still there, the runtime is not.
struct End<M: Manager>(Weak<Inner<M>>);

impl<M: Manager> Drop for End<M> {
    fn drop(&mut self) {
        if let Some(inner) = self.0.upgrade() {
            inner.runtime_has_ended();
        }
    }
}

async fn maintain<M: Manager>(end: End<M>, rt: Rt) {
    let mut is_due = false;
    loop {
        let Some(inner) = end.0.upgrade() else { return };
        if is_due {
            inner.look_after();
        }
        let (deadline, upkeep) = inner.alarms();
        let mut deadline = inner.instant(deadline).map(|at| rt.sleep_until(at));
        let mut upkeep = inner.instant(upkeep).map(|at| rt.background_timer(at));
        drop(inner);
        is_due = std::future::poll_fn(|cx| {
            let mut is_over = |sleep: &mut Option<Sleep>| {
                sleep.as_mut().is_some_and(|sleep| Pin::new(sleep).poll(cx).is_ready())
            };
            if is_over(&mut deadline) || is_over(&mut upkeep) {
                return Poll::Ready(true);
            }
            let Some(inner) = end.0.upgrade() else { return Poll::Ready(false) };
            inner.poll_nudged(cx).map(|()| false)
        })
        .await;
    }
}

impl<M: Manager> Inner<M> {
    fn alarms(&self) -> (u64, u64) {
        let mut state = self.state.lock();
        state.machine.take_earlier();
        state.machine.alarms()
    }

    /// Until it is needed earlier than it knows.
    fn poll_nudged(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Cloned and dropped without the lock.
        let mut waker = Some(cx.waker().clone());
        let mut state = self.state.lock();
        if state.machine.take_earlier() {
            return Poll::Ready(());
        }
        mem::swap(&mut state.maintainer, &mut waker);
        Poll::Pending
    }

    fn look_after(self: &Arc<Self>) {
        let now = self.now();
        let mut leaks = Vec::new();
        self.change(|state, effects| {
            state.machine.look_after(now, &mut leaks, effects);
            self.tick.store(state.machine.tick(), Ordering::Relaxed);
        });
        for leak in leaks {
            let (location, age) = (leak.location, leak.age);
            tracing::warn!(
                name: "seaworthy.pool.leak", %location, age = %Shown(age), "a connection is held for suspiciously long"
            );
        }
    }
}
