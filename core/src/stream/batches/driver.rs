use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use super::{
    Batch, BatchStats,
    state::{Cause, Machine},
};
use crate::rt::{Coop, Rt, Sleep};

/// How many immediate results are taken between two looks at the clock.
const CLOCK_EVERY: u32 = 32;

/// Takes items from a source and gives batches: what both kinds of batches have in common.
pub(super) struct Collector<T, F> {
    rt: Rt,
    machine: Machine<T>,
    /// How many bytes an item has.
    size: Option<F>,
    timer: Timer,
    coop: Coop,
    ended: bool,
}

/// What a source that may fail came to.
pub(super) enum Collected<T, E> {
    Batch(Vec<T>),
    /// With what had been collected until then.
    Failed(Option<Vec<T>>, E),
    Ended,
}

impl<T, F: FnMut(&T) -> usize> Collector<T, F> {
    pub(super) fn new(rt: &Rt, config: Batch, size: Option<F>) -> Self {
        let (rt, machine) = (rt.clone(), Machine::new(config));
        Self { rt, machine, size, timer: Timer::default(), coop: Coop::default(), ended: false }
    }

    /// The source goes before the clock: what is ready when a batch is due still comes with it.
    #[inline]
    pub(super) fn poll<E>(
        &mut self,
        cx: &mut Context<'_>,
        mut source: impl FnMut(&mut Context<'_>) -> Poll<Option<Result<T, E>>>,
    ) -> Poll<Collected<T, E>> {
        if let Some(batch) = self.machine.full() {
            return Poll::Ready(Collected::Batch(batch));
        }
        if self.ended {
            return Poll::Ready(Collected::Ended);
        }
        loop {
            for _ in 0..CLOCK_EVERY {
                if self.coop.poll_turn(cx).is_pending() {
                    return self.expire().map_or(Poll::Pending, |batch| Poll::Ready(Collected::Batch(batch)));
                }
                let item = match source(cx) {
                    Poll::Ready(Some(Ok(item))) => item,
                    Poll::Ready(Some(Err(error))) => {
                        let batch = self.take(Cause::End);
                        return Poll::Ready(Collected::Failed(batch, error));
                    }
                    Poll::Ready(None) => {
                        self.ended = true;
                        return Poll::Ready(self.take(Cause::End).map_or(Collected::Ended, Collected::Batch));
                    }
                    Poll::Pending => return self.wait(cx).map(Collected::Batch),
                };
                let bytes = self.size.as_mut().map_or(0, |size| size(&item));
                if let Some(batch) = self.machine.push(item, bytes, || self.rt.now()) {
                    self.timer.disarm();
                    return Poll::Ready(Collected::Batch(batch));
                }
            }
            if let Some(batch) = self.expire() {
                return Poll::Ready(Collected::Batch(batch));
            }
        }
    }

    /// What is collected, now. The next item begins a batch of its own.
    pub(super) fn take(&mut self, cause: Cause) -> Option<Vec<T>> {
        self.timer.disarm();
        self.machine.hand_over(cause)
    }

    /// For a source that is always ready: no timer would come to be polled.
    fn expire(&mut self) -> Option<Vec<T>> {
        self.machine.due()?;
        let batch = self.machine.expired(self.rt.now())?;
        self.timer.disarm();
        Some(batch)
    }

    /// For a source that is pending.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Vec<T>> {
        self.coop.waited();
        let Some(due) = self.machine.due() else { return Poll::Pending };
        ready!(self.timer.poll(&self.rt, due, cx));
        self.machine.expired(due).map_or(Poll::Pending, Poll::Ready)
    }

    pub(super) fn size_hint(&self, source: (usize, Option<usize>)) -> (usize, Option<usize>) {
        let collected = self.machine.len();
        let (lower, upper) = if self.ended { (0, Some(0)) } else { source };
        let lower = lower.saturating_add(collected).div_ceil(self.machine.config().items_max);
        (lower, upper.and_then(|upper| upper.checked_add(usize::from(collected > 0))))
    }
}

impl<T, F> Collector<T, F> {
    pub(super) fn has_ended(&self) -> bool {
        self.ended && self.machine.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.machine.len()
    }

    pub(super) fn config(&self) -> &Batch {
        self.machine.config()
    }

    pub(super) fn stats(&self) -> BatchStats {
        self.machine.stats()
    }

    pub(super) fn into_items(self) -> Vec<T> {
        self.machine.into_items()
    }
}

/// One timer for all batches, made when the first has to wait.
#[derive(Default)]
struct Timer {
    sleep: Option<Sleep>,
    /// When it will fire; `None` if nobody waits for it.
    armed: Option<Instant>,
}

impl Timer {
    fn poll(&mut self, rt: &Rt, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if self.armed != Some(at) {
                    sleep.reset(at);
                }
                sleep
            }
            none => none.insert(rt.sleep_until(at)),
        };
        self.armed = Some(at);
        ready!(Pin::new(sleep).poll(cx));
        self.armed = None;
        Poll::Ready(())
    }

    /// A timer that is left running would wake the task for nothing.
    fn disarm(&mut self) {
        if self.armed.take().is_some() {
            self.sleep = None;
        }
    }
}
