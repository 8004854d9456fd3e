use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::{Duration, Instant},
};

use super::{
    Policy, Refusal,
    admission::Admission,
    builder::Layers,
    course::Course,
    sent::{Ended, Sent},
    stats::count,
};
use crate::{
    ConfigError,
    resilience::{
        Attempt, budget,
        retry::{Classify, Ending, Verdict},
    },
    rt::BoxFuture,
};

/// When to make a second attempt beside one that takes long. The first to succeed wins, the others are dropped.
///
/// It shortens the tail: a delay at the 95th percentile of the latency makes one call in twenty two. The operation must
/// bear being done twice. The source: J. Dean and L. A. Barroso, *The Tail at Scale*, CACM 56 (2), 2013.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Hedge {
    /// How long the latest of them may take, from when it was made, before another is made beside it. Default: 1 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text"))]
    pub delay: Duration,
    /// How many hedges there may be beside one attempt. None at 0. Default: 1.
    pub hedges_max: u8,
}

impl Default for Hedge {
    fn default() -> Self {
        Self { delay: Duration::from_secs(1), hedges_max: 1 }
    }
}

impl Hedge {
    /// `limit` is the shortest time limit around it, `allowed` says so.
    pub(super) fn check(&self, limit: Option<Duration>, allowed: &'static str) -> Result<(), ConfigError> {
        let Self { delay, hedges_max } = *self;
        if hedges_max > 0 && (delay.is_zero() || limit.is_some_and(|limit| delay >= limit)) {
            let delay = format_args!("{delay:?}");
            return Err(ConfigError::new("resilience::policy::Hedge::delay", delay, allowed));
        }
        Ok(())
    }
}

/// One of the attempts made at the same time.
struct Runner<'a, Fut, T, E, C> {
    hedge: u32,
    began: Instant,
    stage: Stage<'a, Fut, T, E, C>,
    /// Of a hedge, the leave of the budget.
    _leave: Option<budget::Permit<'a>>,
}

enum Stage<'a, Fut, T, E, C> {
    Waits(BoxFuture<'a, Result<Admission<'a>, Refusal>>),
    Runs(Pin<Box<Sent<'a, Fut, T, E, C>>>),
}

impl<C, F> Policy<C, F> {
    /// One attempt and its hedges, each through all layers below.
    pub(super) async fn hedged<'a, T, E, Op, Fut>(
        &'a self,
        hedge: Hedge,
        course: &mut Course<'a, E>,
        operation: &mut Op,
    ) -> Ended<T, E>
    where
        C: Classify<T, E>,
        Op: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        let Layers { rt, name, attempt_timeout, counters, .. } = &self.layers;
        let mut runners = vec![self.runner(course, 0, None)];
        let (mut hedges, mut sleep, mut failed) = (0, None, None);
        let ended = poll_fn(|cx| {
            loop {
                let mut index = 0;
                // In the order of their start: of two that are ready, the earlier wins.
                while let Some(runner) = runners.get_mut(index) {
                    let ended = match &mut runner.stage {
                        Stage::Waits(admitted) => match ready_or(admitted.as_mut().poll(cx)) {
                            None => {
                                index += 1;
                                continue;
                            }
                            Some(Ok(admission)) => {
                                let now = rt.now();
                                let attempt = course.send(runner.hedge, runner.began, now);
                                let sent = Sent::new(
                                    rt,
                                    *attempt_timeout,
                                    &self.classify,
                                    admission,
                                    course.blames(now),
                                    || operation(attempt),
                                );
                                runner.stage = Stage::Runs(Box::pin(sent));
                                let is_open = hedges < hedge.hedges_max && !course.is_spent();
                                sleep = is_open.then(|| rt.sleep(hedge.delay));
                                continue;
                            }
                            Some(Err(refusal)) => {
                                course.refused(runner.hedge, runner.began, refusal.layer());
                                Ended::Refused(refusal)
                            }
                        },
                        Stage::Runs(sent) => match ready_or(sent.as_mut().poll(cx)) {
                            None => {
                                index += 1;
                                continue;
                            }
                            Some(ended) => {
                                course.ended(runner.hedge, ended.ending());
                                ended
                            }
                        },
                    };
                    let over = runners.remove(index);
                    if let Ended::Answered(verdict @ (Verdict::Done | Verdict::Fail), _) = &ended {
                        if over.hedge > 0 && *verdict == Verdict::Done {
                            count(&counters.hedges_won);
                        }
                        return Poll::Ready(ended);
                    }
                    if ended.asked().is_some() {
                        // No further one is sent: neither what waits for its turn, nor a hedge.
                        sleep = None;
                        runners.retain(|runner| matches!(runner.stage, Stage::Runs(_)));
                        // Of those before this one some may be gone.
                        index = 0;
                    }
                    failed = Some(worse(course, failed.take(), ended));
                }
                if runners.is_empty()
                    && let Some(failed) = failed.take()
                {
                    return Poll::Ready(failed);
                }
                let Some(timer) = &mut sleep else { return Poll::Pending };
                if Pin::new(timer).poll(cx).is_pending() {
                    return Poll::Pending;
                }
                sleep = None;
                // Without leave there is no hedge, and none later: what runs goes on.
                let Ok(leave) = course.may_repeat() else { return Poll::Pending };
                hedges += 1;
                count(&counters.hedges);
                tracing::debug!(name: "seaworthy.policy.hedge", policy = %name, hedge = hedges);
                runners.push(self.runner(course, u32::from(hedges), leave));
            }
        });
        let ended = ended.await;
        drop(runners);
        course.ledger.end_all(rt.now(), Ending::Outrun);
        ended
    }

    fn runner<'a, T, E, Fut>(
        &'a self,
        course: &Course<'a, E>,
        hedge: u32,
        leave: Option<budget::Permit<'a>>,
    ) -> Runner<'a, Fut, T, E, C> {
        let admitted = self.layers.admit(course.context.deadline().cloned());
        Runner { hedge, began: course.rt.now(), stage: Stage::Waits(Box::pin(admitted)), _leave: leave }
    }
}

/// Of two attempts that failed, the one to go by: the one that was asked to stay away for longer, or else the later; what was
/// refused says less than what was made.
fn worse<T, E>(course: &mut Course<'_, E>, before: Option<Ended<T, E>>, now: Ended<T, E>) -> Ended<T, E> {
    let Some(before) = before else { return now };
    let goes_before = matches!(now, Ended::Refused(_)) || before.asked() > now.asked();
    let (kept, other) = if goes_before { (before, now) } else { (now, before) };
    if let Ended::Answered(_, Err(error)) = other {
        course.last = Some(error);
    }
    kept
}

impl<T, E> Ended<T, E> {
    /// How long the other side asked to stay away.
    fn asked(&self) -> Option<Duration> {
        match self {
            Self::Answered(Verdict::RetryAfter(asked), _) => Some(*asked),
            Self::Answered(..) | Self::TimedOut(_) | Self::Refused(_) => None,
        }
    }
}

fn ready_or<T>(poll: Poll<T>) -> Option<T> {
    match poll {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
