//! The component `pool` and its peers.

pub(crate) mod contended;
pub(crate) mod managers;
pub(crate) mod uncontended;
