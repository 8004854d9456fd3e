//! Connections that the manager or a closure of the user is at work on, while nobody holds them.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;

use super::{Info, Manager, connect::DROP_OF_ERROR, driver::Inner, held::Conn, stats::Reason};

/// A connection that is neither lent nor idle for a while, and counts as `checking`. If it is not put back it is dropped,
/// and its place is free.
pub(super) struct Aside<M: Manager> {
    inner: Arc<Inner<M>>,
    index: usize,
    /// There until it is put back.
    connection: Option<Conn<M>>,
    /// Why it goes if it is not put back.
    reason: Reason,
    /// Whether its drop means that the runtime has ended.
    in_task: bool,
}

impl<M: Manager> Aside<M> {
    /// For a task of its own.
    pub(super) fn new(inner: &Arc<Inner<M>>, index: usize, connection: Conn<M>, reason: Reason) -> Self {
        Self { inner: Arc::clone(inner), index, connection: Some(connection), reason, in_task: true }
    }

    /// Resets it after a lease.
    pub(super) async fn reset(mut self) {
        let inner = Arc::clone(&self.inner);
        let Some(connection) = self.connection.as_deref_mut() else { return };
        let reset = async { inner.manager.reset(&mut connection.connection).await };
        let has_passed = passes(&inner, "Manager::reset", inner.limits.check, reset).await;
        self.end(has_passed, Reason::ResetFailed);
    }

    /// Checks it although nobody asks for it.
    pub(super) async fn check(mut self) {
        let inner = Arc::clone(&self.inner);
        let Some(connection) = self.connection.as_deref_mut() else { return };
        let check = async { inner.manager.check(&mut connection.connection).await };
        let has_passed = passes(&inner, "Manager::check", inner.limits.check, check).await;
        self.end(has_passed, Reason::CheckFailed);
    }

    fn end(mut self, has_passed: bool, reason: Reason) {
        (self.in_task, self.reason) = (false, reason);
        if has_passed && let Some(connection) = self.connection.take() {
            let now = self.inner.now();
            self.inner.change(|state, effects| state.machine.proved(now, self.index, connection, effects));
        }
    }

    /// Lets the user look at it, who says whether it stays. If that panics it goes.
    pub(super) fn show(
        inner: &Arc<Inner<M>>,
        (index, connection): (usize, Conn<M>),
        info: Info,
        stays: impl FnOnce(&mut M::Connection, Info) -> bool,
    ) {
        let mut aside = Self::new(inner, index, connection, Reason::Panicked);
        aside.in_task = false;
        let Some(connection) = aside.connection.as_deref_mut() else { return };
        let reason = (!stays(&mut connection.connection, info)).then_some(Reason::Discarded);
        if let Some(connection) = aside.connection.take() {
            let now = inner.now();
            inner.change(|state, effects| state.machine.put_back(now, index, connection, reason, effects));
        }
    }
}

impl<M: Manager> Drop for Aside<M> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.in_task {
            self.inner.runtime_has_ended();
        }
        self.inner.give_up_check(self.index, self.reason, "the destructor of a connection", connection);
    }
}

/// Whether the manager finds a connection good, in time and without a panic.
pub(super) async fn passes<M: Manager>(
    inner: &Inner<M>,
    what: &'static str,
    limit: Option<Duration>,
    work: impl Future<Output = Result<(), M::Error>> + Send,
) -> bool {
    let mut work = Box::pin(AssertUnwindSafe(work).catch_unwind());
    let ended = match limit {
        None => Ok(work.as_mut().await),
        Some(limit) => inner.rt.timeout(limit, work.as_mut()).await,
    };
    inner.quietly("the drop of a check or a reset", || drop(work));
    match ended {
        Ok(Ok(Ok(()))) => return true,
        Ok(Ok(Err(error))) => {
            inner.quietly("the text of a Manager::Error", || {
                tracing::debug!(name: "seaworthy.pool.check_failed", what, %error, "a connection is no good any more");
            });
            inner.quietly(DROP_OF_ERROR, || drop(error));
        }
        Ok(Err(payload)) => drop(inner.report_panic(what, payload)),
        Err(elapsed) => {
            let limit = elapsed.limit;
            tracing::debug!(name: "seaworthy.pool.check_failed", what, ?limit, "it was not done in time");
        }
    }
    false
}

impl<M: Manager> Inner<M> {
    /// A connection that is neither lent nor idle is of no use any more. What there is of it goes first, then its place is
    /// free.
    pub(super) fn give_up_check(
        self: &Arc<Self>,
        index: usize,
        reason: Reason,
        what: &'static str,
        remains: impl Sized,
    ) {
        self.state.lock().machine.check_failed(index, reason);
        self.quietly(what, || drop(remains));
        let now = self.now();
        self.change(|state, effects| state.machine.gone(now, index, effects));
    }
}
