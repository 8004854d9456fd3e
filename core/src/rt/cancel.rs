use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;
use slab::Slab;

use super::wake_unreported;

/// One signal for many: a tree of switches, each of which turns off all below it.
///
/// A service holds the root, hands [`child`](Self::child)ren to its parts, and calls [`cancel`](Self::cancel) once to
/// end them all. A child can be cancelled alone; that reaches neither its parent nor its siblings. Cancelling is for
/// good. Clones are the same switch.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::rt::CancelToken;
///
/// let service = CancelToken::new();
/// let part = service.child();
/// let worker = rt.spawn("worker", async move {
///     part.run_until_cancelled(std::future::pending::<()>()).await
/// });
/// service.cancel();
/// assert_eq!(worker.await.unwrap(), None);
/// # });
/// ```
#[derive(Clone)]
pub struct CancelToken(Arc<Node>);

struct Node {
    cancelled: AtomicBool,
    /// Empty for good once it is cancelled.
    waiting: Mutex<Slab<Waker>>,
    children: Mutex<Slab<Weak<Node>>>,
    parent: Option<(Arc<Node>, usize)>,
}

impl CancelToken {
    /// A root.
    pub fn new() -> Self {
        Self(Arc::new(Node {
            cancelled: AtomicBool::new(false),
            waiting: Mutex::default(),
            children: Mutex::default(),
            parent: None,
        }))
    }

    /// A token below this one; cancelled at once if this one is.
    #[must_use]
    pub fn child(&self) -> Self {
        let mut children = self.0.children.lock();
        let place = children.vacant_entry();
        let child = Arc::new(Node {
            // Under the lock: a cancel that comes later finds the child in the list.
            cancelled: AtomicBool::new(self.is_cancelled()),
            waiting: Mutex::default(),
            children: Mutex::default(),
            parent: Some((Arc::clone(&self.0), place.key())),
        });
        place.insert(Arc::downgrade(&child));
        Self(child)
    }

    /// Cancels this token and all below it, and wakes everyone who waits for them.
    ///
    /// A waker that panics is logged; all others are woken.
    pub fn cancel(&self) {
        // A list and not a recursion: a tree may be deeper than the stack.
        let mut nodes = vec![Arc::clone(&self.0)];
        while let Some(node) = nodes.pop() {
            let children = node.children.lock();
            if node.cancelled.swap(true, Ordering::AcqRel) {
                continue;
            }
            nodes.extend(children.iter().filter_map(|(_, child)| child.upgrade()));
            drop(children);
            let waiting = std::mem::take(&mut *node.waiting.lock());
            wake_unreported(waiting.into_iter().map(|(_, waker)| waker));
        }
    }

    /// Whether it has been cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// Waits until it is cancelled; at once if it is already.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub fn cancelled(&self) -> Cancelled {
        Cancelled { token: self.clone(), place: None, waker: None }
    }

    /// Runs `future` until it ends, or drops it when the token is cancelled and returns `None`.
    ///
    /// If both come at once, the result wins.
    ///
    /// # Cancel safety
    ///
    /// That of `future`.
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut cancelled = self.cancelled();
        poll_fn(|cx| {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(value));
            }
            Pin::new(&mut cancelled).poll(cx).map(|()| None)
        })
        .await
    }

    #[cfg(test)]
    pub(super) fn children(&self) -> usize {
        self.0.children.lock().len()
    }

    /// A guard that cancels this token when it is dropped: the end of a function is the end of what it started.
    pub fn drop_guard(self) -> CancelOnDrop {
        CancelOnDrop(self)
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken").field("cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Ancestors held by this node alone end here too, one after the other: a chain may be longer than the stack.
        let mut parent = self.parent.take();
        while let Some((node, place)) = parent {
            node.children.lock().try_remove(place);
            parent = Arc::into_inner(node).and_then(|mut node| node.parent.take());
        }
    }
}

/// The future of [`CancelToken::cancelled`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Cancelled {
    token: CancelToken,
    place: Option<usize>,
    /// The one that is kept there. A poll that brings it again need not take the lock that all who wait share.
    waker: Option<Waker>,
}

impl Future for Cancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.token.is_cancelled() {
            return Poll::Ready(());
        }
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        let this = &mut *self;
        // Before the guard, so that they are dropped after it.
        let (known, mut waker) = (cx.waker().clone(), cx.waker().clone());
        let mut waiting = this.token.0.waiting.lock();
        // Looked again, under the lock: whoever cancels from now on takes the waker from here.
        if this.token.is_cancelled() {
            return Poll::Ready(());
        }
        match this.place.and_then(|place| waiting.get_mut(place)) {
            Some(kept) => std::mem::swap(kept, &mut waker),
            None => this.place = Some(waiting.insert(waker)),
        }
        drop(waiting);
        this.waker = Some(known);
        Poll::Pending
    }
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        // Its waker is dropped when the lock is released.
        let _waker = self.token.0.waiting.lock().try_remove(place);
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancelled").field(&self.token).finish()
    }
}

/// Cancels its token when dropped, by [`CancelToken::drop_guard`].
#[derive(Debug)]
#[must_use = "dropping the guard cancels the token"]
pub struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
