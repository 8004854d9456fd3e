//! What the tests of streams have in common: sources that follow a script, and a clock that goes on while they compute.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant, SystemTime},
};

use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};

use crate::rt::{BoxFuture, Net, Rt, Runtime, Timer};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// Gives each item at its time, in milliseconds from now.
pub(super) fn arriving<T: Send + 'static>(
    rt: &Rt,
    arrivals: impl IntoIterator<Item = (u64, T), IntoIter: Send + 'static>,
) -> BoxStream<'static, T> {
    let (rt, start) = (rt.clone(), rt.now());
    let wait = move |(at, item)| {
        let rt = rt.clone();
        async move {
            let at = start + Duration::from_millis(at);
            // What is there is ready at once.
            if rt.now() < at {
                rt.sleep_until(at).await;
            }
            item
        }
    };
    stream::iter(arrivals).then(wait).boxed()
}

/// All that comes, each with its time in milliseconds since `start`.
pub(super) async fn timed<S: Stream + Unpin>(rt: &Rt, start: Instant, mut stream: S) -> Vec<(u64, S::Item)> {
    let mut all = Vec::new();
    while let Some(item) = stream.next().await {
        all.push(((rt.now() - start).as_millis() as u64, item));
    }
    all
}

/// A runtime whose clock goes on while a task computes, as real ones do: by as much as is said.
#[derive(Clone, Debug)]
pub(super) struct Computing {
    rt: Rt,
    /// In nanoseconds.
    spent: Arc<AtomicU64>,
    looks: Arc<AtomicUsize>,
}

impl Computing {
    pub(super) fn new(rt: &Rt) -> Self {
        Self { rt: rt.clone(), spent: Arc::default(), looks: Arc::default() }
    }

    pub(super) fn spend(&self, time: Duration) {
        self.spent.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    pub(super) fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Ordering::Relaxed))
    }

    /// How often the clock was read.
    pub(super) fn looks(&self) -> usize {
        self.looks.load(Ordering::Relaxed)
    }
}

impl Runtime for Computing {
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>) {
        self.rt.runtime().spawn(name, future);
    }

    fn spawn_blocking(&self, name: &'static str, job: Box<dyn FnOnce() + Send>) {
        self.rt.runtime().spawn_blocking(name, job);
    }

    fn now(&self) -> Instant {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.rt.now() + self.spent()
    }

    fn wall_clock(&self) -> SystemTime {
        self.rt.wall_clock()
    }

    fn timer(&self, at: Instant) -> Pin<Box<dyn Timer>> {
        self.rt.runtime().timer(at - self.spent())
    }

    fn random_u64(&self) -> u64 {
        self.rt.runtime().random_u64()
    }

    fn net(&self) -> &dyn Net {
        self.rt.runtime().net()
    }
}

/// Always ready, and each item takes `time` to compute.
pub(super) fn computed(
    clock: &Computing,
    items: u64,
    time: Duration,
) -> impl Stream<Item = u64> + Unpin + use<> {
    let clock = clock.clone();
    stream::iter((0..items).inspect(move |_| clock.spend(time)))
}

/// Always ready; the first items come at once, and each after them takes `time` to compute.
pub(super) fn slowing(
    clock: &Computing,
    fast: u64,
    time: Duration,
) -> impl Stream<Item = u64> + Unpin + use<> {
    let clock = clock.clone();
    stream::iter((0..).inspect(move |item| clock.spend(if *item < fast { Duration::ZERO } else { time })))
}

/// A waker that counts.
#[derive(Default)]
pub(super) struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Bell {
    /// How often it was woken since this was asked last.
    pub(super) fn rung(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

pub(super) fn bell() -> (Arc<Bell>, Waker) {
    let bell = Arc::new(Bell::default());
    (bell.clone(), Waker::from(bell))
}

pub(super) fn poll<S: Stream + Unpin>(stream: &mut S, waker: &Waker) -> Poll<Option<S::Item>> {
    stream.poll_next_unpin(&mut Context::from_waker(waker))
}
