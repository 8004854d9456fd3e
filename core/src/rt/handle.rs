use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use parking_lot::Mutex;

use super::{
    Address, BoxConnection, BoxListener, Endpoint, Interval, Panic, Rng, Runtime, Shield, Sleep, Task,
    Timeout, connect, shield, task,
};

/// Far enough to mean never, near enough to be added to any clock.
pub(super) const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// The handle to a runtime, which everything in this crate takes as its first argument and keeps a clone of.
///
/// Cloning it is cheap. It works from any thread, also from threads that the runtime does not know. `&Rt` and clones of
/// it are all a component ever needs; nothing is generic over the runtime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// // On the test runtime an hour passes at once.
/// seaworthy_core::testing::run(1, |rt| async move {
///     let start = rt.now();
///     let slept = rt.spawn("sleeper", {
///         let rt = rt.clone();
///         async move { rt.sleep(Duration::from_secs(1800)).await }
///     });
///     slept.await.unwrap();
///     assert_eq!(rt.now() - start, Duration::from_secs(1800));
/// });
/// ```
#[derive(Clone)]
pub struct Rt(Arc<Shared<dyn Runtime>>);

struct Shared<R: ?Sized> {
    seed: Rng,
    /// How often each label was asked for, so that two users of one label draw different numbers.
    labels: Mutex<BTreeMap<&'static str, u64>>,
    unobserved_panics: AtomicU64,
    runtime: R,
}

impl Rt {
    /// Wraps a runtime. Bindings call this once; it draws the seed of all its [`rng`](Self::rng)s.
    pub fn new(runtime: impl Runtime) -> Self {
        Self(Arc::new(Shared {
            seed: Rng::from_seed(runtime.random_u64()),
            labels: Mutex::default(),
            unobserved_panics: AtomicU64::new(0),
            runtime,
        }))
    }

    /// The runtime behind the handle.
    pub fn runtime(&self) -> &dyn Runtime {
        &self.0.runtime
    }

    /// Runs `future` as a task of its own. It starts at once, awaited or not.
    ///
    /// The task carries the current [`tracing`] span. See [`Task`] for how it ends.
    ///
    /// # Cancel safety
    ///
    /// Dropping the [`Task`] cancels it, unless it was [detached](Task::detach).
    pub fn spawn<F>(&self, name: &'static str, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn(self, name, future)
    }

    /// Runs `job` on a thread that is allowed to block: file access, hashing, a C library.
    ///
    /// Cancelling removes a job that has not begun. A running one cannot be stopped: [`Task::cancel`] waits for it, a
    /// drop discards its value.
    ///
    /// # Cancel safety
    ///
    /// Dropping the [`Task`] cancels a job that has not begun; one that runs goes on to its end.
    pub fn spawn_blocking<T, F>(&self, name: &'static str, job: F) -> Task<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        task::spawn_blocking(self, name, job)
    }

    /// The monotonic time; virtual in tests and simulation.
    pub fn now(&self) -> Instant {
        self.runtime().now()
    }

    /// The date: for labels and for dates received from others, never for ordering.
    pub fn wall_clock(&self) -> SystemTime {
        self.runtime().wall_clock()
    }

    /// `now` plus `after`, or the far future (30 years) where that cannot be expressed.
    pub fn instant_after(&self, after: Duration) -> Instant {
        let now = self.now();
        now.checked_add(after).unwrap_or_else(|| now + FAR)
    }

