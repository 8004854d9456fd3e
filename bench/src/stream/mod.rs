//! The component `stream` and its peers.

pub(crate) mod generate;
pub(crate) mod merge;
pub(crate) mod batches;
pub(crate) mod map_concurrent;
