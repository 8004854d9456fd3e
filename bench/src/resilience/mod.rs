//! The component `resilience` and its peers.

pub(crate) mod retry;
pub(crate) mod breaker;
