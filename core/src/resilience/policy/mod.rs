//! Retry, breaker, limiter, bulkhead and deadline around one operation, in the one order in which they work together.
//!
//! ```text
//!  call ──▶ fallback ──▶ deadline ──▶ retry ──▶ hedge ──▶ breaker check ──▶ bulkhead ──▶ limiter ──▶ breaker permit
//!                                                                                                       │
//!                                                    operation ◀── attempt timeout ◀─────────────────────┘
//! ```
//!
//! The order is fixed. Whatever is not named is not there. `docs/policies.md` says which to choose.
//!
//! # Laws
//!
//! 1. Each attempt passes all layers below the retry anew. While a call pauses it holds nothing: no place in the bulkhead,
//!    no token, no probe.
//! 2. A call that the breaker would refuse is refused before it waits for anything. A probe is taken last, so none is held
//!    while its call waits. If the breaker opens during that wait, the token that was waited for is spent: a limiter takes
//!    none back, and so errs on the side of the backend.
//! 3. What the policy itself refuses is never a failure of the backend: the breaker hears only of attempts that were made.
//! 4. An attempt that takes longer than one may is a failure and worth another. One that the deadline of the policy cuts off
//!    is a failure, too, if it had at least half of that time: a backend that hangs opens the breaker also without an
//!    attempt timeout. One that is cut off sooner, or dropped by its caller or for a quicker hedge, says nothing: a loser
//!    that was slow is for the slow-call rule of the breaker.
//! 5. An open breaker is waited for like a pause that was asked for, so never come back to too early: if there are attempts
//!    left, and it fits `retry_after_max` and the deadline. A full bulkhead or limiter is not: that load is shed.
//!    Of attempts made at the same time the longest pause that was asked for holds, and no hedge is sent after it.
//! 6. Retries and hedges are within the budget; a call of which no attempt was made yet needs none.
//! 7. The error says which layer ended the call, keeps the last error of the operation, and has the ledger.
//! 8. A call that is dropped at any point leaves nothing behind: no permit, place, slot or probe.
//!
//! # Events
//!
//! For debugging: `seaworthy.policy.pause`, `seaworthy.policy.hedge` and `seaworthy.policy.gave_up`.

mod admission;
mod builder;
mod config;
mod course;
mod driver;
mod error;
mod fallback;
mod hedge;
mod sent;
mod stats;

#[cfg(test)]
mod tests;

pub use builder::Policy;
pub use config::Config;
pub use error::{Cause, Layer, PolicyError, Refusal};
pub use fallback::{Fallback, NoFallback};
pub use hedge::Hedge;
pub use stats::Stats;
