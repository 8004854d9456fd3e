//! What the crates must do together.

mod breaker;
#[cfg(all(feature = "cli", unix))]
mod command;
mod conformance;
mod dependencies;
mod policies;
#[cfg(any(feature = "tokio", feature = "smol"))]
mod limits;
#[cfg(feature = "serde")]
mod serde;
