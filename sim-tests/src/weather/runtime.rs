use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use futures::future::BoxFuture;
use seaworthy_core::rt::{Net, Panic, Rt, Runtime, Timer};

use super::{HostState, host::bit, strike, tasks, timer::LateTimer};
use crate::{Sim, fault::FaultKind};

/// The runtime of one life of a host: the engine's, and the weather around it.
#[derive(Clone)]
pub(super) struct HostRuntime {
    pub(super) sim: Sim,
    pub(super) host: Arc<HostState>,
    pub(super) life: u64,
    /// The engine's.
    pub(super) inner: Rt,
}

impl HostRuntime {
    pub(super) fn new(sim: Sim, host: Arc<HostState>, inner: Rt) -> Self {
        let life = host.life();
        Self { sim, host, life, inner }
    }

    /// Waits on the engine's clock, which no fault slows.
    pub(super) async fn wait(&self, duration: Duration) {
        self.inner.sleep(duration).await;
    }

    /// A runtime that was kept beyond its life has no network.
    pub(super) fn check_alive(&self) -> io::Result<()> {
        if self.host.is_over(self.life) {
            return Err(io::Error::other("the process that this runtime was of has ended"));
        }
        Ok(())
    }

    fn late(&self, timer: Pin<Box<dyn Timer>>) -> Pin<Box<dyn Timer>> {
        Box::pin(LateTimer::new(self.clone(), timer))
    }
}

const HOLDS_JOBS: u64 = bit(FaultKind::SlowBlocking) | bit(FaultKind::Pause);

impl Runtime for HostRuntime {
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>) {
        tasks::spawn(self, name, future);
    }

    fn spawn_blocking(&self, name: &'static str, job: Box<dyn FnOnce() + Send>) {
        let (host, life) = (Arc::clone(&self.host), self.life);
        let job = Box::new(move || {
            if !host.is_over(life) {
                job();
            }
        });
        if self.host.kinds() & HOLDS_JOBS == 0 {
            return self.inner.runtime().spawn_blocking(name, job);
        }
        let delay = self.host.delay(&self.sim, FaultKind::SlowBlocking);
        let runtime = self.clone();
        let late = async move {
            if let Some((index, delay)) = delay {
                strike(&runtime.sim, index);
                runtime.wait(delay).await;
            }
            runtime.inner.runtime().spawn_blocking(name, job);
        };
        tasks::spawn(self, name, Box::pin(late));
    }

    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn wall_clock(&self) -> SystemTime {
        let date = self.inner.wall_clock();
        match self.host.fault(FaultKind::WallClockJump) {
            Some(jump) => {
                strike(&self.sim, jump.index);
                date + Duration::from_millis(jump.size)
            }
            None => date,
        }
    }

    fn timer(&self, at: Instant) -> Pin<Box<dyn Timer>> {
        self.late(self.inner.runtime().timer(at))
    }

    fn background_timer(&self, at: Instant) -> Pin<Box<dyn Timer>> {
        self.late(self.inner.runtime().background_timer(at))
    }

    fn random_u64(&self) -> u64 {
        self.inner.runtime().random_u64()
    }

    fn net(&self) -> &dyn Net {
        self
    }

    fn unobserved_panic(&self, panic: &Panic) {
        self.inner.runtime().unobserved_panic(panic);
    }
}

impl fmt::Debug for HostRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostRuntime")
            .field("host", &self.host.name())
            .field("life", &self.life)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
