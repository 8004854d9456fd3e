//! Many named tasks, each under a policy, some after others.
//!
//! A [`Plan`] names tasks, what each comes after, and which dependency each calls. An [`Orchestrator`] runs plans: as many
//! tasks at once as may be, the most urgent first, on a [`TaskManager`](crate::task::TaskManager) of its own.
//!
//! # Laws
//!
//! 1. A task starts when all it comes after have succeeded, never before, and at most once.
//! 2. A task whose predecessor failed, directly or not, is not started and says whose failure it was.
//! 3. Tasks that call the same dependency share one breaker and one retry budget, whatever their names; their failures reach
//!    it. Both outlive the run.
//! 4. A plan with two tasks of one name, an unknown predecessor or a cycle is refused before anything starts.
//! 5. [`Mode::FailFast`] cancels the rest at the first failure; [`Mode::Quorum`] when enough have succeeded, or too few
//!    still can.
//! 6. The report has every task, in the order of the plan, and when it is there all of them have ended, their destructors
//!    included.
//! 7. Dropping a run cancels all its tasks.
//! 8. A panic is the failure of its task alone.
//!
//! # Events
//!
//! For debugging: `seaworthy.orchestrator.failed` for each task that did not succeed, with the reason.

mod config;
mod driver;
mod error;
mod graph;
mod plan;
mod report;
mod state;

#[cfg(test)]
mod tests;

pub use config::{Config, Mode};
pub use driver::Orchestrator;
pub use error::{PlanError, TaskError, Why};
pub use plan::{Node, Plan};
pub use report::{Outcome, Report, Stats};
