use std::{fmt, panic::Location, sync::Arc, time::Duration};

use super::{
    Acquire, CloseReport, Config, Get, Info, Lease, Manager, Stats, TryGetError, WarmError,
    aside::Aside,
    config::MAX_MAX,
    driver::Inner,
    maintenance,
    watch::{Warming, Watching},
};
use crate::{ConfigError, rt::Rt};

/// Lends connections: bounded, in the order of the callers, and it says why when it cannot.
///
/// Clones are the same pool. When the last of them is dropped the pool is closed, and leases that are still out close when
/// they come back. See the [module](super) for the laws.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use std::{convert::Infallible, time::Duration};
///
/// use seaworthy_core::pool::{Config, Manager, Pool};
///
/// struct Numbers;
///
/// impl Manager for Numbers {
///     type Connection = u64;
///     type Error = Infallible;
///
///     async fn connect(&self) -> Result<u64, Infallible> {
///         Ok(7)
///     }
///
///     fn is_broken(&self, number: &mut u64) -> bool {
///         *number > 7
///     }
/// }
///
/// let pool = Pool::new(&rt, Numbers, Config { max: 1, ..Config::default() }).unwrap();
/// let mut lease = pool.get().await.unwrap();
/// *lease += 1;
/// drop(lease);
/// // It came back broken, so this is another one.
/// assert_eq!(*pool.get().await.unwrap(), 7);
///
/// let held = pool.get().await.unwrap();
/// let error = rt.timeout(Duration::from_secs(60), pool.get()).await.unwrap().unwrap_err();
/// let text = error.to_string();
/// assert!(text.starts_with("no connection within 30s, waiting for a connection that others hold; 1 of 1 in use"));
/// drop(held);
/// let report = pool.close(Duration::from_secs(1)).await;
/// assert!(report.is_complete());
/// # });
/// ```
pub struct Pool<M: Manager> {
    owner: Arc<Owner<M>>,
}

/// Closes the pool when the last handle to it is dropped.
struct Owner<M: Manager>(Arc<Inner<M>>);

impl<M: Manager> Drop for Owner<M> {
    fn drop(&mut self) {
        self.0.close_now();
    }
}

impl<M: Manager> Pool<M> {
    /// A pool without connections; [`Config::min_idle`] of them are begun in the background.
    ///
    /// # Errors
    ///
    /// If `config` is out of range, by field.
    pub fn new(rt: &Rt, manager: M, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let inner = Arc::new(Inner::new(rt, manager, &config));
        maintenance::start(&inner);
        let now = inner.now();
        inner.change(|state, effects| state.machine.warm(now, 0, effects));
        Ok(Self { owner: Arc::new(Owner(inner)) })
    }

