//! A closure on the items of a stream, several at once, by tasks: a pure machine that says which slot does what, slots that
//! ask and work, and the public stream.

mod config;
mod driver;
mod slot;
mod state;
mod stream;

#[cfg(test)]
mod tests;

pub use config::{Concurrency, Order};
pub use state::MapStats;
pub use stream::MapConcurrent;
