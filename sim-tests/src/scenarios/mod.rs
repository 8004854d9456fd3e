//! The scenarios of the product's own components.

mod http;
mod limits;
mod pool;
mod tasks;
mod turns;
mod watch;

use crate::scenario::Scenario;

/// All of them, in the order in which a sweep runs them.
pub const ALL: &[&dyn Scenario] = &[&pool::Contention, &limits::Limits, &tasks::Tasks, &http::Retries];
