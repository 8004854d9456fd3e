//! What to do when a dependency fails: retries, circuit breakers, policies over them, and orchestrated tasks.
//!
//! | for | there is |
//! |---|---|
//! | trying again, within bounds | [`Retry`], with a [`Backoff`] and a [`Budget`], [`budget::Budgets`] |
//! | not calling what is down | [`CircuitBreaker`], [`breaker::Breakers`] |
//! | all of it around one operation, in the right order | [`Policy`] |
//! | many tasks, some after others | [`Orchestrator`] |
//!
//! Nothing here knows a protocol: what is worth another attempt is for the caller to [say](retry::Verdict). The guide
//! `docs/policies.md` says which to choose.

pub mod breaker;
pub mod budget;
pub mod orchestrator;
pub mod policy;
mod registry;
pub mod retry;
#[cfg(test)]
mod tests;
#[cfg(feature = "tower")]
pub mod tower;

pub use breaker::CircuitBreaker;
pub use budget::Budget;
pub use orchestrator::Orchestrator;
pub use policy::{Policy, PolicyError};
pub use retry::{Attempt, Retry};

pub use crate::time::{Backoff, Jitter};
