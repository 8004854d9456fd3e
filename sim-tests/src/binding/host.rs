use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use seaworthy_core::rt::{JoinError, Rng, Rt};
use tokio::runtime::Handle;

use super::{
    Cause, HostResult, Turmoil,
    run::Run,
    tasks::{Tasks, Turns},
};

/// What a host runs. It is called again when the host is started again.
pub(crate) type Main = Arc<dyn Fn(Rt) -> BoxFuture<'static, HostResult> + Send + Sync>;

/// Far enough to mean never, near enough to be added to any clock.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// One life of a host, from its start to its end, its crash or the end of the run.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: Arc<str>,
    pub(crate) address: IpAddr,
    pub(crate) run: Arc<Run>,
    pub(crate) handle: Handle,
    /// The same moment on tokio's clock, which is this life's alone, and on the one of all hosts.
    began: (tokio::time::Instant, Instant),
    pub(crate) tasks: Tasks,
    pub(crate) turns: Turns,
    seeds: Mutex<Rng>,
    over: AtomicBool,
}

impl Host {
    /// Called from inside the host's runtime, in a step of the simulation.
    fn start(run: &Arc<Run>, name: &Arc<str>) -> Self {
        let (address, life) = run.boot(name);
        let elapsed = turmoil::sim_elapsed().expect("hosts start inside the simulation");
        let seed = run.rng.fork("hosts", 0).fork(name, life);
        Self {
            name: Arc::clone(name),
            address,
            run: Arc::clone(run),
            handle: Handle::current(),
            began: (tokio::time::Instant::now(), run.instant(elapsed)),
            tasks: Tasks::default(),
            turns: Turns::new(run.config.jitter.then(|| seed.fork("jitter", 0))),
            seeds: Mutex::new(seed.fork("seeds", 0)),
            over: AtomicBool::new(false),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        // From any thread, and once the host has ended: its clock then stands still.
        let _entered = self.handle.enter();
        self.began.1 + self.began.0.elapsed()
    }

    pub(crate) fn tokio_instant(&self, at: Instant) -> tokio::time::Instant {
        self.began.0 + at.saturating_duration_since(self.began.1).min(FAR)
    }

    pub(crate) fn random_u64(&self) -> u64 {
        self.seeds.lock().next_u64()
    }

    /// Whether this life has ended. Its runtime may be gone then, and tokio's timers with it.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// Notes the end of a life, be it a crash.
struct Life(Arc<Host>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// The software turmoil runs for a host: its `main` and, when that has ended, the end of all its tasks.
pub(crate) async fn live(run: Arc<Run>, name: Arc<str>, main: Main) -> turmoil::Result {
    let host = Arc::new(Host::start(&run, &name));
    let _life = Life(Arc::clone(&host));
    let rt = Rt::new(Turmoil::new(Arc::clone(&host)));
    let inner = rt.clone();
    // A task of core's, so that a panic in it has a name and a text.
    let ended = rt.spawn("main", async move { main(inner).await }).await;
    host.tasks.end().await;
    let host = name.to_string();
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => run.fail(Cause::HostFailed { host, error }),
        Err(JoinError::Panicked(panic)) => run.fail(Cause::HostPanicked { host, message: panic.message() }),
        Err(error) => run.fail(Cause::HostFailed { host, error: error.into() }),
    }
    run.ended(&name);
    Ok(())
}
