use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Weak,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use pin_project_lite::pin_project;
use seaworthy_core::rt::Timer;
use tokio::time::{Sleep, sleep_until};

use crate::runtime::Hold;

pin_project! {
    pub(crate) struct TokioTimer {
        #[pin]
        sleep: Sleep,
        tasks: Weak<Hold>,
    }
}

impl TokioTimer {
    /// To be called in the context of the runtime; polled and reset anywhere.
    pub(crate) fn new(at: Instant, tasks: Weak<Hold>) -> Self {
        Self { sleep: sleep_until(within_reach(at).into()), tasks }
    }
}

impl Future for TokioTimer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        // Tokio's timer panics once its runtime has ended. The time it waits for will not come then: pending is the truth.
        if this.tasks.strong_count() == 0 {
            return Poll::Pending;
        }
        // The end may come between these two lines, on another thread.
        catch_unwind(AssertUnwindSafe(|| this.sleep.poll(cx))).unwrap_or(Poll::Pending)
    }
}

impl Timer for TokioTimer {
    fn reset(self: Pin<&mut Self>, at: Instant) {
        self.project().sleep.reset(within_reach(at).into());
    }
}

/// Tokio adds a millisecond to round up, which the very last instants do not survive.
fn within_reach(at: Instant) -> Instant {
    const ROUNDING: Duration = Duration::from_millis(1);
    match at.checked_add(ROUNDING) {
        Some(_) => at,
        None => at - ROUNDING,
    }
}
