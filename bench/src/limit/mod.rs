//! The component `limit` and its peers.
