//! Streams: generators, merging, sharing, batches, and concurrent mapping.
//!
//! | for | there is |
//! |---|---|
//! | a stream out of an async function | [`generate`], [`try_generate`] |
//! | many streams as one | [`merge`](merge()), [`Merge`] |

mod generate;
mod merge;
mod panics;
pub mod tee;

pub use futures::stream::BoxStream;
pub use generate::{Generate, Out, Sending, Sent, TryGenerate, generate, try_generate};
pub use merge::{Event, Items, Merge, MergeStats, merge};
pub use tee::{Tee, TeeError, TeeStats, tee};
