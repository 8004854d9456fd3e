//! The component `stream` and its peers.

pub(crate) mod batches;
pub(crate) mod generate;
pub(crate) mod map_concurrent;
pub(crate) mod merge;
