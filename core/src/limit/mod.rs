//! How much at once and how much per second: rate limiters and bulkheads.
//!
//! | for | there is |
//! |---|---|
//! | so much per second | [`RateLimiter`], with a [`Quota`]; [`Throttle`] for streams |
//! | so much per second for each customer, address, host | [`KeyedRateLimiter`] |
//! | so many at once | [`Bulkhead`] |
//!
//! Each waits in order, within bounds, and until a [`Deadline`](crate::time::Deadline) if there is one; each says when it
//! refuses why, and what to do.
//!
//! # Events
//!
//! For debugging: `seaworthy.limit.refused`, `seaworthy.limit.timed_out`, `seaworthy.limit.keys_full`,
//! `seaworthy.bulkhead.queue_full`, `seaworthy.bulkhead.timed_out`, `seaworthy.bulkhead.handover_missed`. A `try_acquire`
//! of a limiter says nothing.

pub mod bulkhead;
pub mod keyed;
pub mod rate;

mod acquire;
mod order;
mod quota;
mod throttle;
mod wake;

pub use acquire::Acquire;
pub use bulkhead::{Bulkhead, BulkheadFull, Permit};
pub use keyed::KeyedRateLimiter;
pub use quota::Quota;
pub use rate::{AcquireError, Acquiring, RateLimiter, TryAcquireError};
pub use throttle::Throttle;
