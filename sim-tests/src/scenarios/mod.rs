//! The scenarios of Seaworthy itself.

use crate::scenario::Scenario;

/// All of them.
pub const ALL: &[&dyn Scenario] = &[];
