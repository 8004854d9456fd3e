//! The component `stream` and its peers.

pub(crate) mod generate;
pub(crate) mod merge;
