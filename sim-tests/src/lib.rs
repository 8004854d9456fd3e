//! Seaworthy inside turmoil: hosts, a network and a clock that are simulated on one thread and follow from a seed.
//!
//! The code under test is the production code. It is given an [`Rt`](seaworthy_core::rt::Rt) like on any other runtime,
//! and [`Turmoil`] behind it answers with simulated time, turmoil's TCP and random numbers of the seed. The same seed
//! gives the same run, event by event; another seed gives other latencies and another order of tasks and hosts.
//!
//! | to | there is |
//! |---|---|
//! | run one host | [`run`] |
//! | run several | [`Simulation`], set up by [`Config`] |
//! | find out what failed | [`Failure`] |
//! | break connections from outside | [`Links`] |
//!
//! # What a connection is made of
//!
//! turmoil's TCP stream, then the [link](Links) that adds what turmoil's lacks. Whatever else is to see or disturb the
//! bytes wraps the boxed connection after that.
//!
//! # `--cfg tokio_unstable`
//!
//! Neither needed nor set here: a flag in `.cargo/config.toml` would reach every build in the workspace, the command
//! and the published crates with it, and would silently give way to a `RUSTFLAGS` of the environment. Tasks of
//! [`Rt::spawn`](seaworthy_core::rt::Rt::spawn) need it for nothing: a panic of theirs is caught and fails the run, and
//! core has no unseeded choice in it. Foreign code is another matter: with the flag, a panic in a task that a library
//! gave to tokio itself ends the run as [`Cause::Simulator`], and `tokio::select!` follows the seed. Set it for runs
//! over such libraries; nothing else changes.

mod binding;
#[cfg(unix)]
mod command;
mod digest;
pub mod engine;
pub mod event;
pub mod fault;
pub mod outcome;
mod points;
pub mod report;
pub mod scenario;
pub mod scenarios;
mod sim;
pub mod sweep;
mod weather;

pub use binding::{Cause, Config, ConfigError, Failure, HostResult, Links, Pair, Simulation, Turmoil, run};
#[cfg(unix)]
pub use command::{main, main_in};
pub use digest::Fingerprint;
pub use sim::Sim;
