//! What the crates must do together.

#[cfg(all(feature = "cli", unix))]
mod command;
mod conformance;
mod dependencies;
mod pool;
#[cfg(any(feature = "tokio", feature = "smol"))]
mod limits;
#[cfg(feature = "serde")]
mod serde;
