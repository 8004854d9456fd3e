use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    time::{Instant, SystemTime},
};

use futures::future::BoxFuture;
use seaworthy_core::rt::{Net, Panic, Runtime, Timer};

use super::{Cause, host::Host, tasks, timer::SimTimer};

/// The turmoil binding: the runtime of one simulated host.
///
/// A [`Simulation`](crate::Simulation) makes one for each host, each time the host starts, and gives it to the host's
/// `main` in an [`Rt`](seaworthy_core::rt::Rt).
///
/// - Time is the simulation's: it passes only when no task of the host can go on. Timers tell whole milliseconds apart.
///   Instants of different hosts, and of one host before and after a crash, are on one scale.
/// - Tasks run on the simulation's thread, in an order that the seed disturbs a little.
/// - Blocking jobs run in place, as a task of their own that never waits: one that waits for another task hangs the run.
/// - The network is turmoil's TCP with [links](crate::Links). Hosts listen on their unspecified or loopback address,
///   and are found by name. There are no Unix sockets. A host has 49,152 ports to connect from, and turmoil never frees
///   the one of a connect that failed: a host out of ports panics, which fails the run.
/// - Random numbers follow from the seed, the host's name and how often it has started.
/// - A panic that nobody takes fails the run.
pub struct Turmoil {
    pub(crate) host: Arc<Host>,
}

impl Turmoil {
    pub(crate) fn new(host: Arc<Host>) -> Self {
        Self { host }
    }

    /// The name of the host.
    pub fn host_name(&self) -> &str {
        &self.host.name
    }
}

impl Runtime for Turmoil {
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>) {
        tasks::spawn(&self.host, name, future);
    }

    fn spawn_blocking(&self, name: &'static str, job: Box<dyn FnOnce() + Send>) {
        tasks::spawn(&self.host, name, Box::pin(async move { job() }));
    }

    fn now(&self) -> Instant {
        self.host.now()
    }

    fn wall_clock(&self) -> SystemTime {
        self.host.run.date(self.host.now())
    }

    fn timer(&self, at: Instant) -> Pin<Box<dyn Timer>> {
        Box::pin(SimTimer::new(Arc::clone(&self.host), at))
    }

    fn random_u64(&self) -> u64 {
        self.host.random_u64()
    }

    fn net(&self) -> &dyn Net {
        self
    }

    fn unobserved_panic(&self, panic: &Panic) {
        let host = self.host.name.to_string();
        self.host.run.fail(Cause::TaskPanicked {
            host,
            task: panic.task().to_owned(),
            message: panic.message(),
        });
    }
}

impl fmt::Debug for Turmoil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turmoil").field("host", &self.host.name).finish_non_exhaustive()
    }
}
