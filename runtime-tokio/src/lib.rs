//! The tokio binding of Seaworthy.
//!
//! [`run`] starts a runtime of its own and hands its [`Rt`] to the program:
//!
//! ```
//! use std::time::Duration;
//!
//! let slept = seaworthy_tokio::run(async |rt| {
//!     let start = rt.now();
//!     rt.sleep(Duration::from_millis(1)).await;
//!     rt.now() - start
//! });
//! assert!(slept >= Duration::from_millis(1));
//! ```
//!
//! A program that runs on tokio already takes the runtime it is in:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let rt = seaworthy_tokio::Tokio::current()?.rt();
//! assert_eq!(rt.spawn("answer", async { 6 * 7 }).await?, 42);
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # Limits
//!
//! - A runtime that was built by others needs its time and its I/O driver (`enable_all`); without them tokio panics at
//!   the first timer or connection.
//! - Timers have tokio's resolution of one millisecond, rounded up.
//! - Tasks are names to Seaworthy only; tokio's own tools do not see them.
//! - When all blocking threads are stuck as the runtime ends, the jobs queued behind them are dropped only when one of
//!   the threads comes free.
//! - Unix domain sockets are there on Unix only; elsewhere they fail with
//!   [`Unsupported`](std::io::ErrorKind::Unsupported).

mod config;
mod net;
mod run;
mod runtime;
mod signal;
mod stream;
mod timer;
#[cfg_attr(not(unix), path = "no_unix.rs")]
mod unix;

pub use config::{Config, Flavor};
pub use run::{run, run_with};
pub use runtime::Tokio;
pub use seaworthy_core::rt::{Rt, Signal};
pub use signal::{ShutdownSignal, shutdown_signal};
