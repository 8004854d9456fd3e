//! Streams: generators, merging, batches, and concurrent mapping.

mod batches;
mod ext;
mod map_concurrent;

pub use batches::{Batch, BatchStats, Batches, Size, TryBatches, Uncounted};
pub use ext::RtStreamExt;
pub use map_concurrent::{Concurrency, MapConcurrent, MapStats, Order};