    /// Waits for `duration`; never less.
    ///
    /// # Cancel safety
    ///
    /// Dropping it ends the timer.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.instant_after(duration))
    }

    /// Waits until `at`; never less.
    ///
    /// # Cancel safety
    ///
    /// Dropping it ends the timer.
    pub fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep::new(self.runtime().timer(at))
    }

    /// Waits until `at`, for maintenance that alone is no reason to go on: a reaper, a heartbeat.
    ///
    /// The test runtime reports a deadlock when only such timers are left to wait for.
    ///
    /// # Cancel safety
    ///
    /// Dropping it ends the timer.
    pub fn background_timer(&self, at: Instant) -> Sleep {
        Sleep::new(self.runtime().background_timer(at))
    }

    /// Runs `future` for at most `limit`, counted from its first `Pending`.
    ///
    /// A future that is ready at its first poll costs no timer and no clock read, and wins even over a limit of zero.
    /// Ready and expired in one poll: the result wins. It borrows this handle; a task of its own takes a clone along:
    /// `async move { rt.timeout(limit, future).await }`.
    ///
    /// # Errors
    ///
    /// [`Elapsed`](super::Elapsed) when the limit is over; `future` is dropped with the `Timeout`.
    ///
    /// # Cancel safety
    ///
    /// That of `future`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// assert_eq!(rt.timeout(Duration::ZERO, async { 5 }).await, Ok(5));
    /// assert!(rt.timeout(Duration::from_secs(9), std::future::pending::<()>()).await.is_err());
    /// # });
    /// ```
    pub fn timeout<F: Future>(&self, limit: Duration, future: F) -> Timeout<'_, F> {
        Timeout::new(self, limit, future)
    }

    /// Runs `future` as a task that survives its caller: when the returned [`Shield`] is dropped, it has `grace` to
    /// end, then is cancelled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the [`Shield`] drops `future` when `grace` is over, and not before, unless it has ended by then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// let inner = rt.clone();
    /// let audit = async move { inner.sleep(Duration::from_millis(20)).await; "written" };
    /// assert_eq!(rt.shield("audit", Duration::from_secs(1), audit).await.unwrap(), "written");
    /// # });
    /// ```
    pub fn shield<F>(&self, name: &'static str, grace: Duration, future: F) -> Shield<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        shield::spawn(self, name, grace, future)
    }

    /// Ticks every `period`, the first time at once.
    ///
    /// # Panics
    ///
    /// If `period` is zero.
    pub fn interval(&self, period: Duration) -> Interval {
        Interval::new(self, period)
    }

    /// A stream of random numbers of its own, forked by `label` and by how often that label was asked for.
    ///
    /// A component that draws more than before shifts nobody else's numbers.
    pub fn rng(&self, label: &'static str) -> Rng {
        let mut labels = self.0.labels.lock();
        let uses = labels.entry(label).or_default();
        *uses += 1;
        self.0.seed.fork(label, *uses)
    }

    /// Connects to a host and port, an [`Address`], or a Unix path.
    ///
    /// A name with several addresses is tried as RFC 8305 (Happy Eyeballs) says: the families take turns, the next
    /// attempt starts after 250 ms or at once when one fails, the first to connect wins and the rest are dropped.
    ///
    /// # Errors
    ///
    /// That of the lookup, or of the last attempt, with every address that was tried in its text.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends all attempts and closes their sockets.
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use futures::{AsyncReadExt, AsyncWriteExt};
    ///
    /// let mut listener = rt.listen(([127, 0, 0, 1], 7000)).await.unwrap();
    /// let server = rt.spawn("echo", async move {
    ///     let (connection, _peer) = listener.accept().await?;
    ///     let (reader, mut writer) = connection.split();
    ///     futures::io::copy(reader, &mut writer).await
    /// });
    /// let mut connection = rt.connect(("localhost", 7000)).await.unwrap();
    /// connection.write_all(b"ahoy").await.unwrap();
    /// connection.close().await.unwrap();
    /// let mut echo = String::new();
    /// connection.read_to_string(&mut echo).await.unwrap();
    /// assert_eq!(echo, "ahoy");
    /// assert_eq!(server.await.unwrap().unwrap(), 4);
    /// # });
    /// ```
    pub async fn connect(&self, to: impl Into<Endpoint>) -> io::Result<BoxConnection> {
        connect::connect(self, to.into()).await
    }

    /// As [`connect`](Self::connect), to addresses that were looked up before.
    #[cfg(feature = "http")]
    pub(crate) async fn connect_any(
        &self,
        host: &str,
        port: u16,
        addresses: &[SocketAddr],
    ) -> io::Result<BoxConnection> {
        connect::connect_any(self, host, port, addresses).await
    }

    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// The system's, with the address in its text.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn listen(&self, on: impl Into<Address>) -> io::Result<BoxListener> {
        let on = on.into();
        let listened = self.runtime().net().listen(&on).await;
        listened.map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {on}: {error}")))
    }

    /// Looks a name up, in the order of the system's resolver.
    ///
    /// # Errors
    ///
    /// The system's, with the name in its text.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets the answer.
    pub async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let resolved = self.runtime().net().resolve(host, port).await;
        resolved.map_err(|error| io::Error::new(error.kind(), format!("cannot look up `{host}`: {error}")))
    }

    /// How many panics nobody saw, because the task was detached or its handle dropped. Each was logged as an error.
    pub fn unobserved_panics(&self) -> u64 {
        self.0.unobserved_panics.load(Ordering::Relaxed)
    }

    pub(crate) fn report_panic(&self, panic: &Panic) {
        self.0.unobserved_panics.fetch_add(1, Ordering::Relaxed);
        panic.log();
        self.runtime().unobserved_panic(panic);
    }
}

impl fmt::Debug for Rt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rt").field(&self.runtime()).finish()
    }
}
