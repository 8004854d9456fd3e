use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::{Cause, Layer, stats::Counters};
use crate::{
    resilience::{
        Attempt, Budget, budget,
        retry::{Context, Ending, Ledger, Record, state::Machine},
    },
    rt::Rt,
};

/// What is known of a call under way. It outlives the attempts, so that a deadline that ends them finds it.
pub(super) struct Course<'a, E> {
    pub(super) rt: &'a Rt,
    pub(super) counters: &'a Counters,
    pub(super) machine: Machine,
    pub(super) context: Context,
    pub(super) ledger: Ledger,
    pub(super) ledger_max: usize,
    /// Half of the time limit of the policy. None if that is zero: no attempt can have had half of nothing.
    pub(super) half: Option<Duration>,
    /// Set with the attempt after which there can be no other, if that may happen.
    pub(super) spent: Option<&'a AtomicBool>,
    /// Set once the deadline has ended the attempts, before they are dropped.
    pub(super) cut_off: &'a AtomicBool,
    /// The last error of the operation.
    pub(super) last: Option<E>,
    pub(super) budget: Option<&'a Budget>,
    /// Counted by the budget from the first attempt that is made.
    pub(super) call: Option<budget::Call<'a>>,
}

impl<'a, E> Course<'a, E> {
    /// An attempt is made now, after a wait that began at `began`.
    pub(super) fn send(&mut self, hedge: u32, began: Instant, now: Instant) -> Attempt {
        if self.call.is_none() {
            self.call = self.budget.map(Budget::begin);
        }
        super::stats::count(&self.counters.attempts);
        let number = self.machine.number();
        let waited = now.saturating_duration_since(began);
        // Until it is known how it ended.
        let record =
            Record { hedge, waited, duration: None, ..Record::new(number, Some(began), now, Ending::CutOff) };
        self.ledger.push(record, self.ledger_max);
        let (attempts_max, context) = (self.machine.attempts_max(), self.context.clone());
        Attempt { number, attempts_max, hedge, context }
    }

    /// Where an attempt that is sent now finds, as it is dropped, that the deadline cut it off; none if it says nothing then.
    pub(super) fn blames(&self, now: Instant) -> Option<&'a AtomicBool> {
        let (half, end) = (self.half?, self.context.deadline()?.at());
        (end.saturating_duration_since(now) >= half).then_some(self.cut_off)
    }

    /// Whether what was sent cannot be sent again.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.is_some_and(|spent| spent.load(Ordering::Relaxed))
    }

    /// An attempt was not made.
    pub(super) fn refused(&mut self, hedge: u32, began: Instant, layer: Layer) {
        let now = self.rt.now();
        let waited = now.saturating_duration_since(began);
        let record = Record::new(self.machine.number(), Some(began), now, Ending::Refused(layer));
        self.ledger.push(Record { hedge, waited, duration: Some(Duration::ZERO), ..record }, self.ledger_max);
    }

    pub(super) fn ended(&mut self, hedge: u32, ending: Ending) {
        self.ledger.end(self.machine.number(), hedge, self.rt.now(), ending);
    }

    /// Asks the budget for a retry or a hedge. A call of which no attempt was made needs no leave for one.
    pub(super) fn may_repeat(&self) -> Result<Option<budget::Permit<'a>>, budget::Exhausted> {
        self.call.as_ref().map(budget::Call::try_retry).transpose()
    }

    /// The cause of a call that its deadline ended.
    pub(super) fn cut_off(&mut self) -> Option<Cause> {
        self.ledger.end_all(self.rt.now(), Ending::CutOff);
        self.context.deadline().map(|deadline| Cause::DeadlineExceeded(deadline.exceeded()))
    }
}
