//! Runs ours and its peers on the same work in one process, alternating, and says which is faster.
//!
//! A ratio counts, an absolute figure does not: machines are shared and noisy. So every round runs every entrant, in
//! turn forwards and backwards, and ratios are taken within a round before their median is.

mod allocations;
mod comparison;
mod machine;
mod meter;
mod pin;
mod results;
mod table;

pub(crate) use allocations::Allocations;
pub(crate) use comparison::Comparison;
pub(crate) use machine::Machine;
pub(crate) use meter::{Clock, Meter};
pub(crate) use results::Results;
pub(crate) use table::Table;

/// How thorough a run is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Everything once and tiny: it shows that the benches work and measures nothing.
    pub(crate) quick: bool,
    pub(crate) rounds: usize,
}

impl Settings {
    /// How much work a round is.
    pub(crate) fn size(self, full: usize) -> usize {
        if self.quick { (full / 1000).max(20) } else { full }
    }
}
