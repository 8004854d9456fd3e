//! What a run consists of: hosts, their faults, and the laws.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use seaworthy_core::rt::{Rng, Rt};

use crate::{
    HostResult, Sim,
    engine::Engine,
    fault::{FaultKind, Storm},
    weather::HostState,
};

/// A piece of the world: some hosts, what they do, what may go wrong with them, and what must hold all the same.
///
/// It is written once, against [`Rt`], and runs on both [engines](Engine).
///
/// # Examples
///
/// ```
/// use futures::{AsyncReadExt, AsyncWriteExt};
/// use seaworthy_sim::{always, sometimes, engine::{self, Engine}, fault::{FaultKind, Storm}, scenario::{Scenario, Stage}};
///
/// struct Echo;
///
/// impl Scenario for Echo {
///     fn name(&self) -> &'static str {
///         "echo"
///     }
///     fn about(&self) -> &'static str {
///         "a server that returns what it is sent"
///     }
///     fn storm(&self) -> Storm {
///         Storm { kinds: vec![FaultKind::Reset, FaultKind::ShortReads], ..Storm::default() }
///     }
///     fn points(&self) -> &'static [&'static str] {
///         &["an echo came back", "a connection broke"]
///     }
///     fn set_up(&self, stage: &mut Stage) {
///         stage.server("server", async |host| {
///             let mut listener = host.rt().listen(([0, 0, 0, 0], 7)).await?;
///             loop {
///                 let (mut connection, _peer) = listener.accept().await?;
///                 let mut byte = [0];
///                 while matches!(connection.read(&mut byte).await, Ok(1)) {
///                     let _reset = connection.write_all(&byte).await;
///                 }
///             }
///         });
///         stage.client("client", async |host| {
///             while !host.is_healed() {
///                 let sent = host.rt().connect(("server", 7)).await;
///                 let Ok(mut connection) = sent else { continue };
///                 let (mut byte, sent) = ([0], connection.write_all(&[42]).await);
///                 let came_back = sent.is_ok() && connection.read_exact(&mut byte).await.is_ok();
///                 always!(host, !came_back || byte == [42], "an echo is what was sent", "{byte:?}");
///                 sometimes!(host, came_back, "an echo came back");
///                 sometimes!(host, !came_back, "a connection broke");
///             }
///             Ok(())
///         });
///     }
/// }
///
/// let outcome = engine::run(&Echo, &engine::Options::new(Engine::Testing, 7)).outcome;
/// assert!(outcome.verdict.is_pass(), "{}", outcome.verdict);
/// ```
pub trait Scenario: Send + Sync {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// What it is, in one line.
    fn about(&self) -> &'static str;

    /// What may go wrong, and for how long.
    fn storm(&self) -> Storm;

    /// Points that a sweep must reach, each by some run.
    fn points(&self) -> &'static [&'static str] {
        &[]
    }

    /// Planted bugs that a sweep must find; see `docs/simulation.md`.
    fn canaries(&self) -> &'static [&'static str] {
        &[]
    }

    /// The engines it runs on. Default: both.
    fn engines(&self) -> &'static [Engine] {
        Engine::ALL
    }

    /// From so many seeds on, a sweep of one engine fails if a point is not reached or a kind of fault has no effect.
    /// Default: 200.
    fn seeds_for_coverage(&self) -> u64 {
        200
    }

    /// Which hosts a fault of this kind may happen to. Default: the servers for what happens to connections and
    /// processes, all hosts for the rest.
    fn suffers(&self, kind: FaultKind, host: &HostInfo<'_>) -> bool {
        !host.is_client || !kind.is_for_servers()
    }

    /// Puts up the hosts, and draws what differs from seed to seed.
    fn set_up(&self, stage: &mut Stage);
}

/// A host, as [`Scenario::suffers`] is asked about it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct HostInfo<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether the run waits for it.
    pub is_client: bool,
}

pub(crate) type Main = Arc<dyn Fn(Host) -> BoxFuture<'static, HostResult> + Send + Sync>;
pub(crate) type Check = Box<dyn FnOnce(&Sim) + Send>;

/// Where a scenario is put up.
pub struct Stage {
    sim: Sim,
    pub(crate) hosts: Vec<Cast>,
    pub(crate) checks: Vec<Check>,
}

/// A host that is to be.
pub(crate) struct Cast {
    pub(crate) name: Arc<str>,
    pub(crate) is_client: bool,
    pub(crate) main: Main,
}

impl Stage {
    pub(crate) fn new(sim: Sim) -> Self {
        Self { sim, hosts: Vec::new(), checks: Vec::new() }
    }

    /// The run.
    pub fn sim(&self) -> &Sim {
        &self.sim
    }

    /// A stream of random numbers of the seed, to draw what differs from run to run.
    pub fn rng(&self, label: &str) -> Rng {
        self.sim.rng(label, 0)
    }

    /// Notes what was drawn for this run, so that a failure can be understood.
    pub fn option(&mut self, name: &str, value: impl fmt::Display) {
        self.sim.option(name, value);
    }

