//! The component `resilience` and its peers.

pub(crate) mod breaker;
pub(crate) mod defects;
pub(crate) mod retry;
