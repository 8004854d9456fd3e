use std::future::{Future, Ready, ready};

use super::PolicyError;

/// What to hand over instead of an error. Closures `Fn(PolicyError<E>) -> Future` do.
pub trait Fallback<T, E> {
    /// The future of the answer.
    type Answer: Future<Output = Result<T, PolicyError<E>>>;

    /// An answer for a call that was given up: a value, or the error itself if there is none.
    fn recover(&self, error: PolicyError<E>) -> Self::Answer;
}

/// None: the error is handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoFallback;

impl<T, E> Fallback<T, E> for NoFallback {
    type Answer = Ready<Result<T, PolicyError<E>>>;

    fn recover(&self, error: PolicyError<E>) -> Self::Answer {
        ready(Err(error))
    }
}

impl<T, E, F, Fut> Fallback<T, E> for F
where
    F: Fn(PolicyError<E>) -> Fut,
    Fut: Future<Output = Result<T, PolicyError<E>>>,
{
    type Answer = Fut;

    fn recover(&self, error: PolicyError<E>) -> Fut {
        self(error)
    }
}
