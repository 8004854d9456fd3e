//! What the crates must do together.

#[cfg(all(feature = "cli", unix))]
mod command;
mod conformance;
mod dependencies;
#[cfg(any(feature = "tokio", feature = "smol"))]
mod limits;
mod pool;
#[cfg(feature = "serde")]
mod serde;
