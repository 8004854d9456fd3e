//! Async building blocks that behave the same on tokio, on smol, and inside a simulated storm.

#[doc(inline)]
pub use seaworthy_core::*;
#[cfg(feature = "smol")]
pub use seaworthy_smol as smol;
#[cfg(feature = "tokio")]
pub use seaworthy_tokio as tokio;

/// The guides, so that their examples are compiled and run.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../docs/testing.md")]
pub mod docs_testing {}

/// See [`docs_testing`].
#[cfg(all(doctest, feature = "testing", feature = "tokio", feature = "smol"))]
#[doc = include_str!("../docs/runtimes.md")]
pub mod docs_runtimes {}
