//! A crowd that waits: how much of the quota it gets, and in which order.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use governor::DefaultDirectRateLimiter;
use seaworthy_core::limit::{Quota, RateLimiter};

use crate::{
    harness::{Comparison, Meter, Settings, Table},
    runtimes::OnTokio,
};

const WAITERS: usize = 64;
const PER_SECOND: u32 = 10_000;

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    // A round takes as long as it takes.
    let settings = Settings { rounds: settings.rounds.min(5), ..settings };
    vec![unused(settings), displaced(settings)]
}

fn unused(settings: Settings) -> Table {
    let title =
        format!("Quota that {WAITERS} tasks in line leave unused, at {PER_SECOND}/s with a burst of 1");
    compare(settings, Comparison::new(title, "%", 1).limit(1.0), |passes, length| {
        let quota = f64::from(PER_SECOND) * length.as_secs_f64();
        100.0 * (1.0 - passes.len() as f64 / quota).max(0.0)
    })
}

fn displaced(settings: Settings) -> Table {
    let title =
        format!("Passes after one that came later, of {WAITERS} tasks, at {PER_SECOND}/s with a burst of 1");
    compare(settings, Comparison::new(title, "% of passes", 1).limit(0.0), |passes, _| {
        let mut latest = 0;
        let displaced = passes.iter().filter(|came| {
            latest = latest.max(**came);
            **came < latest
        });
        100.0 * displaced.count() as f64 / passes.len() as f64
    })
}

fn compare(
    settings: Settings,
    comparison: Comparison<'_>,
    figure: impl Fn(&[u64], Duration) -> f64 + Copy,
) -> Table {
    let length = if settings.quick { Duration::from_millis(20) } else { Duration::from_secs(1) };
    let one = NonZeroU32::MIN;
    let rate = NonZeroU32::new(PER_SECOND).expect("more than none");
    comparison
        .counted()
        .ours("RateLimiter::acquire", move |meter| {
            let tokio = OnTokio::current_thread();
            let limiter = RateLimiter::new(&tokio.rt, Quota::per_second(PER_SECOND)).expect("a good quota");
            measure(meter, &tokio, length, figure, move || {
                limiter.acquire(1).map(|passed| passed.expect("the line is long enough")).boxed()
            });
        })
        .peer("governor, until_ready", move |meter| {
            let tokio = OnTokio::current_thread();
            let quota = governor::Quota::per_second(rate).allow_burst(one);
            let limiter = Arc::new(DefaultDirectRateLimiter::direct(quota));
            measure(meter, &tokio, length, figure, move || {
                let limiter = Arc::clone(&limiter);
                async move { limiter.until_ready().await }.boxed()
            });
        })
        .peer("leaky-bucket, acquire", move |meter| {
            let tokio = OnTokio::current_thread();
            let limiter = leaky_bucket::RateLimiter::builder()
                .max(10)
                .initial(1)
                .refill(10)
                .interval(Duration::from_millis(1))
                .build();
            let limiter = Arc::new(limiter);
            measure(meter, &tokio, length, figure, move || Arc::clone(&limiter).acquire_owned(1).boxed());
        })
        .note(format!(
            "Each round takes {length:?} on one thread of tokio, whose timers are late by up to 1 ms."
        ))
        .note(
            "leaky-bucket has no interval below 1 ms: it gets 10 tokens each millisecond, and a burst of 10.",
        )
        .run(settings)
}

/// Lets all of them wait again and again, and takes the figure from the order in which they passed.
fn measure(
    meter: &mut Meter,
    tokio: &OnTokio,
    length: Duration,
    figure: impl Fn(&[u64], Duration) -> f64,
    wait: impl Fn() -> BoxFuture<'static, ()> + Clone + Send + 'static,
) {
    let line = Arc::new(Mutex::new(Line::default()));
    let tasks = (0..WAITERS).map(|_| {
        let (line, wait) = (Arc::clone(&line), wait.clone());
        async move {
            loop {
                let came = lock(&line).come();
                wait().await;
                lock(&line).passed.push(came);
            }
        }
    });
    tokio.block_on(async {
        let tasks: Vec<_> = tasks.map(tokio::spawn).collect();
        tokio::time::sleep(length).await;
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
    });
    meter.add(figure(&lock(&line).passed, length));
}

/// Who came when, and the order in which they passed.
#[derive(Default)]
struct Line {
    came: u64,
    passed: Vec<u64>,
}

impl Line {
    fn come(&mut self) -> u64 {
        self.came += 1;
        self.came
    }
}

fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}
