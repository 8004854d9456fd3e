//! The watch: a task that passes on what lies there for too long, one for all waiters. It lives while something that was
//! handed over lies there, is never told that it was picked up, and so costs nobody more than a number: it comes at most
//! once in `handover_max`.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use super::driver::Inner;
use crate::rt::{Sleep, Task};

pub(super) fn start(inner: &Arc<Inner>) {
    let task = inner.rt.spawn("bulkhead.handovers", Watch { inner: Arc::downgrade(inner), sleep: None });
    // The one before it has ended, or is about to.
    let before = inner.watch.lock().replace(task);
    before.into_iter().for_each(Task::detach);
}

struct Watch {
    inner: Weak<Inner>,
    sleep: Option<Sleep>,
}

impl Future for Watch {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(sleep) = &mut self.sleep
                && Pin::new(sleep).poll(cx).is_pending()
            {
                return Poll::Pending;
            }
            let Some(inner) = self.inner.upgrade() else { return Poll::Ready(()) };
            let Some(next) = inner.pass_on() else { return Poll::Ready(()) };
            match &mut self.sleep {
                Some(sleep) => sleep.reset(next),
                none => *none = Some(inner.rt.sleep_until(next)),
            }
        }
    }
}
