//! How much at once and how much per second: rate limiters and bulkheads.
//!
//! [`Bulkhead`] bounds how many do something at the same time.

pub mod bulkhead;

mod acquire;
mod wake;

pub use acquire::Acquire;
pub use bulkhead::{Bulkhead, BulkheadFull, Permit};
