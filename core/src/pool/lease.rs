use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use super::{
    Info, Manager,
    driver::Inner,
    held::{Conn, Held},
    stats::Reason,
};

/// A connection on loan from a [`Pool`](super::Pool). Dropping it gives it back.
///
/// It comes back at once, in the destructor, wherever that runs: on another thread, outside of the runtime, after the pool
/// was closed or dropped. Whoever waits for it first gets it.
///
/// The pool does not know what its holder was doing. A holder that may have been cancelled in the middle of something
/// should [`discard`](Self::discard) it, unless the manager's [`is_broken`](Manager::is_broken) or
/// [`needs_reset`](Manager::needs_reset) notices. A lease that is dropped while its thread panics is not lent on: half an
/// exchange may be in it. The connection is dropped, and its place serves the next.
#[must_use = "dropping a lease gives the connection back"]
pub struct Lease<M: Manager> {
    /// There until the lease ends.
    held: Option<Conn<M>>,
}

impl<M: Manager> Lease<M> {
    #[inline]
    pub(super) fn new(held: Conn<M>) -> Self {
        Self { held: Some(held) }
    }

    /// Gives the connection up: it is [closed](Manager::close) and not lent again.
    pub fn discard(mut self) {
        if let Some(held) = self.held.take() {
            Inner::give_up(held, Some(Reason::Discarded));
        }
    }

    /// How old the connection is and how often it was lent: to prepare one that is new, or to discard one that is worn.
    /// Takes the lock of the pool.
    pub fn info(&self) -> Info {
        let Held { inner, index, .. } = &**self.held.as_ref().expect(LEASED);
        let now = inner.now();
        inner.state.lock().machine.info(now, *index)
    }

    /// Takes the connection out of the pool for good. Its place is free for another.
    pub fn detach(mut self) -> M::Connection {
        let Held { connection, inner, index } = *self.held.take().expect(LEASED);
        let now = inner.now();
        inner.change(|state, effects| state.machine.detach(now, index, effects));
        connection
    }
}

const LEASED: &str = "a lease has its connection until it ends";

impl<M: Manager> Deref for Lease<M> {
    type Target = M::Connection;

    #[inline]
    fn deref(&self) -> &M::Connection {
        &self.held.as_ref().expect(LEASED).connection
    }
}

impl<M: Manager> DerefMut for Lease<M> {
    #[inline]
    fn deref_mut(&mut self) -> &mut M::Connection {
        &mut self.held.as_mut().expect(LEASED).connection
    }
}

impl<M: Manager> Drop for Lease<M> {
    #[inline]
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            Inner::take_back(held);
        }
    }
}

impl<M: Manager> fmt::Debug for Lease<M>
where
    M::Connection: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&**self).finish()
    }
}
