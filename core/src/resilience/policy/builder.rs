use std::{fmt, future::Future, sync::Arc, time::Duration};

use super::{Fallback, Hedge, NoFallback, PolicyError, Stats, stats::Counters};
use crate::{
    limit::{Bulkhead, RateLimiter},
    resilience::{
        Attempt, CircuitBreaker, Retry,
        retry::{self, Classify, Ledger, RetryErrors, Verdict},
    },
    rt::{Rt, TaskName},
    time::Deadline,
};

/// Retry, breaker, limiter, bulkhead and deadline around an operation, in the one order in which they work together.
///
/// It is made of parts, which it shares with whoever else has a clone of them: one breaker, one limiter, one bulkhead and
/// one budget for a backend, whatever the policies in front of it. Clones share [`stats`](Self::stats), too. The laws are
/// those of the [module](super).
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::{
///     limit::{Bulkhead, Quota, RateLimiter, bulkhead},
///     resilience::{Budget, CircuitBreaker, Policy, Retry, breaker, budget, retry},
/// };
///
/// let payments = Policy::new(&rt, "payments")
///     .deadline(Duration::from_secs(2))
///     .retry(Retry::new(&rt, retry::Config::default())?.budget(Budget::new(&rt, budget::Config::default())?))
///     .breaker(CircuitBreaker::new(&rt, "payments", breaker::Config::default())?)
///     .bulkhead(Bulkhead::new(&rt, bulkhead::Config { permits: 20, ..bulkhead::Config::default() })?)
///     .limiter(RateLimiter::new(&rt, Quota::per_second(100).burst(20))?)
///     .attempt_timeout(Duration::from_millis(500));
///
/// let paid = payments.call(|attempt| async move {
///     if attempt.is_first() { Err(std::io::Error::other("connection reset")) } else { Ok("paid") }
/// });
/// assert_eq!(paid.await?, "paid");
/// assert_eq!(payments.stats().attempts, 2);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Policy<C = RetryErrors, F = NoFallback> {
    pub(in crate::resilience) layers: Layers,
    pub(super) classify: C,
    pub(super) fallback: F,
}

/// All that knows nothing of what is called.
#[derive(Clone)]
pub(in crate::resilience) struct Layers {
    pub(super) rt: Rt,
    pub(in crate::resilience) name: TaskName,
    pub(super) deadline: Option<Duration>,
    pub(in crate::resilience) retry: Retry,
    pub(in crate::resilience) hedge: Option<Hedge>,
    pub(in crate::resilience) breaker: Option<CircuitBreaker>,
    pub(super) bulkhead: Option<Bulkhead>,
    pub(super) limiter: Option<RateLimiter>,
    pub(super) attempt_timeout: Option<Duration>,
    /// For whoever looks at it: the fallback itself cannot be shown.
    pub(super) has_fallback: bool,
    pub(super) counters: Arc<Counters>,
}

impl Policy {
    /// A policy without any layer: it makes one attempt. Its name is for errors and logs: what is called.
    pub fn new(rt: &Rt, name: impl Into<TaskName>) -> Self {
        let once = retry::Config { attempts_max: 1, ..retry::Config::default() };
        let layers = Layers {
            rt: rt.clone(),
            name: name.into(),
            deadline: None,
            retry: Retry::new(rt, once).expect("one attempt is a good config"),
            hedge: None,
            breaker: None,
            bulkhead: None,
            limiter: None,
            attempt_timeout: None,
            has_fallback: false,
            counters: Arc::default(),
        };
        Self { layers, classify: RetryErrors, fallback: NoFallback }
    }
}

