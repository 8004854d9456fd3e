use std::fmt;

use crate::time::DeadlineExceeded;

/// No permit is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkheadFull {
    /// How many permits there are.
    pub permits: usize,
    /// How many are in use; more than there are, if the bulkhead was made smaller while they were held.
    pub in_use: usize,
    /// How many wait for one.
    pub waiting: usize,
    /// How many may wait.
    pub waiters_max: usize,
}

impl std::error::Error for BulkheadFull {}

impl fmt::Display for BulkheadFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { permits, in_use, waiting, waiters_max } = self;
        write!(f, "{in_use} of {permits} permits of the bulkhead are in use")?;
        write!(f, " and {waiting} of at most {waiters_max} wait for one")
    }
}

/// Why [`Bulkhead::acquire`](super::Bulkhead::acquire) gave no permit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// As many wait as may.
    #[error("{0}, so no more may wait; come back later, or raise `permits` or `waiters_max`")]
    QueueFull(BulkheadFull),
    /// The deadline came first.
    #[error("{deadline}: waiting for a permit, while {full}")]
    DeadlineExceeded {
        /// Which deadline, and what was under way.
        deadline: DeadlineExceeded,
        /// How full it was then, the one whose time was up included.
        full: BulkheadFull,
    },
}
