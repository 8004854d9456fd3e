use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;

use super::{ConnectError, Manager, driver::Inner};

/// The making of a connection, in a task of its own. However it ends, its place in the pool is accounted for.
pub(super) struct Connecting<M: Manager> {
    inner: Arc<Inner<M>>,
    index: usize,
    has_ended: bool,
}

impl<M: Manager> Connecting<M> {
    pub(super) fn new(inner: &Arc<Inner<M>>, index: usize) -> Self {
        Self { inner: Arc::clone(inner), index, has_ended: false }
    }

    pub(super) async fn run(self) {
        let connected = attempt(&self.inner).await;
        self.end(connected);
    }

    fn end(mut self, connected: Result<M::Connection, ConnectError<M::Error>>) {
        self.has_ended = true;
        let (inner, index, now) = (&self.inner, self.index, self.inner.now());
        match connected {
            Ok(connection) => {
                let connection = Box::new(connection);
                // An error is dropped when the lock is released.
                let _solved = inner.change(|state, effects| {
                    state.machine.connected(now, index, connection, effects);
                    state.last_error.take()
                });
            }
            Err(error) => {
                let error = Arc::new(error);
                let last_error = Some(Arc::clone(&error));
                let _before = inner.change(|state, effects| {
                    state.machine.connect_failed(now, index, effects);
                    std::mem::replace(&mut state.last_error, last_error)
                });
                tracing::warn!(name: "seaworthy.pool.connect_failed", %error, "a connect failed");
            }
        }
    }
}

async fn attempt<M: Manager>(inner: &Inner<M>) -> Result<M::Connection, ConnectError<M::Error>> {
    let attempt = AssertUnwindSafe(async { inner.manager.connect().await }).catch_unwind();
    let mut attempt = Box::pin(attempt);
    let ended = match inner.limits.connect {
        None => Ok(attempt.as_mut().await),
        Some(limit) => inner.rt.timeout(limit, attempt.as_mut()).await,
    };
    inner.quietly("the drop of Manager::connect", || drop(attempt));
    match ended {
        Ok(Ok(connected)) => connected.map_err(ConnectError::Failed),
        Ok(Err(payload)) => {
            Err(ConnectError::Panicked { message: inner.report_panic("Manager::connect", payload) })
        }
        Err(elapsed) => Err(ConnectError::TimedOut { limit: elapsed.limit }),
    }
}

impl<M: Manager> Drop for Connecting<M> {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        // Either the pool was closed, or its runtime has ended.
        self.inner.runtime_has_ended();
        let now = self.inner.now();
        self.inner.change(|state, effects| state.machine.connect_dropped(now, self.index, effects));
    }
}
