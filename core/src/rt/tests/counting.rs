use std::{
    pin::Pin,
    time::{Instant, SystemTime},
};

use super::*;

/// A runtime that counts what is asked of it, and goes on after a panic nobody saw.
#[derive(Debug)]
pub(super) struct Counting {
    inner: Rt,
    pub(super) timers: Count,
    pub(super) clock_reads: Count,
}

impl Counting {
    pub(super) fn new(inner: &Rt) -> Self {
        Self { inner: inner.clone(), timers: Count::default(), clock_reads: Count::default() }
    }
}

impl Runtime for Counting {
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>) {
        self.inner.runtime().spawn(name, future);
    }

    fn spawn_blocking(&self, name: &'static str, job: Box<dyn FnOnce() + Send>) {
        self.inner.runtime().spawn_blocking(name, job);
    }

    fn now(&self) -> Instant {
        self.clock_reads.add();
        self.inner.now()
    }

    fn wall_clock(&self) -> SystemTime {
        self.inner.wall_clock()
    }

    fn timer(&self, at: Instant) -> Pin<Box<dyn Timer>> {
        self.timers.add();
        self.inner.runtime().timer(at)
    }

    fn random_u64(&self) -> u64 {
        self.inner.runtime().random_u64()
    }

    fn net(&self) -> &dyn Net {
        self.inner.runtime().net()
    }
}
