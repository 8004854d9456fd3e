//! The scenarios of the product's own components.

mod pool;

use crate::scenario::Scenario;

/// All of them, in the order in which a sweep runs them.
pub const ALL: &[&dyn Scenario] = &[&pool::Contention];
