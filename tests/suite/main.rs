//! What the crates must do together.

#[cfg(all(feature = "cli", unix))]
mod command;
mod conformance;
mod dependencies;
mod pool;
#[cfg(feature = "serde")]
mod serde;
