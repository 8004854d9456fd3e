//! Streams: generators, merging, batches, and concurrent mapping.

mod batches;
mod ext;
mod map_concurrent;
mod pace;
mod sample;
#[cfg(test)]
mod script;
mod timeout_each;
mod timer;

pub use batches::{Batch, BatchStats, Batches, Size, TryBatches, Uncounted};
pub use ext::RtStreamExt;
pub use map_concurrent::{Concurrency, MapConcurrent, MapStats, Order};
pub use sample::{Sample, SampleStats};
pub use timeout_each::TimeoutEach;
