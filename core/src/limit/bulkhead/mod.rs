//! Bounded concurrency: at most so many at once, the others wait in line.
//!
//! # Laws
//!
//! 1. Never are more permits held than there are, but for those that were held already when the bulkhead was made
//!    smaller.
//! 2. Permits go to those who wait in order of priority, then of arrival; no newcomer overtakes them. With
//!    [`Config::ageing_step`] a priority is worth so much of waiting and no more, so that nobody waits for ever.
//! 3. A waiter that is dropped, or times out, loses no permit: what it was granted goes to the next.
//! 4. Each waiter is woken once for each permit that it is granted. Nobody waits while a permit is free. A permit that was
//!    granted and that nobody comes for within [`Config::handover_max`] goes to the next, and is counted: a waiter that is
//!    not polled holds up nobody for longer. If it is polled after all, it stands where it stood.
//! 5. As many wait as may, and no more.

mod acquiring;
mod config;
mod driver;
mod error;
mod state;
mod watch;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use self::driver::Inner;
pub use self::{
    acquiring::Acquiring,
    config::Config,
    error::{AcquireError, BulkheadFull},
};
use super::Acquire;
use crate::{ConfigError, rt::Rt};

/// Bounds how many do something at the same time, so that one slow neighbour cannot take all there is.
///
/// Clones are the same bulkhead. See the [module](self) for the laws.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::limit::{Bulkhead, bulkhead::Config};
///
/// let reports = Bulkhead::new(&rt, Config { permits: 2, ..Config::default() })?;
/// let first = reports.acquire().await?;
/// let second = reports.try_acquire()?;
/// let full = reports.try_acquire().unwrap_err();
/// assert_eq!((full.in_use, full.permits), (2, 2));
///
/// drop(first);
/// let third = reports.acquire().await?;
/// # drop((second, third));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Bulkhead {
    inner: Arc<Inner>,
}

impl Bulkhead {
    /// A bulkhead with all its permits free.
    ///
    /// # Errors
    ///
    /// If `config` is out of range, by field.
    pub fn new(rt: &Rt, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { inner: Arc::new(Inner::new(rt, &config)) })
    }

    /// Takes a permit if one is free and nobody waits for it.
    ///
    /// # Errors
    ///
    /// How full it is.
    pub fn try_acquire(&self) -> Result<Permit, BulkheadFull> {
        self.inner.try_take().map(|()| Permit::new(&self.inner))
    }

    /// Waits for a permit: first come, first served.
    ///
    /// # Errors
    ///
    /// [`AcquireError::QueueFull`] at once, if as many wait as may.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, its place or its permit goes to the next in line.
    pub fn acquire(&self) -> Acquiring {
        self.acquire_with(Acquire::default())
    }

    /// As [`acquire`](Self::acquire), with a deadline and a priority. A permit that is free is given out even when the
    /// deadline is over, as by [`Deadline::run`](crate::time::Deadline::run).
    ///
    /// # Errors
    ///
    /// [`AcquireError::QueueFull`] at once, if as many wait as may; [`AcquireError::DeadlineExceeded`] when the deadline
    /// comes before a permit does.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, its place or its permit goes to the next in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use seaworthy_core::{limit::{Acquire, Bulkhead, bulkhead::Config}, time::Deadline};
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// let bulkhead = Bulkhead::new(&rt, Config { permits: 1, ..Config::default() }).unwrap();
    /// let _held = bulkhead.try_acquire().unwrap();
    /// let deadline = Deadline::after(&rt, "checkout", Duration::from_secs(2));
    /// let how = Acquire { deadline: Some(deadline), ..Acquire::default() };
    /// assert_eq!(
    ///     bulkhead.acquire_with(how).await.unwrap_err().to_string(),
    ///     "`checkout` was not finished within 2s: waiting for a permit, while \
    ///      1 of 1 permits of the bulkhead are in use and 1 of at most 10000 wait for one"
    /// );
    /// # });
    /// ```
    pub fn acquire_with(&self, how: Acquire) -> Acquiring {
        Acquiring::new(&self.inner, how)
    }

    /// Changes how many permits there are, from 0 (closed) to 1,000,000. Permits that are held stay valid: made smaller,
    /// it gives out no more until enough of them are back.
    ///
    /// # Errors
    ///
    /// If it is out of range.
    pub fn resize(&self, permits: usize) -> Result<(), ConfigError> {
        config::check_permits(permits)?;
        self.inner.resize(permits);
        Ok(())
    }

    /// How full it is, and what has become of those who came.
    pub fn stats(&self) -> Stats {
        self.inner.machine.lock().stats()
    }
}

impl fmt::Debug for Bulkhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulkhead").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// The right to be one of those at work, by [`Bulkhead::acquire`]. Dropping it gives it to the next in line.
#[must_use = "dropping a permit gives it back"]
pub struct Permit {
    inner: Arc<Inner>,
}

impl Permit {
    fn new(inner: &Arc<Inner>) -> Self {
        Self { inner: Arc::clone(inner) }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.inner.release();
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// How full a [`Bulkhead`] is, and what has become of those who came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How many permits there are.
    pub permits: usize,
    /// How many are in use, also those granted to a waiter that has not come for its permit yet.
    pub in_use: usize,
    /// How many wait for one.
    pub waiting: usize,
    /// How many permits were given out so far.
    pub granted: u64,
    /// How often there was no permit, or no place in line.
    pub rejected: u64,
    /// How many waited until their deadline.
    pub timed_out: u64,
    /// How many permits were granted to a waiter that did not come for them in time, and went to the next.
    pub handovers_missed: u64,
}
