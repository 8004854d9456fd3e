//! The turmoil binding: what stands between [`Rt`](seaworthy_core::rt::Rt) and turmoil.

mod config;
mod failure;
mod host;
mod link;
mod linked;
mod run;
mod runtime;
mod sim;
mod tasks;
mod tcp;
mod timer;

pub use config::{Config, ConfigError};
pub use failure::{Cause, Failure, HostResult};
pub use link::{Links, Pair};
pub use runtime::Turmoil;
pub use sim::{Simulation, run};
