use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use super::{Rt, Sleep, handle::FAR};

/// What an [`Interval`] does about ticks that passed while nobody looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTicks {
    /// Leaves them out and stays on the beat of the first tick. The default: a service that slept for an hour does not
    /// do an hour's work at once.
    #[default]
    Skip,
    /// Leaves them out and counts the next period from now.
    Delay,
    /// Makes up for them, one after the other without a pause.
    Burst,
}

/// A regular tick, by [`Rt::interval`](super::Rt::interval). The first comes at once, or when [`reset`](Self::reset) says.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # seaworthy_core::testing::run(1, |rt| async move {
/// let mut interval = rt.interval(Duration::from_secs(60));
/// let first = interval.tick().await;
/// assert_eq!(interval.tick().await - first, Duration::from_secs(60));
/// # });
/// ```
pub struct Interval {
    rt: Rt,
    period: Duration,
    next: Instant,
    missed: MissedTicks,
    sleep: Option<Sleep>,
}

impl Interval {
    pub(super) fn new(rt: &Rt, period: Duration) -> Self {
        assert!(!period.is_zero(), "an interval needs a period above zero");
        Self { rt: rt.clone(), period, next: rt.now(), missed: MissedTicks::default(), sleep: None }
    }

    /// Chooses what happens to missed ticks.
    #[must_use]
    pub fn missed_ticks(mut self, missed: MissedTicks) -> Self {
        self.missed = missed;
        self
    }

    /// Makes `at` the time of the next tick, and the beat of all that follow: a heartbeat that starts later, or again.
    pub fn reset(&mut self, at: Instant) {
        self.next = at;
        if let Some(sleep) = &mut self.sleep {
            sleep.reset(at);
        }
    }

    /// Waits for the next tick and returns the time it was due.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no tick.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// The poll behind [`tick`](Self::tick).
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let now = self.rt.now();
        if now < self.next {
            let (rt, next) = (&self.rt, self.next);
            let sleep = self.sleep.get_or_insert_with(|| rt.sleep_until(next));
            ready!(Pin::new(sleep).poll(cx));
        }
        let due = self.next;
        self.next = next_tick(due, self.rt.now(), self.period, self.missed);
        if let Some(sleep) = &mut self.sleep {
            sleep.reset(self.next);
        }
        Poll::Ready(due)
    }
}

/// The tick after the one that was due at `due` and is handed out at `now`.
fn next_tick(due: Instant, now: Instant, period: Duration, missed: MissedTicks) -> Instant {
    let late = now.saturating_duration_since(due);
    let wait = match missed {
        MissedTicks::Burst => period,
        MissedTicks::Delay => late.saturating_add(period),
        MissedTicks::Skip => {
            let since_beat = late.as_nanos() % period.as_nanos();
            let since_beat = Duration::from_nanos(u64::try_from(since_beat).unwrap_or(u64::MAX));
            late.saturating_sub(since_beat).saturating_add(period)
        }
    };
    due.checked_add(wait).unwrap_or(now + FAR)
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { period, next, missed, .. } = self;
        f.debug_struct("Interval")
            .field("period", period)
            .field("next", next)
            .field("missed", missed)
            .finish_non_exhaustive()
    }
}
