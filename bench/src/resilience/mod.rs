//! The component `resilience` and its peers.
