use std::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    Cause, Fallback, Policy, PolicyError, Refusal,
    builder::Layers,
    course::Course,
    sent::{Ended, Sent},
    stats::{Counted, count},
};
use crate::{
    resilience::{
        Attempt,
        retry::{
            Classify, Context, Ending, Ledger, Stop, Verdict, earlier, pause,
            state::{Machine, Next},
            within,
        },
    },
    time::Deadline,
};

/// Why a call was given up: how its last attempt ended, and why there was no other.
type GivenUp = (Cause, Stop);

impl<C, F> Policy<C, F> {
    /// All layers, from the fallback down. `spent` is set by `operation` if what it sends cannot be sent again.
    pub(in crate::resilience) async fn drive<T, E, Op, Fut>(
        &self,
        parent: Option<&Attempt>,
        spent: Option<&AtomicBool>,
        mut operation: Op,
    ) -> Result<(T, Ledger), PolicyError<E>>
    where
        C: Classify<T, E>,
        F: Fallback<T, E>,
        Op: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        let Layers { rt, name, retry, counters, .. } = &self.layers;
        let counted = Counted::new(counters);
        let config = &retry.shared.config;
        let deadline = self.layers.deadline_of_call(parent);
        let deadline = earlier(deadline.as_ref(), retry.deadline.as_ref());
        let cut_off = AtomicBool::new(false);
        let mut course = Course {
            rt,
            counters,
            machine: Machine::new(config, config.is_nested_in(parent)),
            context: Context::new(deadline.as_ref(), parent),
            ledger: Ledger::default(),
            ledger_max: config.ledger_max,
            spent,
            half: self.layers.deadline.map(|limit| limit / 2).filter(|half| !half.is_zero()),
            cut_off: &cut_off,
            last: None,
            budget: retry.budget.as_ref(),
            call: None,
        };
        let deadline = course.context.deadline().cloned();
        let ended = {
            let attempts = pin!(self.repeat(&mut course, &mut operation));
            let ended = within(deadline.as_ref(), attempts).await;
            // Before what still runs is dropped, which looks at it to know why.
            cut_off.store(ended.is_none(), Ordering::Relaxed);
            ended
        };
        let given_up = match ended {
            Some(Ok(value)) => {
                counted.end(None);
                return Ok((value, course.ledger));
            }
            Some(Err(given_up)) => given_up,
            None => (course.cut_off().unwrap_or(Cause::Failed), Stop::Deadline),
        };
        let Course { ledger, last, call, .. } = course;
        drop(call);
        let (cause, stop) = given_up;
        let error = PolicyError { policy: name.clone(), cause, stop, last, ledger };
        tracing::debug!(name: "seaworthy.policy.gave_up", policy = %error.policy, layer = ?error.layer(), %stop);
        counted.end(Some(error.layer()));
        let ledger = error.ledger.clone();
        let answer = self.fallback.recover(error).await?;
        count(&counters.fallbacks);
        Ok((answer, ledger))
    }

    /// The retry layer.
    async fn repeat<'a, T, E, Op, Fut>(
        &'a self,
        course: &mut Course<'a, E>,
        operation: &mut Op,
    ) -> Result<T, GivenUp>
    where
        C: Classify<T, E>,
        Op: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        let Layers { rt, name, retry, hedge, .. } = &self.layers;
        let shared = &*retry.shared;
        let mut repeats = None;
        loop {
            let ended = match hedge {
                Some(hedge) => Box::pin(self.hedged(*hedge, course, operation)).await,
                None => self.once(course, operation).await,
            };
            drop(repeats.take());
            let verdict = match &ended {
                Ended::Answered(verdict, _) => Some(*verdict),
                Ended::TimedOut(_) => Some(Verdict::Retry),
                Ended::Refused(refusal) => come_back(refusal),
            };
            let next = match verdict {
                None => Next::Stop(Stop::Refused),
                Some(Verdict::Done) => Next::Done,
                Some(verdict) => {
                    let end = course.context.deadline().map(Deadline::at);
                    let delays = || {
                        // The rng is that of all policies which share this retry, and so is the number.
                        let number = shared.repeated.fetch_add(1, Ordering::Relaxed);
                        shared.config.backoff.delays(shared.rng.fork("policy", number))
                    };
                    course.machine.judge(&shared.config, verdict, rt.now(), end, delays)
                }
            };
            let outcome = match ended {
                Ended::Answered(_, Ok(value)) => Ok(value),
                Ended::Answered(_, Err(error)) => {
                    course.last = Some(error);
                    Err(Cause::Failed)
                }
                Ended::TimedOut(limit) => Err(Cause::TimedOut(limit)),
                Ended::Refused(refusal) => Err(Cause::Refused(refusal)),
            };
            let stop = match next {
                Next::Done => Stop::Final,
                Next::Stop(stop) => stop,
                Next::Pause(_) if course.is_spent() => Stop::Unrepeatable,
                Next::Pause(pause) => match course.may_repeat() {
                    Err(_) => Stop::Budget,
                    Ok(permit) => {
                        repeats = permit;
                        course.ledger.pause(pause);
                        tracing::debug!(name: "seaworthy.policy.pause", policy = %name, ?pause);
                        self::pause(rt, pause).await;
                        // It fitted when it began, but who is busy wakes late.
                        if course.context.deadline().is_none_or(|deadline| deadline.at() > rt.now()) {
                            course.machine.begin_next();
                            continue;
                        }
                        Stop::Deadline
                    }
                },
            };
            return outcome.map_err(|cause| (cause, stop));
        }
    }

    /// One attempt, through all layers below the hedge.
    async fn once<T, E, Op, Fut>(&self, course: &mut Course<'_, E>, operation: &mut Op) -> Ended<T, E>
    where
        C: Classify<T, E>,
        Op: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        let Layers { rt, attempt_timeout, .. } = &self.layers;
        let began = rt.now();
        let admission = match self.layers.admit(course.context.deadline().cloned()).await {
            Ok(admission) => admission,
            Err(refusal) => {
                course.refused(0, began, refusal.layer());
                return Ended::Refused(refusal);
            }
        };
        let now = if self.layers.waits() { rt.now() } else { began };
        let attempt = course.send(0, began, now);
        let cut_off = course.blames(now);
        let begin = || operation(attempt);
        let ended = Sent::new(rt, *attempt_timeout, &self.classify, admission, cut_off, begin).await;
        course.ended(0, ended.ending());
        ended
    }
}

/// Whether and when an attempt that was refused is worth another.
fn come_back(refusal: &Refusal) -> Option<Verdict> {
    match refusal {
        Refusal::Breaker(rejected) => rejected.retry_after.map(Verdict::RetryAfter),
        Refusal::Bulkhead(_) | Refusal::Limiter(_) => None,
    }
}

impl<T, E> Ended<T, E> {
    pub(super) fn ending(&self) -> Ending {
        match self {
            Self::Answered(verdict, _) => Ending::Judged(*verdict),
            Self::TimedOut(_) => Ending::TimedOut,
            Self::Refused(refusal) => Ending::Refused(refusal.layer()),
        }
    }
}
