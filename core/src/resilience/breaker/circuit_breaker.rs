use std::{fmt, sync::Arc};

use super::{Call, Config, Events, Outcome, OwnedPermit, Permit, Rejected, State, Stats, driver::Shared};
use crate::{
    ConfigError,
    rt::{Rt, TaskName},
};

/// Stops calling what keeps failing, and finds out when it works again.
///
/// Closed, it lets calls pass and watches them. When too many fail, or are slow, it opens: calls are turned away at once,
/// which spares the caller the wait and the callee the load. After a time it is half open: a few calls pass as probes;
/// when they succeed it closes, when one fails it opens again, for longer. The laws are those of the
/// [module](super).
///
/// Clones are the same breaker. It has no task: what time brings about is done by whoever looks next.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::{
///     resilience::breaker::{CallError, CircuitBreaker, Config, State, Window},
///     time::{Backoff, Jitter},
/// };
///
/// let config = Config {
///     window: Window::Consecutive { failures: 3 },
///     open_for: Backoff { jitter: Jitter::None, ..Config::default().open_for },
///     successes_to_close: 1,
///     ..Config::default()
/// };
/// let breaker = CircuitBreaker::new(&rt, "payments", config).unwrap();
/// for _ in 0..3 {
///     let failed = breaker.call(async { Err::<(), _>("refused") }).await;
///     assert_eq!(failed, Err(CallError::Failed("refused")));
/// }
/// assert_eq!(breaker.state(), State::Open);
/// let error = breaker.call(async { Ok::<_, &str>("not polled") }).await.unwrap_err();
/// assert_eq!(error.to_string(), "`payments` was not called: its breaker is open; come back in 5s");
///
/// rt.sleep(Duration::from_secs(5)).await;
/// assert_eq!(breaker.call(async { Ok::<_, &str>("paid") }).await, Ok("paid"));
/// assert_eq!(breaker.state(), State::Closed);
/// # });
/// ```
#[derive(Clone)]
pub struct CircuitBreaker {
    shared: Arc<Shared>,
}

impl CircuitBreaker {
    /// A closed breaker. Its name is for errors and logs: what it stands in front of.
    ///
    /// # Errors
    ///
    /// If a field of `config` is out of range.
    pub fn new(rt: &Rt, name: impl Into<TaskName>, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { shared: Arc::new(Shared::new(rt, name.into(), config)) })
    }

    /// Awaits `future`, unless the breaker is open. An `Err` is a failure, and so is a panic, which goes on to the caller.
    ///
    /// Put the time limit inside, not around: a call that is dropped because its caller gave up says nothing of the callee,
    /// one that returns an error does. Or set [`slow_call_after`](Config::slow_call_after).
    ///
    /// # Errors
    ///
    /// [`CallError::Rejected`](super::CallError::Rejected) if it is open; `future` was not polled.
    /// [`CallError::Failed`](super::CallError::Failed) with what `future` returned.
    ///
    /// # Panics
    ///
    /// If `future` does, or if the returned future is polled after its end.
    ///
    /// # Cancel safety
    ///
    /// Dropped before its first poll, nothing has happened. Dropped later, `future` is dropped first, then the permit, as
    /// [ignored](Outcome::Ignored).
    pub fn call<F, T, E>(
        &self,
        future: F,
    ) -> Call<'_, F, impl Fn(&Result<T, E>) -> Outcome + Copy + use<F, T, E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let by_result = |result: &Result<T, E>| match result {
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Failure,
        };
        self.call_with(by_result, future)
    }

    /// As [`call`](Self::call); `classify` says what a result means: a "not found" is no failure of the callee, an answer of
    /// "overloaded" is one.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), whatever `classify` says.
    ///
    /// # Panics
    ///
    /// As [`call`](Self::call). A panic of `classify` is a failure, too.
    ///
    /// # Cancel safety
    ///
    /// As [`call`](Self::call).
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use seaworthy_core::resilience::breaker::{CircuitBreaker, Config, Outcome};
    ///
    /// let breaker = CircuitBreaker::new(&rt, "catalogue", Config::default()).unwrap();
    /// let classify = |result: &Result<u16, &str>| match result {
    ///     Ok(500..) => Outcome::Failure,
    ///     Ok(400..) => Outcome::Ignored,
    ///     Ok(_) => Outcome::Success,
    ///     Err(_) => Outcome::Failure,
    /// };
    /// assert_eq!(breaker.call_with(classify, async { Ok(503) }).await, Ok(503));
    /// assert_eq!(breaker.stats().failures, 1);
    /// # });
    /// ```
    pub fn call_with<F, C, T, E>(&self, classify: C, future: F) -> Call<'_, F, C>
    where
        F: Future<Output = Result<T, E>>,
        C: Fn(&Result<T, E>) -> Outcome,
    {
        Call::new(&self.shared, classify, future)
    }

    /// Asks to make a call whose outcome is told by hand.
    ///
    /// # Errors
    ///
    /// If it is open, with when to come back.
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use seaworthy_core::resilience::breaker::{CircuitBreaker, Config};
    ///
    /// let breaker = CircuitBreaker::new(&rt, "mail", Config::default()).unwrap();
    /// let permit = breaker.try_acquire().unwrap();
    /// // Here the call is made.
    /// permit.success();
    /// # });
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_>, Rejected> {
        Ok(Permit::new(&self.shared, self.shared.admit()?))
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that borrows nothing.
    ///
    /// # Errors
    ///
    /// If it is open, with when to come back.
    pub fn try_acquire_owned(&self) -> Result<OwnedPermit, Rejected> {
        let ticket = self.shared.admit()?;
        Ok(OwnedPermit::new(Arc::clone(&self.shared), ticket))
    }

    /// Whether a call would pass now. It takes no probe and counts nothing: for a look before the wait for something else.
    ///
    /// # Errors
    ///
    /// If it is open, with when to come back.
    pub fn check(&self) -> Result<(), Rejected> {
        self.shared.check()
    }

    /// Where it is.
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// Turns every call away until [`auto`](Self::auto) or [`reset`](Self::reset).
    pub fn force_open(&self) {
        self.shared.force(State::ForcedOpen);
    }

    /// Lets every call pass until [`auto`](Self::auto) or [`reset`](Self::reset); failures are counted in
    /// [`stats`](Self::stats).
    pub fn force_closed(&self) {
        self.shared.force(State::ForcedClosed);
    }

    /// Lets every call pass until [`auto`](Self::auto) or [`reset`](Self::reset), and counts nothing.
    pub fn disable(&self) {
        self.shared.force(State::Disabled);
    }

    /// Ends what [`force_open`](Self::force_open), [`force_closed`](Self::force_closed) and [`disable`](Self::disable) did:
    /// it is closed then, with an empty window. Otherwise nothing happens.
    pub fn auto(&self) {
        self.shared.auto();
    }

    /// Closes it, whatever it was, and forgets the calls and failures so far. The totals of [`stats`](Self::stats) go on.
    pub fn reset(&self) {
        self.shared.force(State::Closed);
    }

    /// What happens from now on, as a stream.
    pub fn events(&self) -> Events {
        Events::new(self.shared.feed())
    }

    /// What it has seen.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Its name.
    pub fn name(&self) -> &TaskName {
        self.shared.name()
    }

    /// Its config.
    pub fn config(&self) -> &Config {
        self.shared.config()
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("name", self.name())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
