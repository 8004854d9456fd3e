use std::{
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use parking_lot::Mutex;
use pin_project_lite::pin_project;

use super::{CancelToken, Cancelled, JoinError, Panic, Place, Rt, Wakers, poll_locked, wake_each};

/// Child tasks that end with their scope: none is forgotten, none outlives it.
///
/// Dropping the scope cancels the children; [`join`](Self::join) waits for them; [`cancel`](Self::cancel) cancels them
/// and waits until their destructors have run. A child that panics cancels its siblings, and `join` says which it was.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use std::time::Duration;
///
/// use seaworthy_core::rt::Scope;
///
/// let scope = Scope::new(&rt);
/// for _ in 0..3 {
///     let rt = rt.clone();
///     scope.spawn("child", async move { rt.sleep(Duration::from_secs(1)).await });
/// }
/// assert_eq!(scope.len(), 3);
/// scope.join().await.unwrap();
/// assert!(scope.is_empty());
/// # });
/// ```
#[derive(Debug)]
pub struct Scope {
    family: Arc<Family>,
}

struct Family {
    rt: Rt,
    token: CancelToken,
    children: Mutex<Children>,
}

#[derive(Default)]
struct Children {
    living: usize,
    panic: Option<Panic>,
    /// Those who join.
    joining: Wakers,
}

impl Scope {
    /// A scope without children.
    pub fn new(rt: &Rt) -> Self {
        Self::below(rt, &CancelToken::new())
    }

    /// A scope that is cancelled also when `token` is.
    pub fn below(rt: &Rt, token: &CancelToken) -> Self {
        let family = Family { rt: rt.clone(), token: token.child(), children: Mutex::default() };
        Self { family: Arc::new(family) }
    }

    /// Starts a child. Once the scope is cancelled, the future is dropped unpolled.
    pub fn spawn<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.family.children.lock().living += 1;
        let child = Child {
            future: Some(future),
            name,
            cancelled: self.family.token.cancelled(),
            membership: Membership(Arc::clone(&self.family)),
        };
        self.family.rt.spawn(name, child).detach();
    }

    /// How many children have not ended.
    pub fn len(&self) -> usize {
        self.family.children.lock().living
    }

    /// Whether all children have ended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until no child is left.
    ///
    /// # Errors
    ///
    /// The first panic of a child. It is returned once.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing; the children run on.
    pub async fn join(&self) -> Result<(), JoinError> {
        let mut joining = Joining { family: &self.family, place: None };
        poll_fn(move |cx| joining.poll(cx)).await
    }

    /// Cancels all children, at once, and waits until their destructors have run.
    ///
    /// # Errors
    ///
    /// The first panic of a child.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future does not revoke the cancellation.
    pub fn cancel(&self) -> impl Future<Output = Result<(), JoinError>> + Send + '_ {
        self.family.token.cancel();
        self.join()
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        self.family.token.cancel();
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        // Here and not with the scope: a child may panic after that, before it sees that it was cancelled.
        if let Some(panic) = self.children.get_mut().panic.take() {
            self.rt.report_panic(&panic);
        }
    }
}

impl Family {
    fn panicked(&self, panic: Panic) {
        let mut children = self.children.lock();
        let second = if children.panic.is_some() { Some(panic) } else { children.panic.replace(panic) };
        drop(children);
        // `join` returns the first; the others are not lost either.
        if let Some(panic) = second {
            self.rt.report_panic(&panic);
        }
        self.token.cancel();
    }
}

impl Children {
    fn end(&mut self) -> Poll<Result<(), JoinError>> {
        if self.living > 0 {
            return Poll::Pending;
        }
        Poll::Ready(self.panic.take().map_or(Ok(()), |panic| Err(JoinError::Panicked(panic))))
    }
}

/// Someone who waits for the children.
struct Joining<'a> {
    family: &'a Family,
    place: Place,
}

impl Joining<'_> {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<(), JoinError>> {
        let Self { family, place } = self;
        poll_locked(cx, &family.children, place, Children::end, |children| &mut children.joining)
    }
}

impl Drop for Joining<'_> {
    fn drop(&mut self) {
        let _waker = self.family.children.lock().joining.leave(&mut self.place);
    }
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let living = self.children.lock().living;
        f.debug_struct("Family").field("living", &living).field("token", &self.token).finish_non_exhaustive()
    }
}

pin_project! {
    struct Child<F> {
        #[pin]
        future: Option<F>,
        name: &'static str,
        cancelled: Cancelled,
        // Last: the child counts as ended when its future is gone.
        membership: Membership,
    }
}

impl<F: Future<Output = ()>> Future for Child<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        // Cancelled first: a child that has not begun is never polled.
        if Pin::new(this.cancelled).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Ready(()) };
        match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(polled) => polled,
            Err(payload) => {
                this.membership.0.panicked(Panic::new(*this.name, payload));
                Poll::Ready(())
            }
        }
    }
}

struct Membership(Arc<Family>);

impl Drop for Membership {
    fn drop(&mut self) {
        let mut children = self.0.children.lock();
        children.living -= 1;
        let joining = if children.living == 0 { children.joining.take() } else { Vec::new() };
        drop(children);
        wake_each(joining, |panic| self.0.rt.report_panic(&panic));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{StopReason, try_run};

    #[test]
    fn of_two_panics_the_second_is_reported() {
        let ended = try_run(1, |rt| async move {
            let scope = Scope::new(&rt);
            // As two children do that panic at the same time on two threads: neither sees the cancellation before.
            for message in ["the first", "the second"] {
                scope.family.panicked(Panic::new("child", Box::new(message)));
            }
            let error = scope.join().await.expect_err("a child panicked");
            assert_eq!(error.to_string(), "task `child` panicked: the first");
        });
        let reason = ended.expect_err("a panic nobody saw").reason;
        let message = "the second".to_owned();
        assert_eq!(reason, StopReason::Panicked { task: "child".to_owned(), message });
    }
}
