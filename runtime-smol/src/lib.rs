//! The smol binding of Seaworthy.
//!
//! [`run`] starts an executor of its own, on as many threads as there are cores, and hands its [`Rt`] to the program:
//!
//! ```
//! use std::time::Duration;
//!
//! let slept = seaworthy_smol::run(async |rt| {
//!     let start = rt.now();
//!     rt.sleep(Duration::from_millis(1)).await;
//!     rt.now() - start
//! });
//! assert!(slept >= Duration::from_millis(1));
//! ```
//!
//! Each of these threads also drives smol's reactor when it has nothing else to do, so an event of the network is
//! mostly handled on the thread that it woke.
//!
//! A program that drives an executor of [`async_executor`] already takes that, see [`Smol::new`].
//!
//! # Limits
//!
//! - The reactor and the pool of blocking threads are smol's, one for the process. Timers and sockets therefore outlive
//!   the executor, and the greatest number of blocking threads is that of the [`blocking`] crate: 500, or the environment
//!   variable `BLOCKING_MAX_THREADS`.
//! - When all blocking threads are stuck as the runtime ends, the jobs queued behind them are dropped only when one of
//!   the threads comes free.
//! - Unix domain sockets are there on Unix only; elsewhere they fail with
//!   [`Unsupported`](std::io::ErrorKind::Unsupported).

mod config;
mod net;
mod recv;
mod run;
mod runtime;
mod signal;
mod stream;
mod timer;
#[cfg_attr(not(unix), path = "no_unix.rs")]
mod unix;

pub use config::Config;
pub use run::{run, run_with};
pub use runtime::Smol;
pub use seaworthy_core::rt::{Rt, Signal};
pub use signal::{ShutdownSignal, shutdown_signal};
