//! The component `stream` and its peers.
