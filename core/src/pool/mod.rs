//! A pool of connections: bounded, fair, and it says why when it cannot serve.
//!
//! [`Pool`] keeps what a [`Manager`] connects and lends it out as [`Lease`]s. It works for whatever is dear to make and
//! good for more than one use: sockets, database sessions, clients.
//!
//! # Laws
//!
//! 1. `in_use + idle + connecting + checking + closing ≤ max`. After a [`Pool::resize`] down the sum only falls: idle
//!    connections go at once, leased ones when they come back. A connection has one holder at a time.
//! 2. Waiters are served by the ageing key of [`wait::Key`](crate::wait::Key), those of equal priority in the order of
//!    their first poll. [`Pool::try_get`] takes nothing while anyone waits.
//! 3. A [`Get`] may be dropped at any point: no connection, no place and no wake-up is lost, and the next in line gets
//!    the turn. A check or a reset cut short discards its connection. A connection that was handed over and is not picked
//!    up within [`Config::handover_max`] goes to the next, and is counted.
//! 4. Connecting runs in a task of its own with a time limit of its own. If the caller is gone by then, the connection
//!    goes to the next in line, or becomes idle.
//! 5. Broken connections are never handed out, nor is one whose holder panicked; one that
//!    [needs it](Manager::needs_reset) is reset first. Those too old, too worn or idle for too long retire when they are
//!    asked for **and** when they come back. Jitter is drawn once, at birth.
//! 6. While the backend is dead, connects are rare and backed off with jitter, and whoever waits fails at its own
//!    deadline with the last connect error, or at once if the manager calls that error [fatal](Manager::is_fatal). When
//!    the backend is back there is no stampede.
//! 7. [`Config::acquire_timeout`] covers everything from the call to the lease, and the error tells what went on:
//!    [`TimedOut`]. Whoever is late is out of the line: nothing is made for it or handed to it any more.
//! 8. [`Pool::close`]: whoever waits fails at once, leases close when they come back, and after the grace period a
//!    [`CloseReport`] tells who still holds what.
//! 9. No code of the manager, the connection or a waker runs under the lock, so all of it may use the pool. A panic in
//!    it neither poisons the pool nor costs it a place, nor does it keep anyone else from being woken.
//! 10. A lease may be dropped outside of the runtime, after the close and during the shutdown.
//!
//! # What a time is worth
//!
//! A get and a return read the clock once together, at the call of [`Pool::get`]. A lease that comes back before the next
//! look of the maintenance task counts as idle since it was taken, so the pool may take a connection for idle by up to a
//! quarter of the shortest of [`Config::check`](field@Config::check), [`Config::idle_timeout`], [`Config::keepalive`] and
//! [`Config::leak_warning_after`] too early, and never too late. The task looks ten times a second at most; where that is
//! not enough (a check always or after less than 0.4 s, an idle timeout of less) every return reads the clock instead.
//!
//! # What the runtime sees
//!
//! Tasks named `pool.maintenance`, `pool.connect`, `pool.close`, `pool.reset` and `pool.keepalive`. The first has no timer
//! while nothing can expire.
//!
//! # Events
//!
//! At the level of a warning: `seaworthy.pool.leak`, `seaworthy.pool.panicked`. For information:
//! `seaworthy.pool.connect_failed` (whoever waits is told), `seaworthy.pool.leak_returned`. For debugging:
//! `seaworthy.pool.retired`, `seaworthy.pool.timed_out`, `seaworthy.pool.check_failed`, `seaworthy.pool.close_timed_out`.
//!
//! # Overload
//!
//! Whoever waits is served in order, also when more ask than can be served. What bounds the wait is
//! [`Config::waiters_max`] and the deadline of each call, not a newer caller that is served first.

mod aside;
mod close;
mod config;
mod connect;
mod driver;
mod error;
mod get;
mod handle;
mod held;
mod lease;
mod maintenance;
mod manager;
mod state;
mod stats;
mod wake;
mod watch;

#[cfg(test)]
mod tests;

pub use config::{Check, Config, Order};
pub use error::{AcquireError, ConnectError, ConnectFailed, Phase, TimedOut, TryGetError, WarmError};
pub use get::{Acquire, Get};
pub use handle::Pool;
pub use lease::Lease;
pub use manager::Manager;
pub use stats::{CloseReport, Holder, Info, Retired, Stats};
