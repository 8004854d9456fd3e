use std::{
    borrow::Cow,
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::rt::Rt;

/// One time limit for a whole operation, passed on explicitly to whatever it calls.
///
/// A [`child`](Self::child) never outlives its parent. When time is up, the error names the scope that expired, its
/// limit, and the innermost [`phase`](Self::phase) that was under way. Clones are the same deadline.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use seaworthy_core::time::Deadline;
/// # seaworthy_core::testing::run(1, |rt| async move {
/// let checkout = Deadline::after(&rt, "checkout", Duration::from_secs(2));
/// let payment = checkout.child("payment", Duration::from_millis(500));
/// let paid = payment.run(async {
///     let _phase = payment.phase("connect");
///     std::future::pending::<()>().await
/// });
/// let error = paid.await.unwrap_err();
/// assert_eq!(error.to_string(), "`payment` was not finished within 500ms, in phase `connect`");
/// assert_eq!(checkout.remaining(), Duration::from_millis(1500));
/// # });
/// ```
#[derive(Clone)]
pub struct Deadline {
    rt: Rt,
    scope: Arc<Scope>,
    /// Shared by a whole tree of deadlines: who is doing what right now, the latest last.
    phases: Arc<Mutex<Vec<(u64, &'static str)>>>,
}

struct Scope {
    name: Cow<'static, str>,
    limit: Duration,
    at: Instant,
}

/// A [`Deadline`] is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadlineExceeded {
    /// The scope that expired.
    pub scope: Cow<'static, str>,
    /// Its limit.
    pub limit: Duration,
    /// What was under way, innermost, if anyone said.
    pub phase: Option<&'static str>,
}

impl Deadline {
    /// A deadline `limit` from now.
    pub fn after(rt: &Rt, name: impl Into<Cow<'static, str>>, limit: Duration) -> Self {
        let scope = Scope { name: name.into(), limit, at: rt.instant_after(limit) };
        Self { rt: rt.clone(), scope: Arc::new(scope), phases: Arc::default() }
    }

    /// A deadline `limit` from now or when this one ends, whichever is earlier.
    #[must_use]
    pub fn child(&self, name: impl Into<Cow<'static, str>>, limit: Duration) -> Self {
        let at = self.rt.instant_after(limit);
        // If the parent ends first, the parent is what expires.
        let scope = if at < self.scope.at {
            Arc::new(Scope { name: name.into(), limit, at })
        } else {
            Arc::clone(&self.scope)
        };
        Self { rt: self.rt.clone(), scope, phases: Arc::clone(&self.phases) }
    }

    /// When it is over.
    pub fn at(&self) -> Instant {
        self.scope.at
    }

    /// How much time is left.
    pub fn remaining(&self) -> Duration {
        self.scope.at.saturating_duration_since(self.rt.now())
    }

    /// Whether time is left: for the start of work that is not worth beginning late.
    ///
    /// # Errors
    ///
    /// If none is.
    pub fn check(&self) -> Result<(), DeadlineExceeded> {
        if self.rt.now() < self.scope.at { Ok(()) } else { Err(self.exceeded()) }
    }

    /// Notes that `name` is under way until the returned guard is dropped, for the error to name.
    #[must_use = "the phase ends when the guard is dropped"]
    pub fn phase(&self, name: &'static str) -> Phase {
        let mut phases = self.phases.lock();
        let number = phases.last().map_or(0, |(number, _)| number + 1);
        phases.push((number, name));
        Phase { phases: Arc::clone(&self.phases), number }
    }

    /// Runs `future` until it ends or the time is over; then it is dropped.
    ///
    /// It is polled once even when the time is over already, and when both come at once the result wins.
    ///
    /// # Errors
    ///
    /// When the time is over.
    ///
    /// # Cancel safety
    ///
    /// That of `future`.
    pub async fn run<F: Future>(&self, future: F) -> Result<F::Output, DeadlineExceeded> {
        let mut future = pin!(future);
        let mut sleep = None;
        poll_fn(|cx| {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(value));
            }
            let sleep = sleep.get_or_insert_with(|| self.rt.sleep_until(self.scope.at));
            Pin::new(sleep).poll(cx).map(|()| Err(self.exceeded()))
        })
        .await
    }

    fn exceeded(&self) -> DeadlineExceeded {
        let Scope { name, limit, .. } = &*self.scope;
        let phase = self.phases.lock().last().map(|(_, phase)| *phase);
        DeadlineExceeded { scope: name.clone(), limit: *limit, phase }
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scope { name, limit, .. } = &*self.scope;
        f.debug_struct("Deadline")
            .field("scope", name)
            .field("limit", limit)
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}

/// A phase under way, by [`Deadline::phase`]. It ends when this is dropped.
#[derive(Debug)]
pub struct Phase {
    phases: Arc<Mutex<Vec<(u64, &'static str)>>>,
    number: u64,
}

impl Drop for Phase {
    fn drop(&mut self) {
        self.phases.lock().retain(|(number, _)| *number != self.number);
    }
}

impl std::error::Error for DeadlineExceeded {}

impl fmt::Display for DeadlineExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` was not finished within {:?}", self.scope, self.limit)?;
        self.phase.map_or(Ok(()), |phase| write!(f, ", in phase `{phase}`"))
    }
}
