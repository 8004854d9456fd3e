use std::{sync::Arc, time::Duration};

use crate::time::Deadline;

/// Which attempt of which call this is: handed to the operation each time, and by it to the retries it makes in turn.
///
/// It is the context by which layers of retries see each other, without globals: an operation that itself retries passes
/// it to [`Retry::run_in`](super::Retry::run_in) or [`Policy::call_in`](crate::resilience::Policy::call_in).
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::resilience::{Attempt, Retry, retry};
///
/// let retry = Retry::new(&rt, retry::Config { attempts_max: 3, ..retry::Config::default() })?;
/// let client = retry.clone();
/// let asked = std::sync::atomic::AtomicU32::new(0);
/// let result = retry.run(|attempt: Attempt| {
///     let (client, asked) = (client.clone(), &asked);
///     async move {
///         // A library with a retry of its own. It is told, so it leaves retrying to us.
///         let answer = client.run_in(&attempt, |_| async {
///             asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
///             Err::<(), _>("down")
///         });
///         answer.await.map_err(|error| error.last.unwrap_or("no answer"))
///     }
/// });
/// assert_eq!(result.await.unwrap_err().last, Some("down"));
/// assert_eq!(asked.into_inner(), 3, "and not nine");
/// # Ok::<(), seaworthy_core::ConfigError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Attempt {
    pub(in crate::resilience) number: u32,
    pub(in crate::resilience) attempts_max: u32,
    pub(in crate::resilience) hedge: u32,
    pub(in crate::resilience) context: Context,
}

/// What all attempts of a call share: its deadline, and what it is part of. A word, so that an attempt is only a few.
#[derive(Clone, Debug, Default)]
pub(in crate::resilience) struct Context(Option<Arc<(Option<Deadline>, Option<Attempt>)>>);

impl Context {
    /// That of a call with this deadline, as a part of `parent`, whose deadline holds, too.
    #[inline]
    pub(in crate::resilience) fn new(deadline: Option<&Deadline>, parent: Option<&Attempt>) -> Self {
        if deadline.is_none() && parent.is_none() {
            return Self(None);
        }
        let deadline = earlier(deadline, parent.and_then(Attempt::deadline));
        Self(Some(Arc::new((deadline, parent.cloned()))))
    }

    #[inline]
    pub(in crate::resilience) fn deadline(&self) -> Option<&Deadline> {
        self.0.as_ref()?.0.as_ref()
    }
}

impl Attempt {
    /// The only attempt of a call that is not retried, with the deadline of that call: how a deadline that came from
    /// outside enters.
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// # use std::time::Duration;
    /// use seaworthy_core::{resilience::{Attempt, Retry, retry::Config}, time::Deadline};
    ///
    /// let request = Attempt::within(Deadline::after(&rt, "request", Duration::from_secs(1)));
    /// let retry = Retry::new(&rt, Config { attempts_max: 1000, ..Config::default() }).unwrap();
    /// let asked = retry.run_in(&request, |_| async { Err::<(), _>("down") });
    /// assert!(asked.await.is_err(), "after a second, not after a thousand attempts");
    /// # });
    /// ```
    pub fn within(deadline: Deadline) -> Self {
        Self { number: 1, attempts_max: 1, hedge: 0, context: Context::new(Some(&deadline), None) }
    }

    /// Its number, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// How many there may be.
    pub fn attempts_max(&self) -> u32 {
        self.attempts_max
    }

    /// Which of the attempts made at the same time this is: 0 for the first, from 1 for hedges.
    pub fn hedge(&self) -> u32 {
        self.hedge
    }

    /// Whether it is the first one.
    pub fn is_first(&self) -> bool {
        self.number == 1 && self.hedge == 0
    }

    /// Whether no other number may follow; a hedge of this one still may.
    pub fn is_last(&self) -> bool {
        self.number >= self.attempts_max
    }

    /// The deadline of the call, if it has one.
    pub fn deadline(&self) -> Option<&Deadline> {
        self.context.deadline()
    }

    /// How much time is left to it, if that is limited: for the timeout of a request that is sent on.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline().map(Deadline::remaining)
    }

    /// The attempt of the outer retry that this one is part of.
    pub fn parent(&self) -> Option<&Self> {
        self.context.0.as_ref()?.1.as_ref()
    }

    /// Whether this call, or one around it, is one that retries.
    pub fn is_retried(&self) -> bool {
        self.attempts_max > 1 || self.parent().is_some_and(Self::is_retried)
    }
}

/// The deadline that ends first.
pub(in crate::resilience) fn earlier(a: Option<&Deadline>, b: Option<&Deadline>) -> Option<Deadline> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.at() < a.at() { b } else { a }.clone()),
        (one, other) => one.or(other).cloned(),
    }
}
