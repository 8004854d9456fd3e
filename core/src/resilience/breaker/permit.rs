use std::{fmt, sync::Arc};

use super::{Outcome, driver::Shared, state::Ticket};

/// The leave to make one call, by [`try_acquire`](super::CircuitBreaker::try_acquire). Say what became of it.
///
/// Dropped without a report it counts as [ignored](Outcome::Ignored): that is no success and no failure, and a probe is
/// given back, so the next call is the probe. A call that was slow by then has been slow all the same, and a probe that was
/// has failed.
#[must_use = "a permit that is dropped says nothing of the call"]
pub struct Permit<'a> {
    shared: &'a Shared,
    ticket: Ticket,
    is_reported: bool,
}

/// A [`Permit`] that can be moved anywhere, by [`try_acquire_owned`](super::CircuitBreaker::try_acquire_owned).
#[must_use = "a permit that is dropped says nothing of the call"]
pub struct OwnedPermit {
    shared: Arc<Shared>,
    ticket: Ticket,
    is_reported: bool,
}

impl<'a> Permit<'a> {
    pub(super) fn new(shared: &'a Shared, ticket: Ticket) -> Self {
        Self { shared, ticket, is_reported: false }
    }
}

impl OwnedPermit {
    pub(super) fn new(shared: Arc<Shared>, ticket: Ticket) -> Self {
        Self { shared, ticket, is_reported: false }
    }
}

macro_rules! permit {
    ($permit:ty) => {
        impl $permit {
            /// The call worked.
            #[inline]
            pub fn success(self) {
                self.report(Outcome::Success);
            }

            /// The call failed in a way that speaks against what was called.
            #[inline]
            pub fn failure(self) {
                self.report(Outcome::Failure);
            }

            /// The call says nothing. The same as dropping the permit.
            pub fn ignore(self) {
                self.report(Outcome::Ignored);
            }

            /// Says what became of the call. If the state it was started in is over, that is counted and changes nothing.
            #[inline]
            pub fn report(mut self, outcome: Outcome) {
                self.is_reported = true;
                self.shared.report(&self.ticket, outcome);
            }

            /// Whether the breaker is half open and waits for this call to decide.
            pub fn is_probe(&self) -> bool {
                self.ticket.probe > 0
            }

            /// The number of the state that the call was let through in.
            pub fn generation(&self) -> u64 {
                self.ticket.generation
            }
        }
    };
}

permit!(Permit<'_>);
permit!(OwnedPermit);

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_reported {
            self.shared.report(&self.ticket, Outcome::Ignored);
        }
    }
}

impl Drop for OwnedPermit {
    #[inline]
    fn drop(&mut self) {
        if !self.is_reported {
            self.shared.report(&self.ticket, Outcome::Ignored);
        }
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}
