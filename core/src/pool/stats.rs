use std::{fmt, panic::Location, time::Duration};

use crate::time::Shown;

/// What a pool is doing and has done.
///
/// The counts add up: each connect that was `connected` is `in_use`, `idle`, `checking`, `closing`, or among the
/// [`Retired::total`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The present bound of all connections.
    pub max: usize,
    /// Leased, or handed over and about to be picked up.
    pub in_use: usize,
    /// Waiting for work.
    pub idle: usize,
    /// Being made.
    pub connecting: usize,
    /// Being checked or reset, or looked at by [`Pool::retain`](super::Pool::retain).
    pub checking: usize,
    /// On their way out, and still counted against `max`.
    pub closing: usize,
    /// Callers in line.
    pub waiting: usize,
    /// Leases given out so far.
    pub leased: u64,
    /// Calls that had to stand in line so far.
    pub waited: u64,
    /// Calls that failed because their time was over.
    pub timed_out: u64,
    /// Calls that failed because the error of a connect was [fatal](super::Manager::is_fatal).
    pub failed_fast: u64,
    /// Calls that failed because the line was full.
    pub rejected: u64,
    /// Connections that were handed over, not picked up in time, and given to the next.
    pub handovers_missed: u64,
    /// Connects that succeeded.
    pub connected: u64,
    /// Connects that failed, timed out or panicked.
    pub connect_failures: u64,
    /// Checks of idle connections that were begun.
    pub checks: u64,
    /// Resets of connections that came back that were begun.
    pub resets: u64,
    /// Leases that were reported as held for too long.
    pub leaks: u64,
    /// Panics in the manager or in a destructor of a connection. Those of wakers are logged only.
    pub panics: u64,
    /// Connections that are gone, by reason.
    pub retired: Retired,
}

/// Connections that left the pool for good, each counted once, when it is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retired {
    /// Found broken when they came back.
    pub broken: u64,
    /// Given up by their holder, [`Lease::discard`](super::Lease::discard), or by
    /// [`Pool::retain`](super::Pool::retain).
    pub discarded: u64,
    /// Taken along by their holder: [`Lease::detach`](super::Lease::detach).
    pub detached: u64,
    /// Failed their check, or took too long for it.
    pub check_failed: u64,
    /// Dropped with a [`Get`](super::Get) in the middle of their check.
    pub check_cut_short: u64,
    /// Not reset: that failed, took too long, or was cut short.
    pub reset_failed: u64,
    /// In the hands of somebody who panicked.
    pub panicked: u64,
    /// Too old.
    pub lifetime: u64,
    /// Idle for too long.
    pub idle: u64,
    /// Lent often enough.
    pub uses: u64,
    /// More than the pool may have since it was resized.
    pub surplus: u64,
    /// Declared outdated by [`Pool::expire_all`](super::Pool::expire_all).
    pub expired: u64,
    /// Closed with the pool.
    pub closed: u64,
}

/// Why a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Broken,
    Discarded,
    Detached,
    CheckFailed,
    CheckCutShort,
    ResetFailed,
    Panicked,
    Lifetime,
    Idle,
    Uses,
    Surplus,
    Expired,
    Closed,
}

impl Reason {
    /// Whether there is somebody to say goodbye to.
    pub(super) fn is_graceful(self) -> bool {
        !matches!(
            self,
            Self::Broken
                | Self::Detached
                | Self::CheckFailed
                | Self::CheckCutShort
                | Self::ResetFailed
                | Self::Panicked
        )
    }
}

impl Retired {
    /// All of them.
    pub fn total(&self) -> u64 {
        let Self { broken, discarded, detached, check_failed, check_cut_short, .. } = self;
        let Self { reset_failed, panicked, lifetime, idle, uses, surplus, expired, closed, .. } = self;
        let given_up =
            broken + discarded + detached + check_failed + check_cut_short + reset_failed + panicked;
        given_up + lifetime + idle + uses + surplus + expired + closed
    }

    pub(super) fn count(&mut self, reason: Reason) {
        *match reason {
            Reason::Broken => &mut self.broken,
            Reason::Discarded => &mut self.discarded,
            Reason::Detached => &mut self.detached,
            Reason::CheckFailed => &mut self.check_failed,
            Reason::CheckCutShort => &mut self.check_cut_short,
            Reason::ResetFailed => &mut self.reset_failed,
            Reason::Panicked => &mut self.panicked,
            Reason::Lifetime => &mut self.lifetime,
            Reason::Idle => &mut self.idle,
            Reason::Uses => &mut self.uses,
            Reason::Surplus => &mut self.surplus,
            Reason::Expired => &mut self.expired,
            Reason::Closed => &mut self.closed,
        } += 1;
    }
}

/// What there is to know of a connection, from [`Lease::info`](super::Lease::info) and
/// [`Pool::retain`](super::Pool::retain).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Since it was made.
    pub age: Duration,
    /// How often it was lent, the present lease included.
    pub uses: u64,
    /// For how long it is idle, at most; nothing while it is lent.
    pub idle: Duration,
}

/// A lease that is out: who took it, and how long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The place of the call of `get` that took it.
    pub location: &'static Location<'static>,
    /// For how long it is held.
    pub age: Duration,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "held for {} by {}", Shown(self.age), self.location)
    }
}

/// What [`Pool::close`](super::Pool::close) has achieved within its grace period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReport {
    /// How many connections have left the pool since the call of `close`.
    pub closed: u64,
    /// How many were still being reset or saying goodbye. They are dropped when their time is over.
    pub closing: usize,
    /// The leases that are still out, the oldest first. They close when they come back.
    pub outstanding: Vec<Holder>,
}

impl CloseReport {
    /// Whether nothing is left.
    pub fn is_complete(&self) -> bool {
        self.closing == 0 && self.outstanding.is_empty()
    }
}
