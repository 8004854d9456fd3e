//! A call through a closed circuit breaker: what it costs when all is well, and when a tenth of the calls fails.

use std::{future::ready, hint::black_box, sync::Barrier, thread, time::Duration};

use futures::executor::block_on;
use recloser::{AsyncRecloser, Recloser};
use seaworthy_core::{
    resilience::breaker::{CircuitBreaker, Config, Window},
    rt::Rt,
};
use tower::{Service, ServiceExt, service_fn};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

use crate::{
    harness::{Allocations, Comparison, Meter, Settings, Table},
    runtimes::OnTokio,
};

/// The window of all that have one: recloser's default.
const LAST: u32 = 100;

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    let runtime = OnTokio::current_thread();
    let rt = &runtime.rt;
    // Those on two threads first: the others pin this one.
    let two = Load { threads: 2, calls: settings.size(1_000_000), fails: false };
    let one = Load { threads: 1, ..two };
    let failing = |load: Load| Load { fails: true, ..load };
    vec![
        by_permit(settings, rt, two, 0.6),
        by_permit(settings, rt, failing(two), 0.6),
        by_permit(settings, rt, one, 1.0),
        by_permit(settings, rt, failing(one), 1.0),
        by_future(settings, rt, one),
        by_future(settings, rt, failing(one)),
        other_settings(settings, rt, one),
        other_settings(settings, rt, failing(one)),
        allocations(settings, rt),
    ]
}

#[derive(Clone, Copy)]
struct Load {
    threads: usize,
    /// Of each thread.
    calls: usize,
    /// Every tenth call fails; no call does otherwise.
    fails: bool,
}

impl Load {
    fn compare<'a>(self, what: &str) -> Comparison<'a> {
        let outcome = if self.fails { "a tenth fails" } else { "all succeed" };
        let threads = if self.threads == 1 { "one thread" } else { "two threads" };
        let comparison = Comparison::new(format!("{what}, {outcome}, {threads}"), "ns/call", self.calls);
        if self.threads == 1 { comparison.pinned() } else { comparison }
    }

    /// Whether call `number` fails. Asked of all alike, and not foreseen by the compiler.
    #[inline]
    fn outcome(self, number: usize) -> Result<(), ()> {
        if black_box(self.fails) && number % 10 == 9 { Err(()) } else { Ok(()) }
    }

    /// Each thread works through its calls with what `start` gives it.
    fn time<C: FnMut(Result<(), ()>)>(self, meter: &mut Meter, start: impl Fn() -> C + Sync) {
        let work = || {
            let mut call = start();
            for number in 0..self.calls {
                call(self.outcome(number));
            }
        };
        if self.threads == 1 {
            return meter.time(work);
        }
        let barrier = Barrier::new(self.threads + 1);
        thread::scope(|scope| {
            let waiting = || {
                barrier.wait();
                work();
                barrier.wait();
            };
            (0..self.threads).for_each(|_| drop(scope.spawn(waiting)));
            barrier.wait();
            meter.time(|| barrier.wait());
        });
    }
}

fn by_permit(settings: Settings, rt: &Rt, load: Load, target: f64) -> Table {
    let ours = ours(rt, Config { calls_min: LAST, ..Config::default() });
    let recloser = recloser();
    let failsafe = failsafe::Config::new().build();
    let consecutive = failsafe::Config::new()
        .failure_policy(failsafe::failure_policy::consecutive_failures(
            1000,
            failsafe::backoff::constant(Duration::from_secs(30)),
        ))
        .build();
    let table = load
        .compare("A call")
        .target(target)
        .ours("CircuitBreaker, the last 100 calls", |meter| load.time(meter, || by_hand(&ours)))
        .peer("recloser, the last 100 calls", |meter| {
            load.time(meter, || |outcome| _ = black_box(recloser.call(|| outcome)));
        })
        .peer("failsafe, a moving average over 30 s", |meter| {
            load.time(meter, || {
                |outcome| _ = black_box(failsafe::CircuitBreaker::call(&failsafe, || outcome))
            });
        })
        .reference("failsafe, failures in a row", |meter| {
            load.time(meter, || {
                |outcome| _ = black_box(failsafe::CircuitBreaker::call(&consecutive, || outcome))
            });
        })
        .note("failsafe has no window of calls: an average reads the clock, a row does less.")
        .run(settings);
    assert_eq!(ours.stats().opened, 0, "a tenth is not too much");
    table
}

