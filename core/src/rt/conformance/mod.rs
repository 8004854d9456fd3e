//! One suite of laws that every runtime binding must pass.
//!
//! The components are written against what [`Runtime`](super::Runtime) and [`Net`](super::Net) promise. This suite holds
//! a binding to it: tokio, smol, the test runtime and turmoil run it in their own tests, and whoever binds another
//! runtime runs the same. `docs/runtimes.md` lists the laws; `examples/custom_runtime.rs` binds a runtime and passes.
//!
//! Each case starts the runtime anew, is named after its law, and asserts only what holds on wall-clock and on virtual
//! time alike: never that something was fast, only that it was not early.
//!
//! # Examples
//!
//! ```
//! use seaworthy_core::rt::conformance::{Body, Feature, Suite};
//!
//! let report = Suite::new("testing", |body: Body| seaworthy_core::testing::run(7, |rt| body(rt)))
//!     .without(Feature::RealTime, "time is virtual")
//!     .only("a_timer_is_never_early")
//!     .run();
//! report.assert();
//! ```

#[macro_use]
mod case;
mod blocking;
#[cfg(test)]
mod broken;
mod bytes;
mod clock;
mod connect;
mod ending;
mod families;
mod feature;
mod foreign;
mod intervals;
mod listen;
mod pair;
mod report;
mod shutdown;
mod spawn;
mod suite;
mod tasks;
#[cfg(test)]
mod tests;
mod timers;
mod transfer;

pub use case::Body;
use case::{After, Case};
pub use feature::Feature;
pub use report::{CaseReport, Outcome, Report};
pub use suite::Suite;

/// Every case, by what it is about.
const AREAS: &[(&str, &[Case])] = &[
    ("tasks", tasks::CASES),
    ("spawning", spawn::CASES),
    ("blocking jobs", blocking::CASES),
    ("timers", timers::CASES),
    ("intervals", intervals::CASES),
    ("clocks and chance", clock::CASES),
    ("connecting", connect::CASES),
    ("listening", listen::CASES),
    ("moving bytes", transfer::CASES),
    ("ending connections", ending::CASES),
    ("address families", families::CASES),
    ("foreign threads", foreign::CASES),
    ("the end of a run", shutdown::CASES),
];
