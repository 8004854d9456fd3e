//! What to do when a dependency fails: retries, circuit breakers, policies over them, and orchestrated tasks.

pub mod breaker;
pub mod budget;
pub mod orchestrator;
pub mod policy;
pub mod retry;

pub use breaker::CircuitBreaker;
pub use budget::Budget;
pub use orchestrator::Orchestrator;
pub use policy::{Policy, PolicyError};
pub use retry::{Attempt, Retry};

pub use crate::time::{Backoff, Jitter};
