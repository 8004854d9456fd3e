//! Batches by count, by bytes and by time: a pure machine, a driver that feeds it, and the two public streams.

mod config;
mod driver;
mod fallible;
mod plain;
mod size;
mod state;
mod stats;

#[cfg(test)]
mod tests;

pub use config::Batch;
pub use fallible::TryBatches;
pub use plain::Batches;
pub use size::{Size, Uncounted};
pub use stats::BatchStats;
