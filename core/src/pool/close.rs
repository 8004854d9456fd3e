use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;

use super::{Manager, driver::Inner, held::Conn};

/// A connection on its way out. Its place in the pool is free when it is gone, however it goes.
pub(super) struct Leaving<M: Manager> {
    inner: Arc<Inner<M>>,
    index: usize,
    connection: Option<Conn<M>>,
    has_ended: bool,
}

impl<M: Manager> Leaving<M> {
    pub(super) fn new(inner: &Arc<Inner<M>>, index: usize, connection: Conn<M>) -> Self {
        Self { inner: Arc::clone(inner), index, connection: Some(connection), has_ended: false }
    }

    /// Closes it, in a task of its own.
    pub(super) async fn say_goodbye(mut self) {
        if let Some(connection) = self.connection.take() {
            goodbye(&self.inner, connection).await;
        }
        self.has_ended = true;
    }

    /// Drops it: there is nobody to say goodbye to.
    pub(super) fn drop_now(mut self) {
        self.has_ended = true;
    }
}

async fn goodbye<M: Manager>(inner: &Inner<M>, connection: Conn<M>) {
    let goodbye =
        AssertUnwindSafe(async move { inner.manager.close(connection.connection).await }).catch_unwind();
    let mut goodbye = Box::pin(goodbye);
    let ended = match inner.limits.close {
        None => Ok(goodbye.as_mut().await),
        Some(limit) => inner.rt.timeout(limit, goodbye.as_mut()).await,
    };
    inner.quietly("the drop of Manager::close", || drop(goodbye));
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(payload)) => drop(inner.report_panic("Manager::close", payload)),
        Err(elapsed) => {
            let limit = elapsed.limit;
            tracing::debug!(name: "seaworthy.pool.close_timed_out", ?limit, "a connection was not closed in time");
        }
    }
}

impl<M: Manager> Drop for Leaving<M> {
    fn drop(&mut self) {
        let inner = &self.inner;
        if !self.has_ended {
            // The runtime has dropped the task.
            inner.runtime_has_ended();
        }
        let connection = self.connection.take();
        inner.quietly("the destructor of a connection", || drop(connection));
        let now = inner.now();
        inner.change(|state, effects| state.machine.gone(now, self.index, effects));
    }
}
