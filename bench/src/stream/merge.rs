//! Items through a merge of many sources of which one, or all, have something.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures::{Stream, stream::select_all, task::AtomicWaker};
use futures_buffered::{MergeBounded, MergeUnbounded};
use futures_concurrency::stream::Merge as _;
use seaworthy_core::stream::{self, Event};
use tokio_stream::StreamMap;

use crate::harness::{Comparison, Meter, Settings, Table};

/// `StreamMap` takes 20 µs an item with a thousand sources, and ten times as much with ten thousand.
const STREAM_MAP_MAX: usize = 1_000;

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    let items = settings.size(50_000);
    let numbers = [10, 100, 1_000, 10_000];
    let one = numbers.map(|sources| compare(settings, Load::one(sources, items)));
    let all = numbers.map(|sources| compare(settings, Load::all(sources, items)));
    one.into_iter().chain(all).collect()
}

/// Who gets an item before the merge is polled until it has no more.
#[derive(Clone, Copy)]
struct Load {
    sources: usize,
    active: (usize, usize),
    rounds: usize,
}

impl Load {
    /// One source, always the same.
    fn one(sources: usize, items: usize) -> Self {
        Self { sources, active: (sources / 2, sources / 2 + 1), rounds: items }
    }

    /// Every source.
    fn all(sources: usize, items: usize) -> Self {
        Self { sources, active: (0, sources), rounds: items.div_ceil(sources) }
    }

    fn items(self) -> usize {
        self.rounds * (self.active.1 - self.active.0)
    }

    fn title(self) -> String {
        let active = if self.active.1 - self.active.0 == 1 { "one active" } else { "all active" };
        format!("An item through {} sources, {active}", self.sources)
    }

    /// Times items through what `merge` makes of the sources.
    fn time<M: Stream>(
        self,
        meter: &mut Meter,
        merge: impl FnOnce(Vec<Lit>) -> M,
        number: fn(M::Item) -> usize,
    ) {
        let lamps: Vec<_> = (0..self.sources).map(|number| Arc::new(Lamp::new(number))).collect();
        let mut merged = pin!(merge(lamps.iter().cloned().map(Lit).collect()));
        let poller = Arc::new(Poller::default());
        let waker = Waker::from(poller.clone());
        let mut cx = Context::from_waker(&waker);
        let mut poll_all = |sum: &mut usize| {
            while poller.woken.swap(false, Ordering::AcqRel) {
                while let Poll::Ready(item) = merged.as_mut().poll_next(&mut cx) {
                    *sum += number(item.expect("no source ends"));
                }
            }
        };
        poll_all(&mut 0);
        let lamps = &lamps[self.active.0..self.active.1];
        let sum = meter.time(|| {
            let mut sum = 0;
            for _ in 0..self.rounds {
                lamps.iter().for_each(|lamp| lamp.light());
                poll_all(&mut sum);
            }
            sum
        });
        let expected = (self.active.0..self.active.1).sum::<usize>() * self.rounds;
        assert_eq!(sum, expected, "each item came once");
    }
}

fn compare(settings: Settings, load: Load) -> Table {
    let mut comparison = Comparison::new(load.title(), "ns/item", load.items())
        .pinned()
        .target(1.1)
        .ours("Merge, with keys", |meter| {
            load.time(
                meter,
                |sources| stream::merge(sources.into_iter().enumerate()),
                |event| match event {
                    Event::Item(key, number) => {
                        assert_eq!(key, number);
                        number
                    }
                    _ => unreachable!("no source ends"),
                },
            );
        })
        .ours("Merge::items", |meter| {
            load.time(
                meter,
                |sources| stream::merge(sources.into_iter().enumerate()).items(),
                |number| number,
            );
        })
        .peer("futures, select_all", |meter| load.time(meter, select_all, |number| number))
        .peer("futures-concurrency, Vec::merge", |meter| {
            load.time(meter, |sources| sources.merge(), |number| number);
        })
        .peer("futures-buffered, MergeBounded", |meter| {
            load.time(meter, MergeBounded::from_iter, |number| number);
        })
        .peer("futures-buffered, MergeUnbounded", |meter| {
            load.time(meter, MergeUnbounded::from_iter, |number| number);
        });
    if load.sources <= STREAM_MAP_MAX {
        comparison = comparison.peer("tokio-stream, StreamMap", |meter| {
            let keyed = |sources: Vec<Lit>| StreamMap::from_iter(sources.into_iter().enumerate());
            load.time(meter, keyed, |(_, number)| number);
        });
    } else {
        comparison = comparison.note("StreamMap is left out: it polls every source for each item.");
    }
    comparison.note("The time includes that of the sources: a counter and an AtomicWaker each.").run(settings)
}

/// What a source shows, and whom it wakes.
struct Lamp {
    number: usize,
    items: AtomicU32,
    waker: AtomicWaker,
}

/// A source: one item for each time that its lamp was lit.
struct Lit(Arc<Lamp>);

impl Lamp {
    fn new(number: usize) -> Self {
        Self { number, items: AtomicU32::new(0), waker: AtomicWaker::new() }
    }

    fn light(&self) {
        self.items.fetch_add(1, Ordering::Release);
        self.waker.wake();
    }

    fn take(&self) -> Option<usize> {
        let items = self.items.load(Ordering::Acquire);
        (items > 0).then(|| {
            self.items.fetch_sub(1, Ordering::Acquire);
            self.number
        })
    }
}

impl Stream for Lit {
    type Item = usize;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        let lamp = &self.0;
        if let Some(number) = lamp.take() {
            return Poll::Ready(Some(number));
        }
        lamp.waker.register(cx.waker());
        lamp.take().map_or(Poll::Pending, |number| Poll::Ready(Some(number)))
    }
}

/// The task that polls the merge.
struct Poller {
    woken: AtomicBool,
}

impl Default for Poller {
    fn default() -> Self {
        Self { woken: AtomicBool::new(true) }
    }
}

impl Wake for Poller {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
    }
}
