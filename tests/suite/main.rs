//! What the crates must do together.

mod breaker;
#[cfg(all(feature = "cli", unix))]
mod command;
mod conformance;
mod dependencies;
#[cfg(all(feature = "http", any(feature = "tokio", feature = "smol")))]
mod http;
#[cfg(any(feature = "tokio", feature = "smol"))]
mod limits;
mod map_concurrent;
mod policies;
mod pool;
#[cfg(feature = "serde")]
mod serde;
#[cfg(any(feature = "tokio", feature = "smol"))]
mod streams;
