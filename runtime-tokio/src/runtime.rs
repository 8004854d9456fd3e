use std::{
    future::pending,
    pin::Pin,
    sync::{
        Arc, Weak,
        mpsc::{self, Receiver, Sender},
    },
    task::{Context, Poll},
    time::{Instant, SystemTime},
};

use futures::future::BoxFuture;
use seaworthy_core::rt::{Net, Rt, Runtime, Timer};
use tokio::{
    runtime::{Handle, TryCurrentError},
    task::AbortHandle,
};

use crate::{net::TokioNet, timer::TokioTimer};

/// A tokio runtime, seen through the seam.
///
/// It holds a handle only: whoever built the runtime ends it. Spawning then drops the task at once, timers never end,
/// and the network fails.
///
/// # Examples
///
/// ```
/// use seaworthy_tokio::Tokio;
///
/// let runtime = tokio::runtime::Runtime::new().unwrap();
/// let rt = Tokio::new(runtime.handle().clone()).rt();
/// let sum = rt.spawn("sum", async { 1 + 2 });
/// assert_eq!(runtime.block_on(sum).unwrap(), 3);
/// ```
#[derive(Debug)]
pub struct Tokio {
    handle: Handle,
    net: TokioNet,
    /// Held by every task and by a sentinel task, so it is gone when the runtime has ended and all destructors have run.
    tasks: Weak<Hold>,
    /// Held by every blocking job.
    jobs: Weak<Hold>,
    sentinel: AbortHandle,
}

/// Held in common by what is waited for: when the last of it is gone, the receiver disconnects.
#[derive(Debug)]
pub(crate) struct Hold(#[expect(dead_code, reason = "its end is the signal")] Sender<()>);

impl Hold {
    pub(crate) fn new() -> (Arc<Self>, Receiver<()>) {
        let (sender, ended) = mpsc::channel();
        (Arc::new(Self(sender)), ended)
    }
}

impl Tokio {
    /// The runtime behind `handle`. It needs its time and I/O drivers (`enable_all`).
    ///
    /// This starts one task, which watches for the end of the runtime and goes with the last [`Rt`].
    pub fn new(handle: Handle) -> Self {
        Self::watched(handle, Weak::new()).0
    }

    /// The runtime that the caller is in.
    ///
    /// # Errors
    ///
    /// If the caller is not in one.
    pub fn current() -> Result<Self, TryCurrentError> {
        Handle::try_current().map(Self::new)
    }

    /// The handle that everything in Seaworthy takes.
    pub fn rt(self) -> Rt {
        Rt::new(self)
    }

    /// With it comes a receiver that disconnects when the runtime has ended and all destructors have run.
    pub(crate) fn watched(handle: Handle, jobs: Weak<Hold>) -> (Self, Receiver<()>) {
        let (hold, ended) = Hold::new();
        let tasks = Arc::downgrade(&hold);
        let sentinel = handle.spawn(Tracked { future: Box::pin(pending()), _hold: hold }).abort_handle();
        let net = TokioNet::new(handle.clone());
        (Self { handle, net, tasks, jobs, sentinel }, ended)
    }
}

impl Drop for Tokio {
    fn drop(&mut self) {
        self.sentinel.abort();
    }
}

impl Runtime for Tokio {
    fn spawn(&self, _name: &'static str, future: BoxFuture<'static, ()>) {
        if let Some(hold) = self.tasks.upgrade() {
            drop(self.handle.spawn(Tracked { future, _hold: hold }));
        }
    }

    fn spawn_blocking(&self, _name: &'static str, job: Box<dyn FnOnce() + Send>) {
        let (tasks, hold) = (Weak::clone(&self.tasks), self.jobs.upgrade());
        drop(self.handle.spawn_blocking(move || {
            // Tokio runs what is queued behind a job even after the runtime has ended.
            if tasks.strong_count() > 0 {
                job();
            } else {
                drop(job);
            }
            drop(hold);
        }));
    }

    fn now(&self) -> Instant {
        // Tokio's clock and not the system's: it is the one that tokio's `pause` stops.
        tokio::time::Instant::now().into_std()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn timer(&self, at: Instant) -> Pin<Box<dyn Timer>> {
        let _entered = self.handle.enter();
        Box::pin(TokioTimer::new(at, Weak::clone(&self.tasks)))
    }

    fn random_u64(&self) -> u64 {
        getrandom::u64().expect("the system has random numbers")
    }

    fn net(&self) -> &dyn Net {
        &self.net
    }
}

/// A task. The future goes first, so that its destructors have run when the last of these is gone.
struct Tracked {
    future: BoxFuture<'static, ()>,
    _hold: Arc<Hold>,
}

impl Future for Tracked {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.future.as_mut().poll(cx)
    }
}
