//! Tasks under a bound, in order of priority.

pub(crate) mod manager;
pub(crate) mod memory;
pub(crate) mod queue;
