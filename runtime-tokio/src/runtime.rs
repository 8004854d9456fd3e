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
    alive: Weak<Alive>,
    sentinel: AbortHandle,
}

/// Held by every task and by a sentinel task. It is gone when the runtime has ended and all destructors have run.
#[derive(Debug)]
pub(crate) struct Alive(#[expect(dead_code, reason = "its end is the signal")] Sender<()>);

impl Tokio {
    /// The runtime behind `handle`. It needs its time and I/O drivers (`enable_all`).
    ///
    /// This starts one task, which watches for the end of the runtime and goes with the last [`Rt`].
    pub fn new(handle: Handle) -> Self {
        Self::watched(handle).0
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
    pub(crate) fn watched(handle: Handle) -> (Self, Receiver<()>) {
        let (sender, ended) = mpsc::channel();
        let alive = Arc::new(Alive(sender));
        let weak = Arc::downgrade(&alive);
        let sentinel = Tracked { future: Box::pin(pending()), _alive: alive };
        let sentinel = handle.spawn(sentinel).abort_handle();
        let net = TokioNet::new(handle.clone());
        (Self { handle, net, alive: weak, sentinel }, ended)
    }
}

impl Drop for Tokio {
    fn drop(&mut self) {
        self.sentinel.abort();
    }
}

impl Runtime for Tokio {
    fn spawn(&self, _name: &'static str, future: BoxFuture<'static, ()>) {
        if let Some(alive) = self.alive.upgrade() {
            drop(self.handle.spawn(Tracked { future, _alive: alive }));
        }
    }

    fn spawn_blocking(&self, _name: &'static str, job: Box<dyn FnOnce() + Send>) {
        drop(self.handle.spawn_blocking(job));
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
        Box::pin(TokioTimer::new(at, Weak::clone(&self.alive)))
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
    _alive: Arc<Alive>,
}

impl Future for Tracked {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.future.as_mut().poll(cx)
    }
}
