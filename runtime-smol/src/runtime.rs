use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Weak,
        mpsc::{self, Receiver, Sender},
    },
    time::{Instant, SystemTime},
};

use async_executor::Executor;
use futures::future::BoxFuture;
use seaworthy_core::rt::{Net, Rt, Runtime, Timer};

use crate::{net::SmolNet, timer::SmolTimer};

/// An executor of [`async_executor`] with smol's reactor and blocking pool, seen through the seam.
///
/// It does not keep the executor alive: whoever drives it ends it. Spawning then drops the task at once. Timers and
/// sockets go on working, for smol's reactor does.
pub struct Smol {
    executor: Weak<Executor<'static>>,
    /// Held by every blocking job.
    jobs: Weak<Hold>,
}

/// Held in common by what is waited for: when the last of it is gone, the receiver disconnects.
pub(crate) struct Hold(#[expect(dead_code, reason = "its end is the signal")] Sender<()>);

impl Hold {
    pub(crate) fn new() -> (Arc<Self>, Receiver<()>) {
        let (sender, ended) = mpsc::channel();
        (Arc::new(Self(sender)), ended)
    }
}

impl Smol {
    /// The runtime around an executor that somebody else drives.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use async_executor::Executor;
    /// use seaworthy_smol::Smol;
    ///
    /// let executor = Arc::new(Executor::new());
    /// let rt = Smol::new(&executor).rt();
    /// let sum = rt.spawn("sum", async { 1 + 2 });
    /// assert_eq!(async_io::block_on(executor.run(sum)).unwrap(), 3);
    /// ```
    pub fn new(executor: &Arc<Executor<'static>>) -> Self {
        Self::with_jobs(executor, Weak::new())
    }

    /// The handle that everything in Seaworthy takes.
    pub fn rt(self) -> Rt {
        Rt::new(self)
    }

    pub(crate) fn with_jobs(executor: &Arc<Executor<'static>>, jobs: Weak<Hold>) -> Self {
        Self { executor: Arc::downgrade(executor), jobs }
    }
}

impl fmt::Debug for Smol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smol").field("ended", &(self.executor.strong_count() == 0)).finish()
    }
}

impl Runtime for Smol {
    fn spawn(&self, _name: &'static str, future: BoxFuture<'static, ()>) {
        if let Some(executor) = self.executor.upgrade() {
            executor.spawn(future).detach();
        }
    }

    fn spawn_blocking(&self, _name: &'static str, job: Box<dyn FnOnce() + Send>) {
        let (executor, hold) = (Weak::clone(&self.executor), self.jobs.upgrade());
        let job = move || {
            // It may have waited in the pool's queue beyond the end of the executor.
            if executor.strong_count() > 0 {
                job();
            } else {
                drop(job);
            }
            drop(hold);
        };
        blocking::unblock(job).detach();
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn timer(&self, at: Instant) -> Pin<Box<dyn Timer>> {
        Box::pin(SmolTimer::new(at))
    }

    fn random_u64(&self) -> u64 {
        getrandom::u64().expect("the system has random numbers")
    }

    fn net(&self) -> &dyn Net {
        &SmolNet
    }
}
