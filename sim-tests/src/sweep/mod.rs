//! Many seeds, each in a process of its own, and what comes of them together.
//!
//! | file | what it is |
//! |---|---|
//! | `child` | what a process is asked to do, and how it answers |
//! | `process` | starting one, waiting for it, killing it; whatever way it ends is an outcome |
//! | `plan` | which seed is next; pure |
//! | `tally` | from outcomes to the rows of a summary, and what is missing there; pure |
//! | `driver` | the sweep: as many processes at a time as there are jobs |
//! | `failures` | what is done about those that failed: repeat, shrink, keep |
//! | `shrink` | the least schedule that still fails; pure |
//! | `diverge` | where two runs of one seed part ways; pure |
//! | `regressions` | schedules that once failed, run first |
//! | `seeds` | how seeds are written |

mod summary;

#[cfg(unix)]
pub(crate) mod child;
#[cfg(unix)]
pub(crate) mod diverge;
#[cfg(unix)]
pub(crate) mod driver;
#[cfg(unix)]
pub(crate) mod failures;
#[cfg(unix)]
pub(crate) mod plan;
#[cfg(unix)]
pub(crate) mod process;
#[cfg(unix)]
pub(crate) mod regressions;
#[cfg(unix)]
pub(crate) mod seeds;
#[cfg(unix)]
pub(crate) mod shrink;
#[cfg(unix)]
pub(crate) mod stop;
#[cfg(unix)]
pub(crate) mod tally;

pub use summary::{Broken, Count, Row, Shown, Summary};
