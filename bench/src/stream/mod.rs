//! The component `stream` and its peers.

pub(crate) mod batches;
