use crate::time::Deadline;

/// How to wait: until when, and before whom.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use seaworthy_core::{limit::Acquire, time::Deadline};
/// # seaworthy_core::testing::run(1, |rt| async move {
/// let deadline = Deadline::after(&rt, "checkout", Duration::from_secs(2));
/// let urgent = Acquire { deadline: Some(deadline), priority: 10 };
/// # assert!(urgent.deadline.is_some());
/// # });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Acquire {
    /// Until when it is worth waiting. Default: `None`, for ever.
    pub deadline: Option<Deadline>,
    /// Higher goes first: as if one had come earlier by the `ageing_step` of the config for each point, so that nobody
    /// waits for ever; or, without ageing, however long others have waited. Default: 0. Equal priorities go first come,
    /// first served.
    pub priority: i32,
}
