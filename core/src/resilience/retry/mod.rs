//! Trying again: how often, after which pauses, and when to stop.
//!
//! # Laws
//!
//! 1. No more than `attempts_max` attempts are made; without a reason to retry, one.
//! 2. A pause is never longer than `backoff.max`, jitter included. If the other side asked for a pause, it is that one and
//!    one of the backoff: never earlier than asked, and not in step with all others who were told the same. If it asked
//!    for more than `retry_after_max`, the call fails at once.
//! 3. A pause that does not fit what is left of the deadline is not begun: the call fails at once. An attempt that runs
//!    when the deadline is over is dropped.
//! 4. A retry that the [`Budget`](super::Budget) does not let through is not made.
//! 5. The error has the last error of the operation, why there was no further attempt, and the ledger of those there were.
//! 6. A retry inside an attempt of another, told so by [`Retry::run_in`], makes one attempt: layers do not multiply.
//! 7. A first attempt that succeeds costs no clock read and no allocation, if there is neither a deadline nor a parent.
//!
//! # Events
//!
//! For debugging: `seaworthy.retry.pause` with the number of the failed attempt and the pause, and
//! `seaworthy.retry.gave_up` with the reason.

mod attempt;
mod classify;
mod config;
mod error;
mod ledger;
mod run;
pub(in crate::resilience) mod state;
mod stats;
mod within;

#[cfg(test)]
mod tests;

pub use attempt::Attempt;
pub use classify::{Classify, RetryErrors, Verdict};
pub use config::{Config, Nested};
pub use error::{RetryError, Stop};
pub use ledger::{Ending, Ledger, Record};
pub use run::Retry;
pub use stats::Stats;

#[cfg(feature = "http")]
pub(crate) use self::state::{Machine, Next};
pub(in crate::resilience) use self::{
    attempt::{Context, earlier},
    error::attempts,
    run::pause,
    within::within,
};
