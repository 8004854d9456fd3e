//! Streams: generators, merging, batches, and concurrent mapping.

mod batches;
mod ext;

pub use batches::{Batch, BatchStats, Batches, Size, TryBatches, Uncounted};
pub use ext::RtStreamExt;