    /// Takes a connection: an idle one, a new one, or the next that comes back.
    ///
    /// Its time, [`Config::acquire_timeout`], counts from this call. Whoever waits is served in order. Once in 128
    /// connections that were there at once it lets other tasks run, so a loop over a quick pool starves nobody.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](super::TimedOut) when time is over, which says what went on;
    /// [`ConnectFailed`](super::ConnectFailed) if a connect failed in a way that another try would not mend; if too many
    /// wait already; if the pool is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, no connection, place or wake-up is lost, and the next in line gets the turn. A connect that
    /// was begun goes on and serves whoever is next; a check that was begun is cut short, and its connection is dropped.
    ///
    /// # Examples
    ///
    /// See [`Pool`].
    #[track_caller]
    #[inline]
    pub fn get(&self) -> Get<'_, M> {
        Get::new(self.inner(), 0, None, Location::caller())
    }

    /// As [`get`](Self::get), with a deadline and a priority of one's own.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get). A deadline that is over already fails only if nothing is idle.
    ///
    /// # Cancel safety
    ///
    /// As [`get`](Self::get).
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// # use std::{convert::Infallible, time::Duration};
    /// # use seaworthy_core::{pool::{Acquire, Config, Manager, Pool}, time::Deadline};
    /// # struct Numbers;
    /// # impl Manager for Numbers {
    /// #     type Connection = u64;
    /// #     type Error = Infallible;
    /// #     async fn connect(&self) -> Result<u64, Infallible> { Ok(7) }
    /// #     fn is_broken(&self, _number: &mut u64) -> bool { false }
    /// # }
    /// # let pool = Pool::new(&rt, Numbers, Config { max: 1, ..Config::default() }).unwrap();
    /// let checkout = Deadline::after(&rt, "checkout", Duration::from_secs(2));
    /// let acquire = Acquire { deadline: Some(checkout), priority: 10 };
    /// let number = pool.get_with(acquire).await.unwrap();
    /// # assert_eq!(*number, 7);
    /// # });
    /// ```
    #[track_caller]
    pub fn get_with(&self, acquire: Acquire) -> Get<'_, M> {
        Get::new(self.inner(), acquire.priority, acquire.deadline.map(Box::new), Location::caller())
    }

    /// Takes an idle connection if that needs no wait.
    ///
    /// # Errors
    ///
    /// If none is idle; if those that are would have to be checked first; if the pool is closed. While anyone waits it
    /// takes nothing.
    #[track_caller]
    pub fn try_get(&self) -> Result<Lease<M>, TryGetError> {
        let (inner, holder) = (self.inner(), Location::caller());
        let now = inner.now();
        let connection = inner.change(|state, effects| state.machine.try_take(now, holder, effects))?;
        Ok(Lease::new(connection))
    }

    /// Opens connections until `count` are open, or as many as may be; those that are leased count.
    ///
    /// # Errors
    ///
    /// If a connect fails meanwhile, with what it said; if the pool is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future begins no more connects. Those that are under way go on.
    pub async fn warm(&self, count: usize) -> Result<(), WarmError<M::Error>> {
        // First of all: a connect that fails on another thread as soon as it is begun is not missed.
        let mut failures = self.stats().connect_failures;
        let inner = self.inner();
        let watching = Watching::start(inner);
        let _warming = Warming::start(inner, count);
        loop {
            let (open, stats, last_error) = {
                let state = inner.state.lock();
                (state.machine.open(), state.machine.stats(), state.last_error.clone())
            };
            if open >= count.min(stats.max) {
                return Ok(());
            }
            if self.is_closed() {
                return Err(WarmError::Closed);
            }
            let is_new = std::mem::replace(&mut failures, stats.connect_failures) < stats.connect_failures;
            if let Some(source) = last_error.filter(|_| is_new) {
                return Err(WarmError::Connect { open, wanted: count, source });
            }
            watching.changed().await;
        }
    }

    /// Declares all connections outdated, also those being made: idle ones are closed at once, leased ones when they come
    /// back. For a change of the password, or of the server behind a name.
    pub fn expire_all(&self) {
        let now = self.inner().now();
        self.inner().change(|state, effects| state.machine.expire_all(now, effects));
    }

    /// Looks at the idle connections one after the other, and closes those for which `stays` says no: those to a server
    /// that is to be drained, say. It runs without the lock, while the others may be lent. Connections that are leased, or
    /// come back meanwhile, may be missed: see [`expire_all`](Self::expire_all) for those.
    ///
    /// # Panics
    ///
    /// If `stays` does. The connection it looked at is dropped then, the others stay.
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// # use std::{convert::Infallible, time::Duration};
    /// # use seaworthy_core::pool::{Config, Manager, Pool};
    /// # struct Numbers;
    /// # impl Manager for Numbers {
    /// #     type Connection = u64;
    /// #     type Error = Infallible;
    /// #     async fn connect(&self) -> Result<u64, Infallible> { Ok(7) }
    /// #     fn is_broken(&self, _number: &mut u64) -> bool { false }
    /// # }
    /// # let pool = Pool::new(&rt, Numbers, Config::default()).unwrap();
    /// pool.warm(3).await.unwrap();
    /// pool.retain(|number, info| *number == 7 && info.age < Duration::from_secs(60));
    /// assert_eq!(pool.stats().idle, 3);
    /// # });
    /// ```
    pub fn retain(&self, mut stays: impl FnMut(&mut M::Connection, Info) -> bool) {
        let inner = self.inner();
        let idle = inner.state.lock().machine.idle();
        for index in idle {
            let now = inner.now();
            let taken = inner.change(|state, _effects| state.machine.set_aside(now, index));
            if let Some((connection, info)) = taken {
                Aside::show(inner, (index, connection), info, &mut stays);
            }
        }
    }

    /// Changes how many connections there are at most. If there are more, idle ones are closed at once and leased ones when
    /// they come back. 0 pauses the pool: whoever asks waits.
    ///
    /// # Errors
    ///
    /// If it is more than 1,000,000. Nothing is changed then.
    pub fn resize(&self, max: usize) -> Result<(), ConfigError> {
        if max > MAX_MAX {
            return Err(ConfigError::new("pool::Config::max", max, "0 to 1000000"));
        }
        let now = self.inner().now();
        self.inner().change(|state, effects| state.machine.resize(now, max, effects));
        Ok(())
    }

    /// Closes the pool for good: whoever waits fails at once, idle connections are closed, leased ones close when they come
    /// back. Waits until all is gone, for at most `grace`, and reports who still holds what.
    ///
    /// # Cancel safety
    ///
    /// Once it was polled the pool is closed. Dropping the future ends the wait, and calling it again goes on with it.
    pub async fn close(&self, grace: Duration) -> CloseReport {
        let inner = self.inner();
        let before = self.stats().retired.total();
        let watching = Watching::start(inner);
        inner.close_now();
        let all_gone = async {
            while !inner.state.lock().machine.is_empty() {
                watching.changed().await;
            }
        };
        // What is left is in the report.
        let _elapsed = inner.rt.timeout(grace, all_gone).await;
        let now = inner.now();
        let state = inner.state.lock();
        let stats = state.machine.stats();
        CloseReport {
            closed: stats.retired.total() - before,
            closing: stats.closing + state.machine.aside(),
            outstanding: state.machine.holders(now),
        }
    }

    /// Whether it was closed, or its runtime has ended.
    pub fn is_closed(&self) -> bool {
        self.inner().state.lock().machine.is_closed()
    }

    /// What it is doing and has done.
    pub fn stats(&self) -> Stats {
        self.inner().state.lock().machine.stats()
    }

    #[cfg(test)]
    pub(super) fn inner_for_tests(&self) -> &Arc<Inner<M>> {
        self.inner()
    }

    #[inline]
    fn inner(&self) -> &Arc<Inner<M>> {
        &self.owner.0
    }
}

impl<M: Manager> Clone for Pool<M> {
    fn clone(&self) -> Self {
        Self { owner: Arc::clone(&self.owner) }
    }
}

impl<M: Manager> fmt::Debug for Pool<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
