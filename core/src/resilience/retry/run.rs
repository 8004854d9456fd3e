use std::{
    fmt,
    future::Future,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use super::{
    Attempt, Classify, Config, Ending, Ledger, Record, RetryError, RetryErrors, Stats, Stop, Verdict,
    attempt::Context,
    state::{Machine, Next},
    stats::{Counters, Tally},
    within::within,
};
use crate::{
    ConfigError,
    resilience::{Budget, budget},
    rt::{Rng, Rt, yield_now},
    time::Deadline,
};

/// Tries an operation again when it fails: a bounded number of times, after growing pauses, within a deadline and a budget.
///
/// Clones share their [`stats`](Self::stats). See the [module](super) for the laws.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use std::io;
///
/// use seaworthy_core::resilience::{Retry, retry};
///
/// let retry = Retry::new(&rt, retry::Config { attempts_max: 5, ..retry::Config::default() })?;
/// let answer = retry.run(|attempt| async move {
///     if attempt.number() < 3 { Err(io::Error::other("not yet")) } else { Ok("at last") }
/// });
/// assert_eq!(answer.await?, "at last");
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// # }).unwrap();
/// ```
///
/// What is worth another attempt is for the caller to say:
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use std::time::Duration;
///
/// use seaworthy_core::resilience::{Budget, Retry, budget, retry::{self, Stop, Verdict}};
///
/// enum Failure { Busy { retry_after: Duration }, Denied }
///
/// let retry = Retry::new(&rt, retry::Config::default())?
///     .budget(Budget::new(&rt, budget::Config::default())?)
///     .classify(|result: &Result<u32, Failure>| match result {
///         Ok(_) => Verdict::Done,
///         Err(Failure::Busy { retry_after }) => Verdict::RetryAfter(*retry_after),
///         Err(Failure::Denied) => Verdict::Fail,
///     });
/// let denied = retry.run(|_| async { Err(Failure::Denied) }).await;
/// let Err(error) = denied else { panic!("it was denied") };
/// assert_eq!((error.stop, error.ledger.attempts()), (Stop::Final, 1));
/// # Ok::<(), seaworthy_core::ConfigError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Retry<C = RetryErrors> {
    pub(in crate::resilience) shared: Arc<Shared>,
    pub(in crate::resilience) budget: Option<Budget>,
    pub(in crate::resilience) deadline: Option<Deadline>,
    classify: C,
}

pub(in crate::resilience) struct Shared {
    rt: Rt,
    pub(in crate::resilience) config: Config,
    pub(in crate::resilience) rng: Rng,
    /// How many calls of policies with this retry have failed once.
    pub(in crate::resilience) repeated: AtomicU64,
    counters: Counters,
}

impl Retry {
    /// A retry that takes every error for worth another attempt, without deadline and budget.
    ///
    /// # Errors
    ///
    /// If `config` is out of range, by field.
    pub fn new(rt: &Rt, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let rng = rt.rng("resilience.retry");
        let (repeated, counters) = (AtomicU64::new(0), Counters::default());
        let shared = Shared { rt: rt.clone(), config, rng, repeated, counters };
        Ok(Self { shared: Arc::new(shared), budget: None, deadline: None, classify: RetryErrors })
    }
}

impl<C> Retry<C> {
    /// Ends all its calls at `deadline`: what runs then is dropped, and a pause that does not fit is not begun.
    ///
    /// Of a retry that is kept, clone it first: `retry.clone().deadline(deadline)`; or hand the deadline over by
    /// [`run_in`](Self::run_in) with [`Attempt::within`].
    #[must_use]
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Asks `budget` before each retry.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Judges results by `classify`, values and errors alike.
    ///
    /// A value that was judged worth another attempt is handed back as a value if there is none.
    #[must_use]
    pub fn classify<T, E, F>(self, classify: F) -> Retry<F>
    where
        F: Fn(&Result<T, E>) -> Verdict,
    {
        let Self { shared, budget, deadline, .. } = self;
        Retry { shared, budget, deadline, classify }
    }

