//! A runtime for tests of what something costs.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Instant, SystemTime},
};

use super::{BoxFuture, Net, Rt, Runtime, Timer};

/// How often a runtime was asked for something.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    clock_reads: AtomicU32,
    timers: AtomicU32,
}

impl Asked {
    pub(crate) fn clock_reads(&self) -> u32 {
        self.clock_reads.load(Ordering::Relaxed)
    }

    pub(crate) fn timers(&self) -> u32 {
        self.timers.load(Ordering::Relaxed)
    }
}

/// `inner`, but it counts what is asked of it, and goes on after a panic nobody saw.
pub(crate) fn counting(inner: Rt) -> (Rt, Arc<Asked>) {
    let asked = Arc::<Asked>::default();
    (Rt::new(Counting { inner, asked: Arc::clone(&asked) }), asked)
}

#[derive(Debug)]
struct Counting {
    inner: Rt,
    asked: Arc<Asked>,
}

impl Runtime for Counting {
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>) {
        self.inner.runtime().spawn(name, future);
    }

    fn spawn_blocking(&self, name: &'static str, job: Box<dyn FnOnce() + Send>) {
        self.inner.runtime().spawn_blocking(name, job);
    }

    fn now(&self) -> Instant {
        self.asked.clock_reads.fetch_add(1, Ordering::Relaxed);
        self.inner.now()
    }

    fn wall_clock(&self) -> SystemTime {
        self.inner.wall_clock()
    }

    fn timer(&self, at: Instant) -> Pin<Box<dyn Timer>> {
        self.asked.timers.fetch_add(1, Ordering::Relaxed);
        self.inner.runtime().timer(at)
    }

    fn random_u64(&self) -> u64 {
        self.inner.runtime().random_u64()
    }

    fn net(&self) -> &dyn Net {
        self.inner.runtime().net()
    }
}
