//! The components of Seaworthy and the runtime seam they stand on.
//!
//! Use the crate `seaworthy`, which adds the bindings to tokio and smol. This one knows no runtime: it is written
//! against `futures` traits and [`rt`], and runs on whatever implements [`rt::Runtime`].

#[cfg(feature = "http")]
pub mod http;
pub mod limit;
pub mod pool;
pub mod resilience;
pub mod rt;
pub mod stream;
pub mod task;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;
pub mod wait;

#[cfg(test)]
mod auto_traits;
mod canary;
mod config_error;
#[cfg(test)]
mod error_chains;
#[cfg(test)]
mod test_support;

pub use config_error::ConfigError;
