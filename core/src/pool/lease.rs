use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use super::{
    Info, Manager,
    driver::{Conn, Inner},
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
    inner: Arc<Inner<M>>,
    index: usize,
    /// There until the lease ends.
    connection: Option<Conn<M>>,
}

impl<M: Manager> Lease<M> {
    #[inline]
    pub(super) fn new(inner: &Arc<Inner<M>>, index: usize, connection: Conn<M>) -> Self {
        Self { inner: Arc::clone(inner), index, connection: Some(connection) }
    }

    /// Gives the connection up: it is [closed](Manager::close) and not lent again.
    pub fn discard(mut self) {
        if let Some(connection) = self.connection.take() {
            self.inner.give_up(self.index, connection, Some(Reason::Discarded));
        }
    }

    /// How old the connection is and how often it was lent: to prepare one that is new, or to discard one that is worn.
    /// Takes the lock of the pool.
    pub fn info(&self) -> Info {
        let now = self.inner.now();
        self.inner.state.lock().machine.info(now, self.index)
    }

    /// Takes the connection out of the pool for good. Its place is free for another.
    pub fn detach(mut self) -> M::Connection {
        let connection = self.connection.take();
        let now = self.inner.now();
        self.inner.change(|state, effects| state.machine.detach(now, self.index, effects));
        *connection.expect(LEASED)
    }
}

const LEASED: &str = "a lease has its connection until it ends";

impl<M: Manager> Deref for Lease<M> {
    type Target = M::Connection;

    #[inline]
    fn deref(&self) -> &M::Connection {
        self.connection.as_ref().expect(LEASED)
    }
}

impl<M: Manager> DerefMut for Lease<M> {
    #[inline]
    fn deref_mut(&mut self) -> &mut M::Connection {
        self.connection.as_mut().expect(LEASED)
    }
}

impl<M: Manager> Drop for Lease<M> {
    #[inline]
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.inner.take_back(self.index, connection);
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
