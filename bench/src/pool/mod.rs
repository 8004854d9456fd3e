//! The component `pool` and its peers.
