use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use parking_lot::Mutex;
use seaworthy_core::rt::{Panic, Rt};

use super::{
    Cause, Config, ConfigError, Failure, HostResult, Links,
    host::{Main, live},
    link::TCP_CAPACITY,
    run::Run,
};

/// Runs `main` on one host of a simulation and returns its value.
///
/// # Panics
///
/// If the run fails, with the seed and the cause: a panic in `main` or in a task that nobody awaited, or more than ten
/// simulated minutes.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let waited = seaworthy_sim::run(7, async |rt| {
///     let start = rt.now();
///     rt.sleep(Duration::from_secs(60)).await;
///     rt.now() - start
/// });
/// assert_eq!(waited, Duration::from_secs(60));
/// ```
pub fn run<T, F>(seed: u64, main: impl FnOnce(Rt) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (main, value) = (Mutex::new(Some(main)), Arc::new(Mutex::new(None)));
    let mut simulation = Simulation::new(Config::seeded(seed)).expect("the defaults make sense");
    let returned = Arc::clone(&value);
    simulation.client("main", move |rt| {
        let (main, returned) = (main.lock().take(), Arc::clone(&returned));
        async move {
            let main = main.ok_or("the host was started again")?;
            let value = main(rt).await;
            *returned.lock() = Some(value);
            Ok(())
        }
    });
    if let Err(failure) = simulation.run() {
        panic!("{failure}");
    }
    let value = value.lock().take();
    value.expect("a client that ended well has left its value")
}

/// Hosts on a simulated network.
///
/// Each host has a runtime of its own ([`Turmoil`](crate::Turmoil)) and a `main`, which is given an [`Rt`]. When it
/// returns, the host's tasks are dropped and its connections closed, as with a process. The run is over when the `main`
/// of every client has returned, and fails with the first thing that goes wrong on any host.
///
/// The same seed, the same hosts and the same calls give the same run.
///
/// # Examples
///
/// ```
/// use futures::{AsyncReadExt, AsyncWriteExt};
/// use seaworthy_sim::{Config, Simulation};
///
/// let mut simulation = Simulation::new(Config::seeded(7)).unwrap();
/// simulation.host("server", async |rt| {
///     let mut listener = rt.listen(([0, 0, 0, 0], 80)).await?;
///     loop {
///         let (mut connection, _peer) = listener.accept().await?;
///         connection.write_all(b"ahoy").await?;
///         connection.close().await?;
///     }
/// });
/// simulation.client("client", async |rt| {
///     let mut greeting = String::new();
///     rt.connect(("server", 80)).await?.read_to_string(&mut greeting).await?;
///     assert_eq!(greeting, "ahoy");
///     Ok(())
/// });
/// simulation.run().unwrap();
/// ```
pub struct Simulation {
    // An option so that `run` can drop the hosts and still look at what their destructors did.
    turmoil: Option<turmoil::Sim<'static>>,
    run: Arc<Run>,
}

