//! The laws of the pool, each with a test that goes red when it is broken.

mod bound;
mod checking;
mod closing;
mod connecting;
mod errors;
mod fatal;
mod handing_over;
mod keeping;
mod machine;
mod observing;
mod order;
mod panics;
mod reentrance;
mod resetting;
mod retiring;
mod rivals;
mod wakers;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;

use super::{Check, Config, Manager, Pool};
use crate::rt::Rt;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A backend that does what a test tells it to, and knows what is connected to it.
#[derive(Default)]
struct Backend {
    /// How long a connect, a check and a close take.
    connect_takes: Mutex<Duration>,
    check_takes: Mutex<Duration>,
    close_takes: Mutex<Duration>,
    reset_takes: Mutex<Duration>,
    is_down: AtomicBool,
    checks_fail: AtomicBool,
    resets_fail: AtomicBool,
    /// What is down stays down until somebody does something.
    is_fatal: AtomicBool,
    alive: AtomicUsize,
    alive_most: AtomicUsize,
    connecting: AtomicUsize,
    connecting_most: AtomicUsize,
    attempts: AtomicU64,
    connects: AtomicU64,
    checks: AtomicU64,
    resets: AtomicU64,
    closes: AtomicU64,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the backend is down")]
struct Down;

struct Connection {
    number: u64,
    broken: bool,
    /// To be reset.
    dirty: bool,
    /// Set while somebody holds it.
    held: bool,
    backend: Arc<Backend>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.backend.alive.fetch_sub(1, Relaxed);
    }
}

/// Counts how many are inside.
struct Inside<'a>(&'a AtomicUsize);

impl<'a> Inside<'a> {
    fn enter(count: &'a AtomicUsize, most: &AtomicUsize) -> Self {
        most.fetch_max(count.fetch_add(1, Relaxed) + 1, Relaxed);
        Self(count)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

struct Dial {
    rt: Rt,
    backend: Arc<Backend>,
}

impl Dial {
    async fn take(&self, time: &Mutex<Duration>) {
        let time = *time.lock();
        if !time.is_zero() {
            self.rt.sleep(time).await;
        }
    }
}

impl Manager for Dial {
    type Connection = Connection;
    type Error = Down;

    async fn connect(&self) -> Result<Connection, Down> {
        let backend = &self.backend;
        let _inside = Inside::enter(&backend.connecting, &backend.connecting_most);
        backend.attempts.fetch_add(1, Relaxed);
        self.take(&backend.connect_takes).await;
        if backend.is_down.load(Relaxed) {
            return Err(Down);
        }
        backend.alive_most.fetch_max(backend.alive.fetch_add(1, Relaxed) + 1, Relaxed);
        let number = backend.connects.fetch_add(1, Relaxed);
        Ok(Connection { number, broken: false, dirty: false, held: false, backend: Arc::clone(backend) })
    }

    fn is_broken(&self, connection: &mut Connection) -> bool {
        connection.held = false;
        connection.broken
    }

    fn needs_reset(&self, connection: &mut Connection) -> bool {
        connection.dirty
    }

    async fn reset(&self, connection: &mut Connection) -> Result<(), Down> {
        self.backend.resets.fetch_add(1, Relaxed);
        self.take(&self.backend.reset_takes).await;
        if self.backend.resets_fail.load(Relaxed) {
            return Err(Down);
        }
        connection.dirty = false;
        Ok(())
    }

    fn is_fatal(&self, _error: &Down) -> bool {
        self.backend.is_fatal.load(Relaxed)
    }

    async fn check(&self, _connection: &mut Connection) -> Result<(), Down> {
        self.backend.checks.fetch_add(1, Relaxed);
        self.take(&self.backend.check_takes).await;
        if self.backend.checks_fail.load(Relaxed) { Err(Down) } else { Ok(()) }
    }

    async fn close(&self, connection: Connection) {
        self.take(&self.backend.close_takes).await;
        self.backend.closes.fetch_add(1, Relaxed);
        drop(connection);
    }
}

impl Backend {
    fn alive(&self) -> usize {
        self.alive.load(Relaxed)
    }

    fn connects(&self) -> u64 {
        self.connects.load(Relaxed)
    }
}

fn pool(rt: &Rt, config: Config) -> (Pool<Dial>, Arc<Backend>) {
    let backend = Arc::<Backend>::default();
    (pool_of(rt, &backend, config), backend)
}

fn pool_of(rt: &Rt, backend: &Arc<Backend>, config: Config) -> Pool<Dial> {
    let dial = Dial { rt: rt.clone(), backend: Arc::clone(backend) };
    Pool::new(rt, dial, config).expect("a good config")
}

/// Nothing ever expires by itself.
fn calm() -> Config {
    Config { check: Check::Never, idle_timeout: None, lifetime_max: None, ..Config::default() }
}

fn max(max: usize) -> Config {
    Config { max, ..calm() }
}

/// Asserts that the counts add up, and that the pool and the backend agree.
#[track_caller]
fn assert_sound(pool: &Pool<Dial>, backend: &Backend) {
    let stats = pool.stats();
    let open = stats.in_use + stats.idle + stats.checking + stats.closing;
    assert_eq!(stats.connected, open as u64 + stats.retired.total(), "{stats:?}");
    assert_eq!(backend.alive(), open + usize::try_from(stats.retired.detached).unwrap_or(0), "{stats:?}");
}
