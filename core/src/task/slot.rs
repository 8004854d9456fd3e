use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::future::BoxFuture;

use crate::rt::Coop;

/// A managed task, ready to be polled. When it has ended it says which one starts in its place.
pub(super) struct BoxWork(pub(super) BoxFuture<'static, Option<BoxWork>>);

/// One of the places that tasks run in, up to `concurrency` of them: a task of the runtime that runs one managed task
/// after the other for as long as there are any.
///
/// So a task that waited for its turn costs the runtime no spawn, and the turn passes on without a detour through the
/// runtime's queue.
pub(super) struct Slot {
    work: BoxWork,
    coop: Coop,
    /// The next task is not polled in the same turn as the one before, which was the last of many.
    yielding: bool,
}

impl Slot {
    pub(super) fn new(work: BoxWork) -> Self {
        Self { work, coop: Coop::default(), yielding: false }
    }
}

impl Future for Slot {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            if std::mem::take(&mut this.yielding) {
                ready!(this.coop.poll_turn(cx));
            }
            match this.work.0.as_mut().poll(cx) {
                Poll::Pending => {
                    this.coop.waited();
                    return Poll::Pending;
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Ready(Some(next)) => {
                    this.work = next;
                    this.yielding = true;
                }
            }
        }
    }
}
