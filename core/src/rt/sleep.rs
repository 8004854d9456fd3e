use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use super::Timer;

/// A wait for a set time, by [`Rt::sleep`](super::Rt::sleep) and its siblings. It can be moved with
/// [`reset`](Self::reset).
///
/// # Cancel safety
///
/// It can be polled, put aside and awaited later. Dropping it ends the timer.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Sleep(Pin<Box<dyn Timer>>);

impl Sleep {
    pub(super) fn new(timer: Pin<Box<dyn Timer>>) -> Self {
        Self(timer)
    }

    /// Moves the end to `at`, earlier or later, also after it has fired.
    pub fn reset(&mut self, at: Instant) {
        self.0.as_mut().reset(at);
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").finish_non_exhaustive()
    }
}