impl<C, F> Policy<C, F> {
    /// A time limit for each whole call, waits and pauses included.
    ///
    /// A call [within another](Self::call_in) ends with that one at the latest. To the breaker an attempt that is cut off
    /// after it had at least half of `limit` is a failure, as with an [`attempt_timeout`](Self::attempt_timeout) of its own;
    /// one that had less says nothing.
    #[must_use]
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.layers.deadline = Some(limit);
        self
    }

    /// Tries again, with the pauses and the budget of `retry`. What is worth it is said by [`classify`](Self::classify).
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.layers.retry = retry;
        self
    }

    /// Makes a second attempt beside one that takes long. Each takes a token of the retry's budget.
    #[must_use]
    pub fn hedge(mut self, hedge: Hedge) -> Self {
        self.layers.hedge = Some(hedge).filter(|hedge| hedge.hedges_max > 0);
        self
    }

    /// Asks `breaker` before each attempt and tells it how that went.
    #[must_use]
    pub fn breaker(mut self, breaker: CircuitBreaker) -> Self {
        self.layers.breaker = Some(breaker);
        self
    }

    /// Bounds how many attempts are under way at once.
    #[must_use]
    pub fn bulkhead(mut self, bulkhead: Bulkhead) -> Self {
        self.layers.bulkhead = Some(bulkhead);
        self
    }

    /// Bounds how many attempts begin per second: attempts, not calls.
    ///
    /// An attempt that the breaker refuses after its wait has spent its token all the same.
    #[must_use]
    pub fn limiter(mut self, limiter: RateLimiter) -> Self {
        self.layers.limiter = Some(limiter);
        self
    }

    /// A time limit for each attempt, counted from its first `Pending`. What takes longer has failed and may be retried.
    #[must_use]
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.layers.attempt_timeout = Some(limit);
        self
    }

    /// Judges results by `classify`, for the retry and the breaker alike. What is [`Done`](Verdict::Done) is a success.
    ///
    /// A value that was judged worth another attempt is handed back as a value if there is none. For more, implement
    /// [`Classify`] and use [`judge`](Self::judge).
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use seaworthy_core::resilience::{Policy, Retry, retry::{Config, Verdict}};
    ///
    /// let policy = Policy::new(&rt, "catalogue")
    ///     .retry(Retry::new(&rt, Config::default()).unwrap())
    ///     .classify(|status: &Result<u16, &str>| match status {
    ///         Ok(429 | 503) => Verdict::Retry,
    ///         Ok(500..) => Verdict::Fail,
    ///         Ok(_) => Verdict::Done,
    ///         Err(_) => Verdict::Retry,
    ///     });
    /// let status = policy.call(|attempt| async move { Ok(if attempt.is_first() { 503 } else { 404 }) });
    /// assert_eq!(status.await.unwrap(), 404);
    /// # });
    /// ```
    #[must_use]
    pub fn classify<T, E, D>(self, classify: D) -> Policy<D, F>
    where
        D: Fn(&Result<T, E>) -> Verdict,
    {
        self.judge(classify)
    }

    /// As [`classify`](Self::classify), for a type that implements [`Classify`].
    #[must_use]
    pub fn judge<D>(self, classify: D) -> Policy<D, F> {
        Policy { layers: self.layers, classify, fallback: self.fallback }
    }

    /// What to hand over when a call is given up: a value, or the error after all.
    ///
    /// It comes after everything else, also the deadline, so it should be quick.
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use seaworthy_core::resilience::{Policy, PolicyError, policy::Layer};
    ///
    /// let policy = Policy::new(&rt, "rates").fallback(|error: PolicyError<&str>| async move {
    ///     if error.layer() == Layer::Operation { Ok(1.08) } else { Err(error) }
    /// });
    /// assert_eq!(policy.call(|_| async { Err("down") }).await.unwrap(), 1.08);
    /// # });
    /// ```
    #[must_use]
    pub fn fallback<T, E, G, Fut>(mut self, fallback: G) -> Policy<C, G>
    where
        G: Fn(PolicyError<E>) -> Fut,
        Fut: Future<Output = Result<T, PolicyError<E>>> + Send,
    {
        self.layers.has_fallback = true;
        Policy { layers: self.layers, classify: self.classify, fallback }
    }

    /// Calls `operation` through all layers. It is called once for each attempt, as that begins.
    ///
    /// # Errors
    ///
    /// When it is given up: which layer ended it, the last error of the operation, and the attempts there were.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops what runs and gives back what it holds. A token of the limiter that was taken is spent,
    /// and the breaker hears nothing of it.
    pub async fn call<T, E, Op, Fut>(&self, operation: Op) -> Result<T, PolicyError<E>>
    where
        C: Classify<T, E>,
        F: Fallback<T, E>,
        Op: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        self.drive(None, None, operation).await.map(|(value, _)| value)
    }

    /// As [`call`](Self::call), as a part of `parent`: within its deadline, and with one attempt only if `parent` may be
    /// retried itself, see [`Nested`](crate::resilience::retry::Nested).
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Cancel safety
    ///
    /// As [`call`](Self::call).
    pub async fn call_in<T, E, Op, Fut>(&self, parent: &Attempt, operation: Op) -> Result<T, PolicyError<E>>
    where
        C: Classify<T, E>,
        F: Fallback<T, E>,
        Op: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        self.drive(Some(parent), None, operation).await.map(|(value, _)| value)
    }

    /// As [`call`](Self::call), with the ledger also of a success.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Cancel safety
    ///
    /// As [`call`](Self::call).
    pub async fn call_traced<T, E, Op, Fut>(&self, operation: Op) -> Result<(T, Ledger), PolicyError<E>>
    where
        C: Classify<T, E>,
        F: Fallback<T, E>,
        Op: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        self.drive(None, None, operation).await
    }

    /// What its calls came to.
    pub fn stats(&self) -> Stats {
        self.layers.counters.stats()
    }

    /// Its name.
    pub fn name(&self) -> &TaskName {
        &self.layers.name
    }
}

impl Layers {
    /// The deadline of a call that begins now.
    pub(super) fn deadline_of_call(&self, parent: Option<&Attempt>) -> Option<Deadline> {
        let limit = self.deadline?;
        Some(match parent.and_then(Attempt::deadline) {
            Some(deadline) => deadline.child(self.name.clone(), limit),
            None => Deadline::after(&self.rt, self.name.clone(), limit),
        })
    }
}

/// Its layers, from the outermost; those that are not there are not shown.
impl<C, F> fmt::Debug for Policy<C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn shown<T: fmt::Debug>(layer: Option<&T>) -> Option<&dyn fmt::Debug> {
            layer.map(|layer| layer as _)
        }
        let layers = &self.layers;
        let fallback = layers.has_fallback.then_some(true);
        let mut policy = f.debug_struct("Policy");
        policy.field("name", &layers.name);
        let layers = [
            ("fallback", shown(fallback.as_ref())),
            ("deadline", shown(layers.deadline.as_ref())),
            ("retry", shown(Some(&layers.retry))),
            ("hedge", shown(layers.hedge.as_ref())),
            ("breaker", shown(layers.breaker.as_ref())),
            ("bulkhead", shown(layers.bulkhead.as_ref())),
            ("limiter", shown(layers.limiter.as_ref())),
            ("attempt_timeout", shown(layers.attempt_timeout.as_ref())),
        ];
        for (name, layer) in layers {
            if let Some(layer) = layer {
                policy.field(name, layer);
            }
        }
        policy.field("stats", &self.stats()).finish_non_exhaustive()
    }
}
