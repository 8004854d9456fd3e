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

use super::Shown;
use crate::rt::{Rt, Sleep};

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
    branch: Branch,
    /// Shared by a whole tree of deadlines.
    activity: Arc<Mutex<Activity>>,
}

/// Where in its tree a deadline stands: the numbers of the children on the way from the root.
type Branch = Arc<[u64]>;

/// Who is doing what right now, the latest last.
#[derive(Debug, Default)]
struct Activity {
    phases: Vec<(u64, Branch, &'static str)>,
    children: u64,
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
        Self { rt: rt.clone(), scope: Arc::new(scope), branch: Arc::new([]), activity: Arc::default() }
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
        let mut activity = self.activity.lock();
        activity.children += 1;
        let branch = self.branch.iter().copied().chain([activity.children]).collect();
        Self { rt: self.rt.clone(), scope, branch, activity: Arc::clone(&self.activity) }
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

    /// Notes that `name` is under way until the returned guard is dropped, for the error to name: that of this deadline,
    /// of those above it and of those below it, but not of what runs beside it.
    #[must_use = "the phase ends when the guard is dropped"]
    pub fn phase(&self, name: &'static str) -> Phase {
        let mut activity = self.activity.lock();
        let number = activity.phases.last().map_or(0, |(number, ..)| number + 1);
        activity.phases.push((number, Arc::clone(&self.branch), name));
        Phase { activity: Arc::clone(&self.activity), number }
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
            let sleep = sleep.get_or_insert_with(|| self.over());
            Pin::new(sleep).poll(cx).map(|()| Err(self.exceeded()))
        })
        .await
    }

    /// Waits until it is over.
    pub(crate) fn over(&self) -> Sleep {
        self.rt.sleep_until(self.scope.at)
    }

    pub(crate) fn exceeded(&self) -> DeadlineExceeded {
        let Scope { name, limit, .. } = &*self.scope;
        // One of two branches is a part of the other if they agree as far as both go.
        let is_related =
            |branch: &Branch| branch.iter().zip(&*self.branch).all(|(theirs, ours)| theirs == ours);
        let activity = self.activity.lock();
        let phase = activity.phases.iter().rev().find(|(_, branch, _)| is_related(branch));
        DeadlineExceeded { scope: name.clone(), limit: *limit, phase: phase.map(|(.., phase)| *phase) }
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
    activity: Arc<Mutex<Activity>>,
    number: u64,
}

impl Drop for Phase {
    fn drop(&mut self) {
        self.activity.lock().phases.retain(|(number, ..)| *number != self.number);
    }
}

impl std::error::Error for DeadlineExceeded {}

impl fmt::Display for DeadlineExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` was not finished within {}", self.scope, Shown(self.limit))?;
        self.phase.map_or(Ok(()), |phase| write!(f, ", in phase `{phase}`"))
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures::future::join;

    use super::*;
    use crate::testing::run;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_child_never_outlives_its_parent() {
        run(1, |rt| async move {
            let parent = Deadline::after(&rt, "parent", 2 * SECOND);
            let error = parent.child("long", 9 * SECOND).run(pending::<()>()).await.unwrap_err();
            assert_eq!((error.scope.as_ref(), error.limit), ("parent", 2 * SECOND));
            assert_eq!(rt.now(), parent.at());
            assert_eq!(parent.child("late", SECOND).remaining(), Duration::ZERO);
        });
    }

    #[test]
    fn a_deadline_without_bound_does_not_overflow() {
        run(1, |rt| async move {
            let endless = Deadline::after(&rt, "endless", Duration::MAX);
            assert!(endless.child("child", Duration::MAX).check().is_ok());
        });
    }

    #[test]
    fn the_result_wins_and_even_an_expired_deadline_polls_once() {
        run(1, |rt| async move {
            let deadline = Deadline::after(&rt, "work", SECOND);
            assert_eq!(deadline.run(rt.sleep(SECOND)).await, Ok(()), "both in one instant");
            assert!(deadline.check().is_err(), "it is over");
            assert_eq!(deadline.run(ready(7)).await, Ok(7));
            assert!(deadline.run(pending::<()>()).await.is_err());
        });
    }

    #[test]
    fn the_error_names_the_innermost_phase_of_its_own_branch() {
        run(1, |rt| async move {
            let checkout = Deadline::after(&rt, "checkout", 3 * SECOND);
            let (payment, stock) = (checkout.child("payment", SECOND), checkout.child("stock", 2 * SECOND));
            let _order = checkout.phase("order");
            let pay = payment.run(async {
                let _connect = payment.phase("connect");
                drop(payment.phase("resolve"));
                pending::<()>().await;
            });
            let look = stock.run(async {
                let _look = stock.phase("look up");
                pending::<()>().await;
            });
            let (paid, looked) = join(pay, look).await;
            assert_eq!(paid.unwrap_err().phase, Some("connect"), "what the other does is not its business");
            assert_eq!(looked.unwrap_err().phase, Some("look up"));
            let error = payment.check().unwrap_err();
            assert_eq!(error.phase, Some("order"), "its own are over, that of its parent is not");
            let inner = payment.child("retry", SECOND);
            let _retry = inner.phase("retry");
            assert_eq!(payment.check().unwrap_err().phase, Some("retry"));
        });
    }
}
