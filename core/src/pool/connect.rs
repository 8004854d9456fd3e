use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use futures::FutureExt;

use super::{ConnectError, Manager, driver::Inner, held::Held};

/// Whose panic it is said to be.
pub(super) const DROP_OF_ERROR: &str = "the drop of a Manager::Error";

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
                let connection = Held::new(inner, index, connection);
                let solved = inner.change(|state, effects| {
                    state.machine.connected(now, index, connection, effects);
                    state.last_error.take()
                });
                inner.quietly(DROP_OF_ERROR, || drop(solved));
            }
            Err(error) => {
                let is_fatal = is_fatal(inner, &error);
                let error = Arc::new(error);
                let last_error = Some(Arc::clone(&error));
                let fatal_error = is_fatal.then(|| Arc::clone(&error));
                let (fatal, before) = inner.change(|state, effects| {
                    state.machine.connect_failed(now, index, is_fatal, effects);
                    let fatal = fatal_error.and_then(|error| state.fatal_error.replace(error));
                    (fatal, std::mem::replace(&mut state.last_error, last_error))
                });
                // Whoever waits is told: that is where the trouble is seen, if there is any.
                inner.quietly("the text of a Manager::Error", || {
                    tracing::info!(name: "seaworthy.pool.connect_failed", %error, is_fatal, "a connect failed");
                });
                for error in [fatal, before, Some(error)] {
                    inner.quietly(DROP_OF_ERROR, || drop(error));
                }
            }
        }
    }
}

fn is_fatal<M: Manager>(inner: &Inner<M>, error: &ConnectError<M::Error>) -> bool {
    let ConnectError::Failed(error) = error else { return false };
    match catch_unwind(AssertUnwindSafe(|| inner.manager.is_fatal(error))) {
        Ok(is_fatal) => is_fatal,
        Err(payload) => {
            inner.report_panic("Manager::is_fatal", payload);
            false
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
