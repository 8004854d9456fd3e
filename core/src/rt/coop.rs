use std::{
    future::poll_fn,
    task::{Context, Poll},
};

/// How many immediate results a loop takes before it lets others run.
const RESULTS_MAX: u32 = 128;

/// Makes a loop over a source that may always be ready let others run: `Pending` once per 128 immediate results.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::rt::Coop;
///
/// let mut coop = Coop::default();
/// for _ in 0..1000 {
///     coop.turn().await; // others run 7 times in between
/// }
/// # });
/// ```
#[derive(Debug, Default)]
pub struct Coop {
    results: u32,
}

impl Coop {
    /// Counts one result; `Pending` when it is time to let others run, and the task is woken at once.
    pub fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.results += 1;
        if self.results <= RESULTS_MAX {
            return Poll::Ready(());
        }
        self.results = 0;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Says that the loop has waited for something, so that the count starts anew.
    pub fn waited(&mut self) {
        self.results = 0;
    }

    /// Counts one result, and lets others run if it is time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn turn(&mut self) {
        poll_fn(|cx| self.poll_turn(cx)).await;
    }
}

/// Lets other tasks run once.
///
/// # Cancel safety
///
/// Dropping the future changes nothing.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
