//! The limiter and the bulkhead, seen from outside.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use seaworthy_core::limit::{AcquireError, Acquiring, Bulkhead, Permit, Quota, RateLimiter, bulkhead};

use crate::{
    always,
    scenario::Host,
    scenarios::watch::{Ended, Line},
    sometimes,
};

/// What comes out of a limiter, and when.
pub(super) struct Tap {
    host: Host,
    catch_up_max: Duration,
    line: Line,
    flow: Mutex<Flow>,
}

struct Flow {
    quota: Quota,
    /// When that quota began to hold.
    since: Duration,
    /// What was let through since: when, and how much.
    granted: Vec<(Duration, u32)>,
    /// How many may have been woken by changes of the quota.
    disturbed: u64,
}

impl Tap {
    pub(super) fn new(host: &Host, quota: Quota, catch_up_max: Duration) -> Self {
        let flow = Flow { quota, since: host.now(), granted: Vec::new(), disturbed: 0 };
        Self { host: host.clone(), catch_up_max, line: Line::new(host, "a token"), flow: Mutex::new(flow) }
    }

    /// Changes the quota; what was let through until now is held against the old one.
    pub(super) fn set_quota(&self, limiter: &RateLimiter, quota: Quota) {
        let waiting = self.line.waiting() as u64;
        limiter.set_quota(quota).expect("a quota that makes sense");
        let (old, since, granted) = self.take_flow(quota);
        self.flow.lock().disturbed += 1 + waiting;
        self.check_bound(old, since, granted);
    }

    fn take_flow(&self, quota: Quota) -> (Quota, Duration, Vec<(Duration, u32)>) {
        let mut flow = self.flow.lock();
        let old = std::mem::replace(&mut flow.quota, quota);
        let since = std::mem::replace(&mut flow.since, self.host.now());
        (old, since, std::mem::take(&mut flow.granted))
    }

    /// Takes tokens if they are there.
    pub(super) fn try_acquire(&self, limiter: &RateLimiter, n: u32) {
        if limiter.try_acquire(n).is_ok() {
            self.line.newcomer_passed();
            self.flow.lock().granted.push((self.host.now(), n));
        }
    }

    /// Waits for tokens.
    pub(super) async fn acquire(
        &self,
        n: u32,
        may_time_out: bool,
        acquiring: Acquiring,
    ) -> Result<(), AcquireError> {
        let Ended { value, told } = self.line.wait(may_time_out, acquiring).await;
        value?;
        sometimes!(self.host, told.is_none(), "a token is there at once");
        sometimes!(self.host, told.is_some(), "a token comes after a wait");
        self.flow.lock().granted.push((told.unwrap_or_else(|| self.host.now()), n));
        Ok(())
    }

    /// In no interval `T` more than `burst + rate * (T + catch_up_max)`: a bucket of `burst + rate * catch_up_max` that is
    /// full at first never runs dry.
    fn check_bound(&self, quota: Quota, since: Duration, mut granted: Vec<(Duration, u32)>) {
        granted.sort_unstable();
        let rate = f64::from(quota.tokens) / quota.period.as_secs_f64();
        let size = f64::from(quota.burst) + rate * self.catch_up_max.as_secs_f64();
        let (mut level, mut last) = (size, since);
        for (at, n) in granted {
            // At that very moment it may have been by the old quota still.
            if at <= since {
                continue;
            }
            level = (level + rate * (at - last).as_secs_f64()).min(size) - f64::from(n);
            last = at;
            let host = &self.host;
            always!(host, level > -1e-6, "a limiter is never above its bound", "{quota}: {level} at {at:?}");
        }
    }

    /// The end of the watch; returns how long a whole burst takes to come back.
    pub(super) fn finish(&self) -> Duration {
        let quota = self.flow.lock().quota;
        let (quota, since, granted) = self.take_flow(quota);
        self.check_bound(quota, since, granted);
        self.line.check_wakes(self.flow.lock().disturbed);
        quota.period * quota.burst / quota.tokens.max(1)
    }
}

/// The permits of a bulkhead that are out.
pub(super) struct Places {
    host: Host,
    line: Line,
    book: Arc<Mutex<Book>>,
}

struct Book {
    permits: usize,
    /// More than that are not out: it falls to `permits` as soon as they have come back.
    bound: usize,
    held: usize,
}

impl Places {
    pub(super) fn new(host: &Host, permits: usize) -> Self {
        let book = Book { permits, bound: permits, held: 0 };
        Self { host: host.clone(), line: Line::new(host, "a permit"), book: Arc::new(Mutex::new(book)) }
    }

    /// Changes the number of permits; returns whether more are out than there are to be.
    pub(super) fn resize(&self, bulkhead: &Bulkhead, permits: usize) -> bool {
        bulkhead.resize(permits).expect("any size below the maximum");
        let mut book = self.book.lock();
        book.permits = permits;
        book.bound = book.bound.max(permits);
        book.held > permits
    }

    pub(super) async fn acquire(
        &self,
        may_time_out: bool,
        acquiring: bulkhead::Acquiring,
    ) -> Result<Permit, bulkhead::AcquireError> {
        let Ended { value, told } = self.line.wait(may_time_out, acquiring).await;
        let permit = value?;
        sometimes!(self.host, told.is_none(), "a permit is there at once");
        sometimes!(self.host, told.is_some(), "a permit comes after a wait");
        Ok(permit)
    }

    /// A permit is held until the value is dropped.
    pub(super) fn hold(&self, bulkhead: &Bulkhead) -> Held {
        let in_use = bulkhead.stats().in_use;
        let mut book = self.book.lock();
        book.held += 1;
        let (held, bound) = (book.held, book.bound);
        book.bound = in_use.max(book.permits).min(bound);
        drop(book);
        let host = &self.host;
        always!(
            host,
            held <= in_use && in_use <= bound,
            "permits are bounded",
            "{held}, {in_use} of {bound}"
        );
        Held { book: Arc::clone(&self.book) }
    }
}

/// A permit that is out.
pub(super) struct Held {
    book: Arc<Mutex<Book>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.book.lock().held -= 1;
    }
}
