#![expect(
    unsafe_code,
    reason = "a connection moves into its own pool, which the borrow checker cannot follow"
)]

use std::{process, sync::Arc, task::Waker};

use super::{
    Manager,
    driver::{Inner, Machine},
    state::Now,
};

/// An open connection and the pool it is of.
///
/// It keeps its pool for life, wherever it is, so that lending it counts no references: two atomic operations less for
/// each lease, on a counter that all threads share. What is idle and its pool keep each other alive, which ends when the
/// pool is closed, at the latest with its last handle: a closed machine keeps no connection.
pub(super) struct Held<M: Manager> {
    /// First, so that it is dropped before its manager may be.
    pub(super) connection: M::Connection,
    pub(super) inner: Arc<Inner<M>>,
    pub(super) index: usize,
}

/// A connection as the machine knows it.
pub(super) type Conn<M> = Box<Held<M>>;

impl<M: Manager> Held<M> {
    pub(super) fn new(inner: &Arc<Inner<M>>, index: usize, connection: M::Connection) -> Conn<M> {
        Box::new(Self { connection, inner: Arc::clone(inner), index })
    }

    /// Back to those that are idle, if nothing speaks against it.
    #[inline]
    pub(super) fn keep(self: Box<Self>) -> Result<(), Conn<M>> {
        let index = self.index;
        self.move_home(|machine, held| machine.keep(index, held))
    }

    /// To the first in line, if nothing speaks against it. Returns whom to wake. The pool may be gone by then.
    #[inline]
    pub(super) fn pass_on(self: Box<Self>, now: Now) -> Result<Option<Waker>, Conn<M>> {
        let index = self.index;
        self.move_home(|machine, held| machine.pass_on(now, index, held))
    }

    /// Lets `put` move it into the machine of its own pool, under the lock. `put` must leave it there or return it.
    #[inline]
    fn move_home<T>(self: Box<Self>, put: impl FnOnce(&mut Machine<M>, Conn<M>) -> T) -> T {
        let inner = Arc::as_ptr(&self.inner);
        // SAFETY: the pool lives as long as one of its `Arc`s, and `self` has one, which is neither dropped by `put`
        // nor, since unwinding aborts, by a panic in it. It is in the machine or in `value` when the lock is released.
        // In the machine nobody reaches it before that: it takes the lock to take it out. The release of a
        // `parking_lot::Mutex` touches the mutex for the last time with the atomic operation that lets others in.
        let state = unsafe { &(*inner).state };
        let mut locked = state.lock();
        // Behind the guard, so that a panic ends the process before the guard touches a pool that may be gone.
        let mut abort = Abort { is_armed: true };
        let value = put(&mut locked.machine, self);
        abort.is_armed = false;
        drop(abort);
        drop(locked);
        value
    }
}

/// Ends the process if it is dropped armed: by a panic, and not because the thread unwinds from one already.
struct Abort {
    is_armed: bool,
}

impl Drop for Abort {
    #[inline]
    fn drop(&mut self) {
        if self.is_armed {
            process::abort();
        }
    }
}
