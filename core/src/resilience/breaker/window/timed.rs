use std::{collections::VecDeque, time::Duration};

/// The calls of the last so long, in buckets of time; those of a bucket are forgotten together.
///
/// Times count from the epoch of the breaker.
#[derive(Debug)]
pub(in super::super) struct Timed {
    width: Duration,
    buckets_max: usize,
    /// Without gaps; the last is number `newest`.
    buckets: VecDeque<Bucket>,
    newest: u64,
    sum: Bucket,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    calls: u32,
    bad: u32,
}

impl Timed {
    pub(in super::super) fn new(span: Duration, buckets: u32) -> Self {
        Self {
            width: (span / buckets).max(Duration::from_nanos(1)),
            buckets_max: buckets as usize,
            buckets: VecDeque::new(),
            newest: 0,
            sum: Bucket::default(),
        }
    }

    /// Forgets what is too old. A time before that of the last call is taken for that.
    pub(in super::super) fn advance(&mut self, now: Duration) {
        let number = number(now, self.width).max(self.newest);
        let passed = number - self.newest;
        self.newest = number;
        if passed >= self.buckets_max as u64 {
            self.clear();
            return;
        }
        for _ in 0..passed {
            if self.buckets.is_empty() {
                return;
            }
            self.buckets.push_back(Bucket::default());
            if self.buckets.len() > self.buckets_max
                && let Some(oldest) = self.buckets.pop_front()
            {
                self.sum.calls -= oldest.calls;
                self.sum.bad -= oldest.bad;
            }
        }
    }

    pub(in super::super) fn record(&mut self, now: Duration, bad: bool) {
        self.add(now, Bucket { calls: 1, bad: u32::from(bad) });
    }

    pub(in super::super) fn record_bad(&mut self, now: Duration, count: u32) {
        self.add(now, Bucket { calls: count, bad: count });
    }

    fn add(&mut self, now: Duration, more: Bucket) {
        self.advance(now);
        // Past four billion calls, further ones of the window are not counted; the share is known by then.
        let Some(calls) = self.sum.calls.checked_add(more.calls) else { return };
        if self.buckets.is_empty() {
            self.buckets.push_back(Bucket::default());
        }
        if let Some(bucket) = self.buckets.back_mut() {
            bucket.calls += more.calls;
            bucket.bad += more.bad;
            self.sum.calls = calls;
            self.sum.bad += more.bad;
        }
    }

    pub(in super::super) fn clear(&mut self) {
        self.buckets.clear();
        self.sum = Bucket::default();
    }

    /// How many are bad, of how many.
    pub(in super::super) fn count(&self) -> (u32, u32) {
        (self.sum.bad, self.sum.calls)
    }
}

/// Which step of that width `time` falls into.
pub(super) fn number(time: Duration, width: Duration) -> u64 {
    u64::try_from(time.as_nanos() / width.as_nanos().max(1)).unwrap_or(u64::MAX)
}
