//! Faults as data: what can go wrong, and when it does in one run.

mod kind;
mod schedule;
mod timeline;

pub use kind::{FaultKind, Reach};
pub use schedule::{Fault, Schedule, Storm};
pub(crate) use timeline::{Change, Timeline};
