//! Tasks under management: bounded, in order of priority, observable; and a priority queue to wait at.
//!
//! [`TaskManager`] is a `JoinSet` with a bound, priorities that do not starve, time limits, and a status that can be
//! looked at. [`PriorityQueue`] hands items to whoever waits for them, the most urgent first.
//!
//! # Laws
//!
//! 1. No task starts while as many run as may, also while that number is being changed. Its slot is free when its future
//!    has been dropped.
//! 2. [`Order::Strict`]: the highest priority starts first, then the first submitted.
//! 3. [`Order::Ageing`]: a task is passed only by those submitted within the difference of their boosts after it, so
//!    none starves as long as running tasks end.
//! 4. A status moves forward only and ends once. If completion and cancellation race, completion wins.
//! 5. A cancelled pending task is never polled, and its place is free at once.
//! 6. A panic is a failure of its task alone, unless [`OnFailure::CancelAll`] says otherwise.
//! 7. Dropping the manager cancels all it owns. Nothing outlives it.
//! 8. When every running task awaits a pending [`Job`] of its own manager, the last to wait gets
//!    [`JoinError::WouldDeadlock`](crate::rt::JoinError::WouldDeadlock) instead of hanging for ever.
//! 9. A [`PriorityQueue::pop`] that is dropped while it waits loses no item and no wake-up.
//!
//! # What law 8 sees
//!
//! A task counts as waiting if it polled a pending job in its last poll and still holds it. One that waits for something
//! else besides, a timer in a `select` for instance, counts too: nested waiting under a bound is better avoided than timed
//! out; so does one that waits for a job with a queue timeout, which would end by itself. A paused manager (concurrency 0)
//! is not deadlocked.
//!
//! # What the runtime sees
//!
//! Tasks run in slots: tasks of the runtime named `task.slot`, each of which runs one managed task after the other. A
//! deadlock report of the test runtime names the slots; [`TaskManager::reports`] says who is in them.
//!
//! # Events
//!
//! A panic is also a [`tracing`] event at the level of a warning, `seaworthy.task.panicked`; each failure, time-out and
//! rejection is one for debugging: `seaworthy.task.failed`, `seaworthy.task.timed_out`, `seaworthy.task.rejected`.

mod config;
mod driver;
mod events;
mod expiry;
mod job;
mod manager;
mod queue;
mod report;
mod room;
mod slot;
mod state;
mod work;

#[cfg(test)]
mod tests;

pub use config::{Config, OnFailure, Order, Spec};
pub use events::{Event, Events};
pub use job::{CancelJob, Job};
pub use manager::{Submitter, TaskManager};
pub use queue::{Pop, PriorityQueue, Push, PushError, TryPopError, TryPushError};
pub use report::{Report, Stats, Status, TaskId};
pub use room::Reservation;
