//! A circuit breaker: it stops calling what keeps failing, and finds out when it works again.
//!
//! ```text
//!            too many failures, or slow calls
//!  Closed ────────────────────────────────────▶ Open ◀───────────────┐
//!    ▲                                            │ open_for is over │ a probe fails, is slow,
//!    │      successes_to_close probes succeed     ▼                  │ or does not report
//!    └───────────────────────────────────────── HalfOpen ────────────┘
//! ```
//!
//! # Laws
//!
//! 1. Every permit carries the number of the state it was given in, its **generation**. A report that comes when that is
//!    over changes nothing and is counted as late.
//! 2. A permit that is dropped counts as ignored, which is no success and no failure. A probe is given back,
//!    unless it was slow by then: a slow probe has failed.
//! 3. At most `probes` probes are in flight. They are counted when they are let through, not when they report.
//! 4. A probe has a lease. When that is over without a report the probe has failed: the breaker opens, under the next
//!    generation, and the report, should it come, is late. A hung probe wedges nothing.
//! 5. Each transition is one event, with its generation, told in order and outside of all locks.
//! 6. A rejection says when to come back, and is never counted as a failure.
//! 7. In [`call`](CircuitBreaker::call), a panic is a failure.
//! 8. Where slow calls count, a call in flight counts as one as soon as it is, a sixteenth of `slow_call_after` later at
//!    most; each call once.
//! 9. What time brings about happens when it is due, whenever somebody looks: events carry that time.
//! 10. On one thread [`Window::Calls`] holds exactly the last N calls. Of reports that overlap in time, the order is open.
//!
//! # What a drop means
//!
//! A caller that gives up and drops its call says nothing about the callee: users close tabs, and a race among callees has
//! losers. So a time limit **around** a call hides a callee that hangs, while one **inside** makes an error of it. For
//! those who cannot have it inside there is [`slow_call_after`](Config::slow_call_after): what was slow when it was dropped
//! has been slow.
//!
//! # What it costs
//!
//! With [`Window::Calls`] or [`Window::Consecutive`] and without slow calls, a call through a closed breaker takes no lock,
//! reads no clock and allocates nothing; as long as all goes well it writes nothing that threads share.
//!
//! # Events
//!
//! Besides the stream [`events`](CircuitBreaker::events) there are [`tracing`] events: `seaworthy.breaker.opened` at the
//! level of a warning, `seaworthy.breaker.closed` and `seaworthy.breaker.forced` for information,
//! `seaworthy.breaker.half_open` for debugging.
//!
//! # Sources
//!
//! M. Nygard, *Release It!*, 2nd edition, 2018, chapter 5. The settings are those of resilience4j, where they have names.

mod call;
mod circuit_breaker;
mod config;
mod driver;
mod error;
mod events;
mod permit;
mod registry;
mod report;
mod state;
mod window;
mod word;

#[cfg(test)]
mod tests;

pub use call::Call;
pub use circuit_breaker::CircuitBreaker;
pub use config::{Config, Window};
pub use error::{CallError, Rejected};
pub use events::{Event, Events};
pub use permit::{OwnedPermit, Permit};
pub use registry::{Breakers, TooManyBreakers};
pub use report::{Outcome, State, Stats, Transition, Why};
