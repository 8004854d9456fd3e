use std::task::{Context, Poll};

use super::{
    Batch, BatchStats, Size,
    state::{Cause, Machine},
};
use crate::{
    rt::Rt,
    stream::{pace::Pace, timer::Timer},
};

/// How many items that were there at once are taken before others get a turn. A batch counts as eight more, and so does
/// an error, so that there are at most 128 of them.
const BUDGET: usize = 1024;
const BATCH_COST: usize = BUDGET / 128;

/// Takes items from a source and gives batches: what both kinds of batches have in common.
pub(super) struct Collector<T, F> {
    rt: Rt,
    machine: Machine<T>,
    size: F,
    pace: Pace,
    timer: Timer,
    budget: usize,
    ended: bool,
}

/// What a source answers.
pub(super) enum Answer<T, E> {
    Item(T),
    Other(Other<E>),
}

/// What is no item.
pub(super) enum Other<E> {
    Pending,
    Failed(E),
    Ended,
}

impl<T, E> Answer<T, E> {
    #[inline]
    pub(super) fn of(polled: Poll<Option<Result<T, E>>>) -> Self {
        match polled {
            Poll::Ready(Some(Ok(item))) => Self::Item(item),
            Poll::Ready(Some(Err(error))) => Self::Other(Other::Failed(error)),
            Poll::Ready(None) => Self::Other(Other::Ended),
            Poll::Pending => Self::Other(Other::Pending),
        }
    }
}

/// What a source has come to.
pub(super) enum Collected<T, E> {
    Batch(Vec<T>),
    /// With what had been collected until then.
    Failed(Option<Vec<T>>, E),
    Ended,
}

impl<T, F: Size<T>> Collector<T, F> {
    pub(super) fn new(rt: &Rt, config: Batch, size: F) -> Self {
        Self {
            rt: rt.clone(),
            machine: Machine::new(config),
            size,
            pace: Pace::new(config.wait_max),
            timer: Timer::default(),
            budget: BUDGET,
            ended: false,
        }
    }

    /// The source goes before the timer: an item that comes when a batch is due comes with it.
    #[inline]
    pub(super) fn poll<E>(
        &mut self,
        cx: &mut Context<'_>,
        mut source: impl FnMut(&mut Context<'_>) -> Answer<T, E>,
    ) -> Poll<Collected<T, E>> {
        if let Some(batch) = self.machine.full() {
            return self.hand_over(batch);
        }
        if self.ended {
            return Poll::Ready(Collected::Ended);
        }
        loop {
            if self.budget == 0 {
                self.budget = BUDGET;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if self.machine.is_empty() {
                let item = match source(cx) {
                    Answer::Item(item) => item,
                    Answer::Other(other) => return self.stop(cx, other),
                };
                self.budget -= 1;
                let now = self.pace.look(self.rt.now());
                let bytes = self.size.bytes(&item);
                if let Some(batch) = self.machine.push(item, bytes, || now) {
                    return self.hand_over(batch);
                }
            }
            // So many in one go, in a loop that does little else.
            let items = self.pace.left().min(self.budget).min(self.machine.room());
            for taken in 1..=items {
                let item = match source(cx) {
                    Answer::Item(item) => item,
                    Answer::Other(other) => return self.stop(cx, other),
                };
                let bytes = self.size.bytes(&item);
                if !F::COUNTED || self.machine.admits(bytes) {
                    self.machine.join(item, bytes);
                    continue;
                }
                let (rt, pace) = (&self.rt, &mut self.pace);
                if let Some(batch) = self.machine.push(item, bytes, || pace.look(rt.now())) {
                    self.budget -= taken;
                    return self.hand_over(batch);
                }
            }
            self.budget -= items;
            self.pace.took(items);
            if let Some(batch) = self.machine.full() {
                return self.hand_over(batch);
            }
            if self.pace.left() == 0 {
                let now = self.pace.look(self.rt.now());
                if let Some(batch) = self.machine.expired(now) {
                    return self.hand_over(batch);
                }
            }
        }
    }

    #[inline]
    fn hand_over<E>(&mut self, batch: Vec<T>) -> Poll<Collected<T, E>> {
        self.budget = self.budget.saturating_sub(BATCH_COST);
        Poll::Ready(Collected::Batch(batch))
    }

    /// The source has no item now.
    fn stop<E>(&mut self, cx: &mut Context<'_>, other: Other<E>) -> Poll<Collected<T, E>> {
        match other {
            Other::Pending => {
                if let Some(due) = self.machine.due() {
                    if self.timer.poll(&self.rt, due, cx).is_ready()
                        && let Some(batch) = self.machine.expired(due)
                    {
                        return self.hand_over(batch);
                    }
                } else {
                    // Moving a timer to the next batch is much cheaper than making one, so it is disarmed only here.
                    self.timer.disarm();
                }
                self.budget = BUDGET;
                Poll::Pending
            }
            Other::Failed(error) => {
                self.budget = self.budget.saturating_sub(BATCH_COST);
                Poll::Ready(Collected::Failed(self.take(Cause::End), error))
            }
            Other::Ended => {
                self.ended = true;
                Poll::Ready(self.take(Cause::End).map_or(Collected::Ended, Collected::Batch))
            }
        }
    }

    pub(super) fn size_hint(&self, source: (usize, Option<usize>)) -> (usize, Option<usize>) {
        let collected = self.machine.len();
        let (lower, upper) = if self.ended { (0, Some(0)) } else { source };
        let lower = lower.saturating_add(collected).div_ceil(self.machine.config().items_max);
        (lower, upper.and_then(|upper| upper.checked_add(usize::from(collected > 0))))
    }
}

impl<T, F> Collector<T, F> {
    /// What is collected, now. The next item begins a batch of its own.
    pub(super) fn take(&mut self, cause: Cause) -> Option<Vec<T>> {
        self.timer.disarm();
        self.machine.hand_over(cause)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended && self.machine.is_empty()
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
