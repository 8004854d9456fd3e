//! Law 7: what a first success costs.

use std::{
    pin::Pin,
    time::{Instant, SystemTime},
};

use super::{Count, SECOND, retry};
use crate::{
    resilience::{Budget, budget},
    rt::{BoxFuture, Net, Rt, Runtime, Timer, yield_now},
    testing::run,
    time::Deadline,
};

/// A runtime that counts how often the clock is read and how many timers are made.
#[derive(Debug)]
struct Counting {
    inner: Rt,
    reads: Count,
    timers: Count,
}

impl Runtime for Counting {
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>) {
        self.inner.runtime().spawn(name, future);
    }

    fn spawn_blocking(&self, name: &'static str, job: Box<dyn FnOnce() + Send>) {
        self.inner.runtime().spawn_blocking(name, job);
    }

    fn now(&self) -> Instant {
        self.reads.add();
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

#[test]
fn a_first_success_reads_no_clock() {
    run(1, |rt| async move {
        let (reads, timers) = (Count::default(), Count::default());
        let rt = Rt::new(Counting { inner: rt, reads: reads.clone(), timers: timers.clone() });
        let retry = retry(&rt, 3);
        let answer = retry.run(|_| async {
            yield_now().await;
            Ok::<_, ()>(7)
        });
        assert_eq!((answer.await.unwrap(), reads.number(), timers.number()), (7, 0, 0));

        let budget = Budget::new(&rt, budget::Config::default()).unwrap();
        let before = reads.number();
        retry.clone().budget(budget).run(|_| async { Ok::<_, ()>(7) }).await.unwrap();
        assert_eq!(reads.number(), before, "a budget looks at the clock only for retries");

        let within = retry.deadline(Deadline::after(&rt, "request", SECOND));
        within.run(|_| async { Ok::<_, ()>(7) }).await.unwrap();
        assert_eq!(timers.number(), 0, "a deadline needs a timer only if there is something to wait for");
    });
}
