//! What the crates must do together.

#[cfg(all(feature = "cli", unix))]
mod command;
mod conformance;
mod dependencies;
mod map_concurrent;
#[cfg(feature = "serde")]
mod serde;
#[cfg(any(feature = "tokio", feature = "smol"))]
mod streams;
