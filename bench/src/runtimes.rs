//! The runtimes that the benches run on.

use std::{future::Future, sync::Arc};

use async_executor::Executor;
use seaworthy_core::rt::Rt;
use seaworthy_smol::Smol;
use seaworthy_tokio::Tokio;
use tokio::runtime::{Builder, EnterGuard, Runtime};

/// A tokio runtime and the seam in front of it.
pub(crate) struct OnTokio {
    runtime: Runtime,
    pub(crate) rt: Rt,
}

impl OnTokio {
    /// All on the thread that calls [`block_on`](Self::block_on).
    pub(crate) fn current_thread() -> Self {
        Self::new(&mut Builder::new_current_thread())
    }

    /// A worker for each core.
    pub(crate) fn multi_thread() -> Self {
        Self::new(&mut Builder::new_multi_thread())
    }

    fn new(builder: &mut Builder) -> Self {
        let runtime = builder.enable_all().build().expect("threads and an event queue");
        let rt = Tokio::new(runtime.handle().clone()).rt();
        Self { runtime, rt }
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// For what looks for its runtime in the thread.
    pub(crate) fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// Runs `future` as a task, as most code runs, and not at the root, whose spawns cross threads.
    pub(crate) fn block_on_task<F>(&self, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.runtime.block_on(self.runtime.spawn(future)).expect("no bench panics")
    }
}

/// An executor of smol, driven with smol's reactor by the thread that blocks on it, and the seam in front of it.
pub(crate) struct OnSmol {
    pub(crate) executor: Arc<Executor<'static>>,
    pub(crate) rt: Rt,
}

impl OnSmol {
    pub(crate) fn new() -> Self {
        let executor = Arc::new(Executor::new());
        let rt = Smol::new(&executor).rt();
        Self { executor, rt }
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        async_io::block_on(self.executor.run(future))
    }
}
