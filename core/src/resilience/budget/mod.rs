//! How many retries there may be at all, whatever each caller would like.
//!
//! A backend that fails makes every caller try again, and the retries are what keeps it down. A [`Budget`] is shared by all
//! callers of one backend and lets through only so many: see [`Budget::new`] and [`Budget::in_flight`] for the two ways to
//! count.

mod config;
mod in_flight;
mod registry;
mod tokens;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

pub use config::{Config, InFlight};
pub use registry::{Budgets, TooManyBudgets};

use self::{in_flight::Counts, tokens::Tokens};
use crate::{ConfigError, rt::Rt};

/// A bound on retries, shared by all who call one backend. Clones are the same budget.
///
/// It guards retries only: running dry never stops a first attempt, nor a retry that was let through before.
///
/// [`Retry`](super::Retry) and [`Policy`](super::Policy) ask it by themselves. Loops of one's own [`begin`](Self::begin) a
/// call and ask for each retry.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::resilience::{Budget, budget};
///
/// // One retry in ten calls, and ten at once.
/// let config = budget::Config { ratio: 0.1, tokens_max: 10, reserve_per_second: 0 };
/// let budget = Budget::new(&rt, config)?;
/// let retried = (0..1000).filter(|_| budget.begin().try_retry().is_ok()).count();
/// assert_eq!(retried, 109, "the first found the bucket full");
/// # Ok::<(), seaworthy_core::ConfigError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Budget(Arc<Shared>);

struct Shared {
    rt: Rt,
    kind: Kind,
    granted: AtomicU64,
    refused: AtomicU64,
    is_dry: AtomicBool,
}

enum Kind {
    Tokens(Tokens),
    InFlight(Counts),
}

/// The budget has nothing left for this retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the retry budget is used up: too many calls are being retried already; fail, and let the backend recover"
)]
#[non_exhaustive]
pub struct Exhausted;

/// What a [`Budget`] has seen, and what it has left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Retries that were let through.
    pub granted: u64,
    /// Retries that were stopped.
    pub refused: u64,
    /// Whole retries that are left now. For a budget of calls in flight: how many more may be in flight.
    pub available: u64,
    /// Calls in flight; 0 for a budget of tokens, which does not count them.
    pub calls_in_flight: u32,
    /// Retries in flight; 0 for a budget of tokens.
    pub retries_in_flight: u32,
}

impl Budget {
    /// A token bucket. It starts full; each retry takes a token; each first attempt adds `ratio` of one, and each second
    /// `reserve_per_second`, up to `tokens_max`.
    ///
    /// In any interval `(a, b]`, retries ≤ `tokens_max` + `ratio` × first attempts in `(a, b]` + `reserve_per_second` ×
    /// (b − a). It counts in whole billionths of a token, so nothing is lost or won by rounding but for `ratio`, which is
    /// rounded down to a billionth.
    ///
    /// # Errors
    ///
    /// If `config` is out of range, by field.
    pub fn new(rt: &Rt, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self::with(rt, Kind::Tokens(Tokens::new(&config, rt.now()))))
    }

    /// Bounds how many retries are under way at once: at most `ratio` × calls in flight, and always `retries_min`.
    ///
    /// A call is in flight from its first attempt to its end, pauses included; a retry from the start of the pause before
    /// it. This is how Envoy counts (`retry_budget`); it needs no clock and adapts to slow backends.
    ///
    /// # Errors
    ///
    /// If `config` is out of range, by field.
    pub fn in_flight(rt: &Rt, config: InFlight) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self::with(rt, Kind::InFlight(Counts::new(&config))))
    }

    fn with(rt: &Rt, kind: Kind) -> Self {
        Self(Arc::new(Shared {
            rt: rt.clone(),
            kind,
            granted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            is_dry: AtomicBool::new(false),
        }))
    }

    /// Counts the first attempt of a call. It is never refused.
    pub fn begin(&self) -> Call<'_> {
        match &self.0.kind {
            Kind::Tokens(tokens) => tokens.deposit(),
            Kind::InFlight(counts) => counts.begin_call(),
        }
        Call { shared: &self.0 }
    }

    /// What it has seen, and what it has left.
    pub fn stats(&self) -> Stats {
        let stats = Stats {
            granted: self.0.granted.load(Ordering::Relaxed),
            refused: self.0.refused.load(Ordering::Relaxed),
            ..Stats::default()
        };
        match &self.0.kind {
            Kind::Tokens(tokens) => Stats { available: tokens.available(self.0.rt.now()), ..stats },
            Kind::InFlight(counts) => {
                let (calls_in_flight, retries_in_flight) = counts.now();
                Stats { available: counts.available(), calls_in_flight, retries_in_flight, ..stats }
            }
        }
    }
}

impl Shared {
    fn try_retry(&self) -> Result<(), Exhausted> {
        let granted = match &self.kind {
            Kind::Tokens(tokens) => tokens.withdraw(self.rt.now()),
            Kind::InFlight(counts) => counts.begin_retry(),
        };
        let count = if granted { &self.granted } else { &self.refused };
        count.fetch_add(1, Ordering::Relaxed);
        if granted {
            // Half full again ends a dry spell, and not the first token that drips in: each would begin another.
            if self.is_dry.load(Ordering::Relaxed) && self.is_half_full() {
                self.is_dry.store(false, Ordering::Relaxed);
            }
            return Ok(());
        }
        // Once for each dry spell, not once for each caller.
        if !self.is_dry.swap(true, Ordering::Relaxed) {
            tracing::warn!(name: "seaworthy.budget.dry", "a retry budget is used up: retries are stopped");
        }
        Err(Exhausted)
    }

    fn is_half_full(&self) -> bool {
        match &self.kind {
            Kind::Tokens(tokens) => tokens.is_half_full(),
            Kind::InFlight(counts) => counts.is_half_full(),
        }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Budget").field(&self.stats()).finish()
    }
}

/// A call that a [`Budget`] counts, from its first attempt until this is dropped.
#[must_use = "the call ends when this is dropped"]
pub struct Call<'a> {
    shared: &'a Shared,
}

impl<'a> Call<'a> {
    /// Asks for one retry. It is under way until the returned [`Permit`] is dropped.
    ///
    /// # Errors
    ///
    /// If the budget is used up. Waiting for it would only move the storm; fail instead.
    pub fn try_retry(&self) -> Result<Permit<'a>, Exhausted> {
        self.shared.try_retry()?;
        Ok(Permit { shared: self.shared })
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Kind::InFlight(counts) = &self.shared.kind {
            counts.end_call();
        }
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

/// One retry that a [`Budget`] let through; under way until this is dropped. A token that was taken stays taken.
#[must_use = "the retry ends when this is dropped"]
pub struct Permit<'a> {
    shared: &'a Shared,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Kind::InFlight(counts) = &self.shared.kind {
            counts.end_retry();
        }
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
