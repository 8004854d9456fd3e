use std::time::{Duration, Instant};

/// How many items are taken between two looks at the clock, at most.
const ITEMS_MAX: usize = 128;

/// How often to look at the clock while a source is always ready: seldom if its items come fast, and after each if they
/// are slow to come.
///
/// A look costs more than a fast item, so it doubles the number of items to the next; a gap of more than a sixteenth of the
/// time that counts starts it at one again.
pub(super) struct Pace {
    gap: Duration,
    last: Option<Instant>,
    /// From the last look to the next.
    items: usize,
    /// How many of these are still to come.
    left: usize,
}

impl Pace {
    pub(super) fn new(time: Duration) -> Self {
        Self { gap: time / 16, last: None, items: 1, left: 1 }
    }

    /// Notes a look at the clock, and passes on what it showed.
    pub(super) fn look(&mut self, now: Instant) -> Instant {
        let slow = self.last.is_none_or(|last| now.saturating_duration_since(last) > self.gap);
        self.items = if slow { 1 } else { (self.items * 2).min(ITEMS_MAX) };
        self.left = self.items;
        self.last = Some(now);
        now
    }

    /// How many items may be taken before the next look.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    pub(super) fn took(&mut self, items: usize) {
        self.left = self.left.saturating_sub(items);
    }
}
