use super::{Refusal, builder::Layers};
use crate::{
    limit::{Acquire, bulkhead},
    resilience::breaker,
    time::Deadline,
};

/// What an attempt holds while it runs. A token of the limiter is spent, not held.
#[derive(Default)]
pub(super) struct Admission<'a> {
    pub(super) permit: Option<breaker::Permit<'a>>,
    pub(super) slot: Option<bulkhead::Permit>,
}

impl Layers {
    /// Whether an attempt may have to wait.
    pub(super) fn waits(&self) -> bool {
        self.bulkhead.is_some() || self.limiter.is_some()
    }

    /// Passes an attempt through the layers between the retry and the operation.
    pub(super) async fn admit(&self, deadline: Option<Deadline>) -> Result<Admission<'_>, Refusal> {
        let how = || Acquire { deadline: deadline.clone(), ..Acquire::default() };
        // Before it waits, for that would be in vain; and without taking a probe, which others would miss meanwhile.
        if let Some(breaker) = self.breaker.as_ref().filter(|_| self.waits()) {
            breaker.check()?;
        }
        let mut admission = Admission::default();
        if let Some(bulkhead) = &self.bulkhead {
            admission.slot = Some(bulkhead.acquire_with(how()).await?);
        }
        if let Some(limiter) = &self.limiter {
            limiter.acquire_with(1, how()).await?;
        }
        if let Some(breaker) = &self.breaker {
            admission.permit = Some(breaker.try_acquire()?);
        }
        Ok(admission)
    }
}
