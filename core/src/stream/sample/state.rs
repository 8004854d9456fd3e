use std::time::{Duration, Instant};

/// How a stream was sampled: `items` is the sum of the others and of the one that is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SampleStats {
    /// Items taken from the source.
    pub items: u64,
    /// Items handed over.
    pub sampled: u64,
    /// Items that a later one took the place of.
    pub skipped: u64,
}

/// The latest item, and when it is to be handed over. Pure: it is told the time and never waits.
pub(super) struct Machine<T> {
    start: Instant,
    period: Duration,
    held: Option<T>,
    /// The first tick after the item came. `None` while there is none, and if that is beyond any clock.
    due: Option<Instant>,
    stats: SampleStats,
}

impl<T> Machine<T> {
    /// Ticks every `period` after `start`.
    pub(super) fn new(start: Instant, period: Duration) -> Self {
        Self { start, period, held: None, due: None, stats: SampleStats::default() }
    }

    /// Takes an item, and returns the one it takes the place of. `now` is asked for the time only if there is none.
    pub(super) fn put(&mut self, item: T, now: impl FnOnce() -> Instant) -> Option<T> {
        self.stats.items += 1;
        if self.held.is_none() {
            self.due = self.tick_after(now());
        }
        let skipped = self.held.replace(item);
        self.stats.skipped += u64::from(skipped.is_some());
        skipped
    }

    fn tick_after(&self, now: Instant) -> Option<Instant> {
        let since_start = now.saturating_duration_since(self.start).as_nanos();
        let since_tick = since_start % self.period.as_nanos();
        let since_tick = Duration::from_nanos_u128(since_tick);
        now.checked_add(self.period - since_tick)
    }

    /// When [`expired`](Self::expired) will have something.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The latest item, if it is time.
    pub(super) fn expired(&mut self, now: Instant) -> Option<T> {
        if self.due.is_some_and(|due| due <= now) { self.take() } else { None }
    }

    /// The latest item, if there is one.
    pub(super) fn take(&mut self) -> Option<T> {
        let item = self.held.take()?;
        self.due = None;
        self.stats.sampled += 1;
        Some(item)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_none()
    }

    pub(super) fn period(&self) -> Duration {
        self.period
    }

    pub(super) fn stats(&self) -> SampleStats {
        self.stats
    }
}