impl Simulation {
    /// A simulation without hosts.
    ///
    /// # Errors
    ///
    /// A value that makes no sense.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let run = Arc::new(Run::new(config));
        let config = &run.config;
        let mut builder = turmoil::Builder::new();
        builder
            .rng_seed(run.rng.fork("turmoil", 0).next_u64())
            .epoch(config.epoch)
            .tick_duration(config.tick)
            .min_message_latency(config.latency_min)
            .max_message_latency(config.latency_max)
            .ip_version(if config.ipv6 { turmoil::IpVersion::V6 } else { turmoil::IpVersion::V4 })
            .tcp_capacity(TCP_CAPACITY)
            // turmoil never frees the port of a connect that failed, and panics when it has no more.
            .ephemeral_ports(16_384..=65_535);
        if config.jitter {
            builder.enable_random_order();
        }
        Ok(Self { turmoil: Some(builder.build()), run })
    }

    /// Adds a host that serves: the run does not wait for it.
    ///
    /// `main` is called when the host starts, and again when it is started after a crash.
    ///
    /// # Panics
    ///
    /// If there is a host of that name already.
    pub fn host<F>(&mut self, name: &str, main: impl Fn(Rt) -> F + Send + Sync + 'static)
    where
        F: Future<Output = HostResult> + Send + 'static,
    {
        self.add(name, false, Arc::new(move |rt| main(rt).boxed()));
    }

    /// Adds a host that the run is there for: it is over when all of them have ended.
    ///
    /// # Panics
    ///
    /// If there is a host of that name already.
    pub fn client<F>(&mut self, name: &str, main: impl Fn(Rt) -> F + Send + Sync + 'static)
    where
        F: Future<Output = HostResult> + Send + 'static,
    {
        self.add(name, true, Arc::new(move |rt| main(rt).boxed()));
    }

    fn add(&mut self, name: &str, client: bool, main: Main) {
        let (run, host) = (Arc::clone(&self.run), Arc::<str>::from(name));
        let address = self.turmoil().lookup(name);
        self.run.register(Arc::clone(&host), address, client);
        // To turmoil all are hosts: its clients cannot be crashed.
        let software = move || live(Arc::clone(&run), Arc::clone(&host), Arc::clone(&main));
        self.turmoil().host(name, software);
    }

    /// turmoil's own simulation, to disturb the network between two steps: hold and release, partition and repair.
    ///
    /// Hosts are added, crashed and stepped through [`Simulation`] alone.
    pub fn turmoil(&mut self) -> &mut turmoil::Sim<'static> {
        self.turmoil.as_mut().expect("it is taken at the end only")
    }

    /// The connections, also after the run.
    pub fn links(&self) -> Arc<Links> {
        Arc::clone(&self.run.links)
    }

    /// The simulated time since the start.
    pub fn elapsed(&self) -> Duration {
        self.turmoil.as_ref().map(turmoil::Sim::elapsed).unwrap_or_default()
    }

    /// Stops a host where it is: its tasks are dropped, and the network closes its connections. It stays down until
    /// [`bounce`](Self::bounce).
    ///
    /// For a loss of power, partition it first: then nobody is told.
    ///
    /// # Panics
    ///
    /// If there is no such host.
    pub fn crash(&mut self, host: &str) {
        self.turmoil().crash(host);
    }

    /// Starts a host again, after a crash or in the middle of its life.
    ///
    /// # Panics
    ///
    /// If there is no such host.
    pub fn bounce(&mut self, host: &str) {
        self.turmoil().bounce(host);
    }

    /// Moves time by one tick: the network delivers and each host runs. Returns whether all clients have ended.
    ///
    /// # Errors
    ///
    /// What went wrong first.
    pub fn step(&mut self) -> Result<bool, Failure> {
        if !self.run.has_clients() {
            return Err(self.failure(Cause::NoClient));
        }
        self.run.next_tick();
        let stepped =
            catch_unwind(AssertUnwindSafe(|| self.turmoil().step().map_err(|error| error.to_string())));
        // First what a host said: a simulator that fails as well fails because of it.
        self.check()?;
        match stepped {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(self.failure(Cause::Simulator(error))),
            Err(payload) => return Err(self.failure(Cause::Simulator(text(payload)))),
        }
        let over = self.run.is_over();
        let limit = self.run.config.limit;
        if !over && self.elapsed() >= limit {
            let clients = self.run.clients_running();
            return Err(self.failure(Cause::NotOver { limit, clients }));
        }
        Ok(over)
    }

    /// Runs until all clients have ended, and ends all hosts. Returns the simulated time it took.
    ///
    /// # Errors
    ///
    /// What went wrong first, a panic in a destructor at the end included.
    pub fn run(mut self) -> Result<Duration, Failure> {
        while !self.step()? {}
        let at = self.elapsed();
        let turmoil = self.turmoil.take();
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(turmoil)));
        let cause = self.run.take_cause();
        let cause = cause.or_else(|| dropped.err().map(|payload| Cause::Simulator(text(payload))));
        cause.map_or(Ok(at), |cause| Err(Failure { at, ..self.failure(cause) }))
    }

    fn check(&self) -> Result<(), Failure> {
        self.run.take_cause().map_or(Ok(()), |cause| Err(self.failure(cause)))
    }

    fn failure(&self, cause: Cause) -> Failure {
        Failure { seed: self.run.config.seed, at: self.elapsed(), cause }
    }
}

fn text(payload: Box<dyn Any + Send>) -> String {
    Panic::new("simulator", payload).message()
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("config", &self.run.config)
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}
