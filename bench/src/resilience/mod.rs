//! The component `resilience` and its peers.

pub(crate) mod breaker;
pub(crate) mod defects;
