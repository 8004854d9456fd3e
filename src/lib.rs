//! Async building blocks that behave the same on tokio, on smol, and inside a simulated storm.
//!
//! Everything takes a [`&Rt`](rt::Rt), the handle to whatever runtime there is:
//!
//! - [`tokio`] and [`smol`] run programs; each is a cargo feature.
//! - [`testing`] runs tests: one thread, an order drawn from a seed, virtual time, a network in memory.
//! - A runtime of your own implements [`rt::Runtime`], and [`rt::conformance`] checks it.
//!
//! | module | for |
//! |---|---|
//! | [`resilience`] | retries, circuit breakers, policies over them, orchestrated tasks |
//! | [`rt`] | tasks, scopes, cancelling, timeouts, connections, random numbers |
//! | [`pool`] | connections to share, bounded, in order, with reasons |
//! | [`stream`] | merging, generators, batches, concurrent mapping |
//! | [`limit`] | so much per second, for all or for each key; so many at once |
//! | [`task`] | a task manager with a bound and priorities that age; a priority queue |
//! | [`time`] | deadlines that are passed on, pauses that grow |
//! | [`wait`] | waiting in order, for components of your own |
//!
//! # Examples
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! let answer = seaworthy::tokio::run(async |rt| {
//!     let task = rt.spawn("answer", async { 6 * 7 });
//!     task.await
//! });
//! # #[cfg(feature = "tokio")]
//! assert_eq!(answer.unwrap(), 42);
//! ```

#[doc(inline)]
pub use seaworthy_core::*;
#[cfg(feature = "smol")]
pub use seaworthy_smol as smol;
#[cfg(feature = "tokio")]
pub use seaworthy_tokio as tokio;

/// The README, so that its example is compiled and run.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../README.md")]
pub mod docs_readme {}

/// The guides, so that their examples are compiled and run.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../docs/testing.md")]
pub mod docs_testing {}

/// See [`docs_testing`].
#[cfg(all(doctest, feature = "testing", feature = "http"))]
#[doc = include_str!("../docs/http.md")]
pub mod docs_http {}

/// See [`docs_testing`].
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../docs/policies.md")]
pub mod docs_policies {}

/// See [`docs_testing`].
#[cfg(doctest)]
#[doc = include_str!("../docs/simulation.md")]
pub mod docs_simulation {}

/// See [`docs_testing`].
#[cfg(all(doctest, feature = "testing", feature = "tokio", feature = "smol"))]
#[doc = include_str!("../docs/runtimes.md")]
pub mod docs_runtimes {}
