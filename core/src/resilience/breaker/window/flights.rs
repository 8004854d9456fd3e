use std::{collections::VecDeque, time::Duration};

use super::timed::number;

/// In how many steps calls in flight become slow: a call is seen to be slow a sixteenth late at most.
const STEPS: u32 = 16;

/// How many calls are in flight, by when they were started, so that the slow ones are known without a list of all.
///
/// A bucket is given away as a whole, as soon as all its calls are slow. Each call is thus counted once: either when its
/// bucket is given away or, if it ends before, when it ends. Times count from the epoch of the breaker.
#[derive(Debug)]
pub(in super::super) struct Flights {
    slow_after: Duration,
    width: Duration,
    /// The first is number `first`. At most two more than `STEPS`.
    buckets: VecDeque<u32>,
    first: u64,
}

impl Flights {
    pub(in super::super) fn new(slow_after: Duration) -> Self {
        let width = (slow_after / STEPS).max(Duration::from_nanos(1));
        Self { slow_after, width, buckets: VecDeque::new(), first: 0 }
    }

    /// How many calls have become slow in flight since the last time, by whole buckets.
    pub(in super::super) fn advance(&mut self, now: Duration) -> u32 {
        // All that started before it is slow.
        let Some(before) = now.checked_sub(self.slow_after) else { return 0 };
        let first = number(before, self.width).max(self.first);
        let mut slow = 0_u32;
        while self.first < first
            && let Some(bucket) = self.buckets.pop_front()
        {
            slow = slow.saturating_add(bucket);
            self.first += 1;
        }
        self.first = first;
        slow
    }

    /// Notes a call that starts now, after [`advance`](Self::advance) with the same time.
    pub(in super::super) fn start(&mut self, now: Duration) {
        let index = self.index(number(now, self.width)).unwrap_or(0);
        if self.buckets.len() <= index {
            self.buckets.resize(index + 1, 0);
        }
        self.buckets[index] = self.buckets[index].saturating_add(1);
    }

    /// Takes a call that started then off the list. False if it was given away before.
    pub(in super::super) fn end(&mut self, started: Duration) -> bool {
        let Some(index) = self.index(number(started, self.width)) else { return false };
        match self.buckets.get_mut(index) {
            Some(bucket) => *bucket = bucket.saturating_sub(1),
            None => return false,
        }
        true
    }

    pub(in super::super) fn clear(&mut self) {
        self.buckets.clear();
    }

    fn index(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }
}

#[cfg(test)]
impl Flights {
    pub(in super::super) fn buckets(&self) -> usize {
        self.buckets.len()
    }
}