    /// Runs `operation` until it succeeds, or there is a reason to stop.
    ///
    /// `operation` is called once for each attempt, as it begins.
    ///
    /// # Errors
    ///
    /// When it is given up: the last error, why, and the attempts there were. A *value* that was judged worth another
    /// attempt when there was none is no error: it is handed back.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the attempt that runs. No further one is begun.
    pub async fn run<T, E, F, Fut>(&self, mut operation: F) -> Result<T, RetryError<E>>
    where
        C: Classify<T, E>,
        F: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        if self.budget.is_some() || self.deadline.is_some() {
            return self.drive(None, false, operation).await.map(|(value, _)| value);
        }
        // Law 7: the usual call has a way of its own, past what only a budget, a deadline, a parent or a ledger needs. Each
        // layer that a poll goes through and each result that is moved would cost more than all there is to do.
        let config = &self.shared.config;
        let (attempts_max, context) = (config.attempts_max, Context::default());
        let ended = operation(Attempt { number: 1, attempts_max, hedge: 0, context }).await;
        let verdict = self.classify.verdict(&ended);
        if verdict == Verdict::Done
            && let Ok(value) = ended
        {
            return Ok(value);
        }
        let machine = Machine::new(config, false);
        let course = Course { machine, context: Context::default(), call: None, started: None };
        Box::pin(self.go_on(course, Some(ended), Some(verdict), operation)).await.map(|(value, _)| value)
    }

    /// As [`run`](Self::run), as a part of `parent`: within its deadline, and once only if `parent` may be retried, see
    /// [`Nested`](super::Nested).
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    pub async fn run_in<T, E, F, Fut>(&self, parent: &Attempt, operation: F) -> Result<T, RetryError<E>>
    where
        C: Classify<T, E>,
        F: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        self.drive(Some(parent), false, operation).await.map(|(value, _)| value)
    }

    /// As [`run`](Self::run), with the ledger also of a success. It reads the clock and allocates.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    pub async fn run_traced<T, E, F, Fut>(&self, operation: F) -> Result<(T, Ledger), RetryError<E>>
    where
        C: Classify<T, E>,
        F: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        self.drive(None, true, operation).await
    }

    /// What its calls came to.
    pub fn stats(&self) -> Stats {
        self.shared.counters.stats()
    }

    /// The first attempt. What follows a failure is another future, on the heap: this one stays small and quick.
    async fn drive<T, E, F, Fut>(
        &self,
        parent: Option<&Attempt>,
        traced: bool,
        mut operation: F,
    ) -> Result<(T, Ledger), RetryError<E>>
    where
        C: Classify<T, E>,
        F: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        let Shared { rt, config, .. } = &*self.shared;
        let is_nested = config.is_nested_in(parent);
        let attempts_max = if is_nested { 1 } else { config.attempts_max };
        let context = Context::new(self.deadline.as_ref(), parent);
        let deadline = context.deadline();
        let call = self.budget.as_ref().map(Budget::begin);
        let started = (traced || deadline.is_some()).then(|| rt.now());
        // Made in place: to move it costs more than to make it.
        let attempt = operation(Attempt { number: 1, attempts_max, hedge: 0, context: context.clone() });
        let ended = within(deadline, attempt).await;
        let verdict = ended.as_ref().map(|result| self.classify.verdict(result));
        // Law 7: the usual end.
        if !traced
            && verdict == Some(Verdict::Done)
            && let Some(Ok(value)) = ended
        {
            return Ok((value, Ledger::default()));
        }
        let machine = Machine::new(config, is_nested);
        Box::pin(self.go_on(Course { machine, context, call, started }, ended, verdict, operation)).await
    }

    /// What follows the first attempt, which ended so.
    async fn go_on<T, E, F, Fut>(
        &self,
        course: Course<'_>,
        mut ended: Option<Result<T, E>>,
        mut verdict: Option<Verdict>,
        mut operation: F,
    ) -> Result<(T, Ledger), RetryError<E>>
    where
        C: Classify<T, E>,
        F: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        let Shared { rt, config, rng, counters, .. } = &*self.shared;
        let Course { mut machine, context, call, mut started } = course;
        let tally = (verdict != Some(Verdict::Done)).then(|| Tally::new(counters));
        let (mut ledger, mut last, mut permit) = (Ledger::default(), None, None);
        let stop = loop {
            drop(permit.take());
            let now = rt.now();
            let ending = verdict.map_or(Ending::CutOff, Ending::Judged);
            ledger.push(Record::new(machine.number(), started, now, ending), config.ledger_max);
            let next = verdict.map_or(Next::Stop(Stop::Deadline), |verdict| {
                let number = tally.as_ref().map_or(0, Tally::number);
                let delays = || config.backoff.delays(rng.fork("call", number));
                machine.judge(config, verdict, now, context.deadline().map(Deadline::at), delays)
            });
            let pause = match next {
                Next::Done => break None,
                Next::Stop(stop) => break Some(stop),
                Next::Pause(pause) => pause,
            };
            if let Some(call) = &call {
                permit = call.try_retry().ok();
                if permit.is_none() {
                    break Some(Stop::Budget);
                }
            }
            ledger.pause(pause);
            tracing::debug!(name: "seaworthy.retry.pause", attempt = machine.number(), ?pause);
            self::pause(rt, pause).await;
            // It fitted when it began, but who is busy wakes late.
            if context.deadline().is_some_and(|deadline| deadline.at() <= rt.now()) {
                break Some(Stop::Deadline);
            }
            last = ended.and_then(Result::err).or(last);
            machine.begin_next();
            tally.as_ref().inspect(|tally| tally.retry());
            started = Some(rt.now());
            let (number, attempts_max) = (machine.number(), machine.attempts_max());
            let attempt = operation(Attempt { number, attempts_max, hedge: 0, context: context.clone() });
            ended = within(context.deadline(), attempt).await;
            verdict = ended.as_ref().map(|result| self.classify.verdict(result));
        };
        if let Some(tally) = tally {
            tally.end(stop);
        }
        if let Some(stop) = stop {
            tracing::debug!(name: "seaworthy.retry.gave_up", attempts = machine.number(), %stop);
        }
        match ended {
            Some(Ok(value)) => Ok((value, ledger)),
            Some(Err(error)) => {
                Err(RetryError { last: Some(error), stop: stop.unwrap_or(Stop::Final), ledger })
            }
            None => Err(RetryError { last, stop: Stop::Deadline, ledger }),
        }
    }
}

/// A call that may need more than one attempt.
struct Course<'a> {
    machine: Machine,
    context: Context,
    call: Option<budget::Call<'a>>,
    /// When the first one began, if anyone looked.
    started: Option<Instant>,
}

/// Waits; also for no time it lets others run, so that a call that fails at once starves nobody.
pub(in crate::resilience) async fn pause(rt: &Rt, pause: Duration) {
    if pause.is_zero() {
        yield_now().await;
    } else {
        rt.sleep(pause).await;
    }
}

impl<C> fmt::Debug for Retry<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("config", &self.shared.config)
            .field("budget", &self.budget)
            .field("deadline", &self.deadline)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
