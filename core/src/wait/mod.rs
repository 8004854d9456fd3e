//! Waiting in order: what the pool, the limiter, the bulkhead and the task manager wait in.
//!
//! Both structures here are plain data without a lock, a clock or a runtime. A component keeps them under its own lock
//! beside what is waited for, so that one lock decides everything.
//!
//! - [`Ordered`] is a priority queue whose members can also be removed from the middle.
//! - [`WaitQueue`] holds waiting futures. A grant goes straight to the first of them: there is no crowd that wakes up
//!   and tries again, and no grant is lost when a waiter is dropped.

mod feed;
mod key;
mod ordered;
mod queue;
mod wake;

pub(crate) use feed::{Feed, News, Reader, poll_feed};
pub use key::Key;
pub use ordered::{Ordered, Place};
pub use queue::{Left, QueueFull, Ticket, WaitQueue, WaiterId};
pub(crate) use wake::wake_all;
