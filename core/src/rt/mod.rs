//! The seam between components and runtimes, and the pleasant handle in front of it.
//!
//! A component takes [`&Rt`](Rt) and knows nothing else of the runtime. A runtime implements [`Runtime`] and [`Net`]
//! and knows nothing of the components. All that must be the same everywhere (how a task ends, what a timeout counts,
//! which address is tried first) is written once, here, between the two.
//!
//! | for | there is |
//! |---|---|
//! | tasks | [`Rt::spawn`], [`Rt::spawn_blocking`], [`Task`], [`Scope`], [`Rt::shield`] |
//! | ending | [`CancelToken`], [`Task::cancel`] |
//! | time | [`Rt::sleep`], [`Rt::timeout`], [`Rt::interval`], [`Rt::now`] |
//! | network | [`Rt::connect`], [`Rt::listen`], [`Rt::resolve`] |
//! | chance | [`Rt::rng`] |
//!
//! Nothing here is generic over the runtime, no context is global, and no call panics because a runtime was not found.

mod cancel;
#[cfg(feature = "testing")]
pub mod conformance;
mod connect;
mod coop;
#[cfg(test)]
mod counting;
mod handle;
mod interval;
mod join_error;
mod net;
mod read_buf;
mod rng;
mod runtime;
mod scope;
mod shield;
mod signal;
mod sleep;
mod task;
#[cfg(test)]
mod tests;
mod timeout;
#[cfg(feature = "tokio-io")]
pub mod tokio_io;
mod wakers;

pub use cancel::{CancelOnDrop, CancelToken, Cancelled};
pub use connect::{Endpoint, ParseEndpointError};
pub use coop::{Coop, yield_now};
#[cfg(test)]
pub(crate) use counting::counting;
pub use futures::future::BoxFuture;
pub use handle::Rt;
pub use interval::{Interval, MissedTicks};
pub use join_error::{JoinError, Panic, Rejection, TaskName, TaskPhase};
pub use net::{Address, BoxConnection, BoxListener, Connection, Listener, Net};
pub use read_buf::ReadBuf;
pub use rng::Rng;
pub use runtime::{Runtime, Timer};
pub use scope::Scope;
pub use shield::Shield;
pub use signal::Signal;
pub use sleep::Sleep;
#[cfg(any(test, feature = "testing"))]
pub(crate) use task::thread_token;
pub use task::{Cancel, Task};
pub use timeout::{Elapsed, Timeout};
#[cfg(test)]
pub(crate) use wakers::strangers;
pub(crate) use wakers::{Place, Wakers, poll_locked, wake_each, wake_unreported};