    /// Adds a host that serves. `main` is called when it starts, and again when it starts after a crash. The run does
    /// not wait for it; an error that it returns, or a panic, fails the run.
    ///
    /// # Panics
    ///
    /// If there is a host of that name already.
    pub fn server<F>(&mut self, name: &str, main: impl Fn(Host) -> F + Send + Sync + 'static)
    where
        F: Future<Output = HostResult> + Send + 'static,
    {
        self.add(name, false, Arc::new(move |host| main(host).boxed()));
    }

    /// Adds a host that the run is there for: it is over when all of them have ended.
    ///
    /// # Panics
    ///
    /// If there is a host of that name already.
    pub fn client<F>(&mut self, name: &str, main: impl Fn(Host) -> F + Send + Sync + 'static)
    where
        F: Future<Output = HostResult> + Send + 'static,
    {
        self.add(name, true, Arc::new(move |host| main(host).boxed()));
    }

    /// A law that is looked at when all is over: hosts have ended, their tasks and connections are gone.
    pub fn afterwards(&mut self, check: impl FnOnce(&Sim) + Send + 'static) {
        self.checks.push(Box::new(check));
    }

    fn add(&mut self, name: &str, is_client: bool, main: Main) {
        let is_new = self.hosts.iter().all(|host| &*host.name != name);
        assert!(is_new, "there is a host `{name}` already");
        self.hosts.push(Cast { name: name.into(), is_client, main });
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.hosts.iter().map(|host| &host.name).collect();
        f.debug_struct("Stage").field("sim", &self.sim).field("hosts", &names).finish_non_exhaustive()
    }
}

/// A host from within: its runtime, and what watches over the run.
#[derive(Clone)]
pub struct Host {
    rt: Rt,
    sim: Sim,
    state: Arc<HostState>,
}

impl Host {
    pub(crate) fn new(rt: Rt, sim: Sim, state: Arc<HostState>) -> Self {
        Self { rt, sim, state }
    }

    /// The runtime, which faults reach. Hand it to what is tested.
    pub fn rt(&self) -> &Rt {
        &self.rt
    }

    /// The run.
    pub fn sim(&self) -> &Sim {
        &self.sim
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.state.name()
    }

    /// The simulated time since the start.
    pub fn now(&self) -> Duration {
        self.sim.now()
    }

    /// Something happens that a reader of the trace should see, and that must happen again in a run of the same seed.
    pub fn note(&self, text: fmt::Arguments<'_>) {
        self.sim.note_on(self.name(), text);
    }

    /// A law is broken; see [`always!`](crate::always).
    pub fn violated(&self, law: &str, text: fmt::Arguments<'_>) {
        self.sim.violated_on(self.name(), law, text);
    }

    /// A point is reached; see [`sometimes!`](crate::sometimes).
    pub fn reached(&self, point: &'static str) {
        self.sim.reached(point);
    }

    /// Whether the faults are over.
    pub fn is_healed(&self) -> bool {
        self.sim.is_healed()
    }

    /// Waits until the faults are over.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn healed(&self) {
        self.sim.healed().await;
    }

    /// For the faults that only a scenario can carry out: the size of the one of this kind that is under way on this host,
    /// if one is. Asking counts as its effect, so ask where you are about to carry it out.
    pub fn strikes(&self, kind: FaultKind) -> Option<u64> {
        self.sim.weather().strikes(&self.sim, &self.state, kind, |_size| true)
    }

    /// As [`strikes`](Self::strikes) for kinds whose size is a percentage: decides by `rng` whether it is this time.
    pub fn strikes_by_chance(&self, kind: FaultKind, rng: &mut Rng) -> bool {
        self.sim
            .weather()
            .strikes(&self.sim, &self.state, kind, |per_cent| rng.chance(per_cent, 100))
            .is_some()
    }

    /// Runs `future`, and drops it if a fault of the kind [`Cancel`](FaultKind::Cancel) is under way: the caller gives up,
    /// either while it waits or, as with a timeout that comes first, when it has been woken and has not looked why. `None` if
    /// it was dropped.
    ///
    /// # Cancel safety
    ///
    /// As that of `future`.
    pub async fn cancellable<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        // Before the first poll, after it, before the second, ..: what was handed over in between is lost if it is not given
        // back, so those before a poll are the interesting ones.
        let mut point = 0;
        let mut gives_up = || {
            let at = point;
            point += 1;
            let applies = |size| at > 0 && at >= size && at % 2 == size % 2;
            self.sim.weather().strikes(&self.sim, &self.state, FaultKind::Cancel, applies).is_some()
        };
        poll_fn(|cx| {
            if gives_up() {
                return Poll::Ready(None);
            }
            let polled = future.as_mut().poll(cx).map(Some);
            if polled.is_pending() && gives_up() {
                return Poll::Ready(None);
            }
            polled
        })
        .await
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl FaultKind {
    fn is_for_servers(self) -> bool {
        !matches!(
            self,
            Self::Pause
                | Self::SlowTasks
                | Self::LateTimers
                | Self::SpuriousWakes
                | Self::SlowBlocking
                | Self::WallClockJump
                | Self::Latency
                | Self::Cancel
                | Self::Panic
                | Self::Resize
        )
    }
}
