use std::{fmt, time::Duration};

use super::State;
use crate::{rt::TaskName, time::Shown};

/// A breaker let a call not happen, and says when to come back.
///
/// It is no failure of what the breaker stands in front of, and never counted as one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// The breaker's name.
    pub name: TaskName,
    /// Its state: [`Open`](State::Open), [`HalfOpen`](State::HalfOpen) with all probes out, or
    /// [`ForcedOpen`](State::ForcedOpen).
    pub state: State,
    /// When to come back, from now. `None` if it was opened by hand: nobody knows.
    ///
    /// Of an open breaker, when it lets the next probe through. Of a half-open one, when the probes that are out have
    /// most likely decided: the least of the rest of their lease and `open_for.initial`.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, state, retry_after } = self;
        write!(f, "`{name}` was not called: its breaker is {state}; ")?;
        match retry_after {
            Some(after) => write!(f, "come back in {}", Shown(*after)),
            None => f.write_str("it was opened by hand and stays so until `auto` or `reset`"),
        }
    }
}

impl std::error::Error for Rejected {}

/// Why [`CircuitBreaker::call`](super::CircuitBreaker::call) has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError<E> {
    /// The breaker is open: the future was not polled.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The future was called and returned this.
    #[error(transparent)]
    Failed(E),
}

impl<E> CallError<E> {
    /// What the future returned, if it was called.
    pub fn failed(self) -> Option<E> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Rejected(_) => None,
        }
    }
}
