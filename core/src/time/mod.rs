//! Time limits that are passed on, and pauses that grow.
//!
//! [`Deadline`] is one limit for a whole operation, handed down explicitly to whatever it calls. [`Backoff`] says how
//! long to pause between attempts; it is pure.

mod backoff;
mod deadline;
mod shown;
#[cfg(feature = "serde")]
pub mod text;

pub use backoff::{Backoff, Delays, Jitter};
pub use deadline::{Deadline, DeadlineExceeded, Phase};
pub(crate) use shown::Shown;
