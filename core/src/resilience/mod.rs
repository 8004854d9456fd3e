//! What to do when a dependency fails: retries, circuit breakers, policies over them, and orchestrated tasks.

pub mod breaker;