fn by_future(settings: Settings, rt: &Rt, load: Load) -> Table {
    let ours = ours(rt, Config { calls_min: LAST, ..Config::default() });
    let recloser = AsyncRecloser::from(recloser());
    let failsafe = failsafe::Config::new().build();
    let layer = CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        .sliding_window_size(LAST as usize)
        .minimum_number_of_calls(LAST as usize)
        .build()
        .expect("a good config");
    let service = layer.layer_fn(service_fn(|outcome: Result<(), ()>| ready(outcome)));
    load.compare("A call of a future that is ready")
        .target(1.0)
        .ours("CircuitBreaker::call", |meter| {
            load.time(meter, || |outcome| _ = black_box(block_on(ours.call(ready(outcome)))));
        })
        .peer("AsyncRecloser::call", |meter| {
            load.time(meter, || |outcome| _ = black_box(block_on(recloser.call(ready(outcome)))));
        })
        .peer("failsafe, a moving average over 30 s", |meter| {
            load.time(meter, || {
                |outcome| {
                    let call = failsafe::futures::CircuitBreaker::call(&failsafe, ready(outcome));
                    _ = black_box(block_on(call));
                }
            });
        })
        .peer("tower-resilience", |meter| {
            load.time(meter, || {
                let mut service = service.clone();
                move |outcome| {
                    let answer = async { service.ready().await?.call(outcome).await };
                    _ = black_box(block_on(answer));
                }
            });
        })
        .reference("the future alone", |meter| {
            load.time(meter, || |outcome| _ = black_box(block_on(ready(outcome))));
        })
        .note("Each is awaited with `futures::executor::block_on`, a part of every figure.")
        .run(settings)
}

/// What the other windows of ours cost.
fn other_settings(settings: Settings, rt: &Rt, load: Load) -> Table {
    let slow_call_after = Some(Duration::from_secs(60));
    let time = Window::Time { span: Duration::from_secs(10), buckets: 10 };
    let in_a_row = ours(rt, Config { window: Window::Consecutive { failures: 1000 }, ..Config::default() });
    let with_slow = ours(rt, Config { slow_call_after, ..Config::default() });
    let timed = ours(rt, Config { window: time, ..Config::default() });
    let all = ours(rt, Config { window: time, slow_call_after, ..Config::default() });
    load.compare("A call with other settings")
        .ours("failures in a row", |meter| load.time(meter, || by_hand(&in_a_row)))
        .ours("the last 100 calls, and slow ones", |meter| load.time(meter, || by_hand(&with_slow)))
        .ours("the last 10 s", |meter| load.time(meter, || by_hand(&timed)))
        .ours("the last 10 s, and slow ones", |meter| load.time(meter, || by_hand(&all)))
        .note("Time windows and slow calls read the clock once or twice a call.")
        .run(settings)
}

fn allocations(settings: Settings, rt: &Rt) -> Table {
    let calls = settings.size(1_000_000);
    let load = Load { threads: 1, calls, fails: true };
    let ours = ours(rt, Config { calls_min: LAST, ..Config::default() });
    let recloser = recloser();
    let count = move |meter: &mut Meter, call: &mut dyn FnMut(Result<(), ()>)| {
        let ((), allocations) = Allocations::of(|| (0..calls).for_each(|number| call(load.outcome(number))));
        meter.add(allocations.calls as f64);
    };
    Comparison::new("Allocations of a call, a tenth fails", "allocations/call", calls)
        .counted()
        .limit(0.0)
        .ours("CircuitBreaker", |meter| count(meter, &mut by_hand(&ours)))
        // No peer: the ratio of nothing to nothing is no figure.
        .reference("recloser", |meter| count(meter, &mut |outcome| _ = black_box(recloser.call(|| outcome))))
        .run(settings)
}

fn ours(rt: &Rt, config: Config) -> CircuitBreaker {
    CircuitBreaker::new(rt, "bench", config).expect("a good config")
}

fn by_hand(breaker: &CircuitBreaker) -> impl FnMut(Result<(), ()>) + '_ {
    |outcome| {
        let permit = breaker.try_acquire().expect("it is closed");
        match black_box(outcome) {
            Ok(()) => permit.success(),
            Err(()) => permit.failure(),
        }
    }
}

fn recloser() -> Recloser {
    Recloser::custom().error_rate(0.5).closed_len(LAST as usize).build()
}
