use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use super::{timers::VirtualTimer, world::World};
use crate::rt::{BoxFuture, Net, Panic, Runtime, Timer};

/// The runtime of one run.
pub(super) struct TestRuntime(pub(super) Arc<World>);

impl Runtime for TestRuntime {
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>) {
        self.0.spawn(name, future);
    }

    fn spawn_blocking(&self, name: &'static str, job: Box<dyn FnOnce() + Send>) {
        self.0.spawn_blocking(name, job);
    }

    fn now(&self) -> Instant {
        self.0.instant()
    }

    fn wall_clock(&self) -> SystemTime {
        self.0.config.epoch + Duration::from_nanos(self.0.now())
    }

    fn timer(&self, at: Instant) -> Pin<Box<dyn Timer>> {
        Box::pin(VirtualTimer::new(&self.0, self.0.nanos(at), false))
    }

    fn background_timer(&self, at: Instant) -> Pin<Box<dyn Timer>> {
        Box::pin(VirtualTimer::new(&self.0, self.0.nanos(at), true))
    }

    fn random_u64(&self) -> u64 {
        self.0.random.lock().next_u64()
    }

    fn net(&self) -> &dyn Net {
        self
    }

    fn unobserved_panic(&self, panic: &Panic) {
        self.0.fail(panic.task(), panic.message());
    }
}

impl fmt::Debug for TestRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestRuntime")
            .field("seed", &self.0.config.seed)
            .field("virtual_time", &Duration::from_nanos(self.0.now()))
            .finish_non_exhaustive()
    }
}
