//! What goes wrong elsewhere: each defect is shown by doing the same to those that have it and to ours. Nothing here is
//! timed.

use std::{future::pending, thread, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use failsafe::futures::CircuitBreaker as _;
use futures::{FutureExt, channel::oneshot, executor::block_on, future::BoxFuture};
use recloser::{AsyncRecloser, Recloser};
use seaworthy_core::{
    resilience::{
        Budget,
        breaker::{CallError, CircuitBreaker, Config, Window},
        budget,
    },
    rt::{Rng, Rt},
    time::{Backoff, Jitter},
};
use tower::{
    Service, ServiceExt,
    retry::budget::{Budget as _, TpsBudget},
    service_fn,
};
use tower_resilience_circuitbreaker::{CircuitBreakerError, CircuitBreakerLayer};

use crate::{
    harness::{Comparison, Meter, Settings, Table},
    runtimes::OnTokio,
};

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    let runtime = OnTokio::current_thread();
    let rt = &runtime.rt;
    // They are the same each time.
    let settings = Settings { rounds: 1, ..settings };
    vec![
        probes(settings, rt),
        failures_to_open(settings, rt),
        late_results(settings, rt),
        hung_probe(settings, rt),
        longest_pause(settings),
        retries(settings, rt),
    ]
}

fn probes(settings: Settings, rt: &Rt) -> Table {
    let count = |meter: &mut Meter, mut breaker: Breaker| {
        breaker.make_half_open();
        let mut calls: Vec<_> = (0..10_000).map(|_| breaker.call(pending().boxed())).collect();
        let mut passed = 0.0;
        for call in &mut calls {
            match poll(call) {
                Some(ended) => assert_eq!(ended, Ended::Rejected),
                None => passed += 1.0,
            }
        }
        meter.add(passed);
    };
    counted("Calls let through while half open, of 10,000 at once", "calls")
        .limit(1.0)
        .ours("CircuitBreaker, one probe", |meter| count(meter, ours(rt, LEASE)))
        .peer("recloser, one call to decide", |meter| count(meter, recloser()))
        .peer("failsafe", |meter| count(meter, failsafe()))
        .note("They are under way and have not ended. recloser and failsafe do not count a probe before it has.")
        .run(settings)
}

fn failures_to_open(settings: Settings, rt: &Rt) -> Table {
    let count = |meter: &mut Meter, mut breaker: Breaker| {
        (0..10_000).for_each(|_| assert_eq!(breaker.end(Ok(())), Ended::Called));
        // Many times what is expected, lest one that never opens keeps us here.
        meter.add((0..100_000).take_while(|_| breaker.end(Err(())) == Ended::Called).count() as f64);
    };
    counted("Failures until half of the last 10 calls have failed, after 10,000 successes", "failures")
        .limit(5.0)
        .ours("CircuitBreaker, the last 10 calls", |meter| count(meter, ours(rt, LEASE)))
        .peer("recloser, the last 10 calls", |meter| count(meter, recloser()))
        .peer("tower-resilience, a window of 10 calls", |meter| count(meter, tower_resilience()))
        .note("tower-resilience's window only grows: no call ever leaves it.")
        .run(settings)
}

fn late_results(settings: Settings, rt: &Rt) -> Table {
    const BREAKERS: usize = 20;
    fn is_fooled(mut breaker: Breaker) -> bool {
        let mut late: Vec<_> = (0..3).map(|_| breaker.start()).collect();
        breaker.make_half_open();
        let mut probe = breaker.start();
        late.drain(..).for_each(|late| assert_eq!(late.end(Err(())), Ended::Called));
        assert_eq!(probe.poll(), None, "the probe is under way");
        assert_eq!(probe.end(Ok(())), Ended::Called);
        // The only call that is new has succeeded.
        breaker.end(Ok(())) == Ended::Rejected
    }
    let count = |meter: &mut Meter, make: &dyn Fn() -> Breaker| {
        meter.add((0..BREAKERS).filter(|_| is_fooled(make())).count() as f64);
    };
    counted("Breakers opened again, though their probe succeeded, by failures from before, of 20", "breakers")
        .limit(0.0)
        .ours("CircuitBreaker", |meter| count(meter, &|| ours(rt, LEASE)))
        .peer("recloser", |meter| count(meter, &recloser))
        .peer("failsafe", |meter| count(meter, &failsafe))
        .peer("tower-resilience", |meter| count(meter, &tower_resilience))
        .note("Three calls began while closed and fail while the probe is under way, which is the one to decide.")
        .run(settings)
}

fn hung_probe(settings: Settings, rt: &Rt) -> Table {
    let count = |meter: &mut Meter, mut breaker: Breaker| {
        breaker.make_half_open();
        let hung = breaker.start();
        let rejected = (0..100).filter(|_| {
            thread::sleep(Duration::from_millis(1));
            breaker.end(Ok(())) == Ended::Rejected
        });
        meter.add(rejected.count() as f64);
        drop(hung);
    };
    counted("Calls turned away after a probe has hung, of 100 in a tenth of a second", "calls")
        .limit(50.0)
        .ours("CircuitBreaker, a lease of 5 ms", |meter| count(meter, ours(rt, Duration::from_millis(5))))
        .peer("tower-resilience, one call in half-open", |meter| count(meter, tower_resilience()))
        .note("Open for 5 ms at first. Without a lease no call ever passes again.")
        .note("recloser and failsafe are left out: they turn nobody away while half open.")
        .run(settings)
}

fn longest_pause(settings: Settings) -> Table {
    const PAUSES: usize = 10_000;
    let max = Duration::from_secs(10);
    let longest = |pauses: &mut dyn Iterator<Item = Duration>| {
        pauses.take(PAUSES).max().unwrap_or_default().as_secs_f64()
    };
    counted("The longest of 10,000 pauses with jitter and a maximum of 10 s", "s")
        .limit(10.0)
        .ours("Backoff, full jitter", |meter| {
            let backoff = Backoff { max, jitter: Jitter::Full, ..Backoff::default() };
            meter.add(longest(&mut backoff.delays(Rng::from_seed(1))));
        })
        .ours("Backoff, equal jitter", |meter| {
            let backoff = Backoff { max, jitter: Jitter::Equal, ..Backoff::default() };
            meter.add(longest(&mut backoff.delays(Rng::from_seed(1))));
        })
        .peer("backon, ExponentialBuilder::with_max_delay", |meter| {
            let backoff = ExponentialBuilder::default().with_jitter().with_jitter_seed(1).with_max_delay(max);
            meter.add(longest(&mut backoff.without_max_times().build()));
        })
        .note("backon adds its jitter after the maximum.")
        .run(settings)
}

fn retries(settings: Settings, rt: &Rt) -> Table {
    const CALLS: usize = 1000;
    counted("Retries let through, of 1,000 calls that all want one, with a budget of 0.6", "retries")
        .limit(610.0)
        .ours("Budget, a ratio of 0.6", |meter| {
            let config = budget::Config { ratio: 0.6, tokens_max: 10, reserve_per_second: 0 };
            let budget = Budget::new(rt, config).expect("a good config");
            meter.add((0..CALLS).filter(|_| budget.begin().try_retry().is_ok()).count() as f64);
        })
        .peer("tower, TpsBudget::new(10 s, 0, 0.6)", |meter| {
            let budget = TpsBudget::new(Duration::from_secs(10), 0, 0.6);
            let is_retried = |_: &usize| {
                budget.deposit();
                budget.withdraw()
            };
            meter.add((0..CALLS).filter(is_retried).count() as f64);
        })
        .note("Neither has a reserve. Ours starts with ten tokens. tower rounds the price of a retry, 1 / 0.6, to 1 (#857).")
        .run(settings)
}

fn counted<'a>(title: &str, unit: &'static str) -> Comparison<'a> {
    Comparison::new(title, unit, 1).counted()
}

/// How long a breaker stays open.
const OPEN: Duration = Duration::from_millis(5);

/// How long a probe of ours may take, where it is not about that.
const LEASE: Duration = Duration::from_secs(30);

type Answer = Result<(), ()>;

/// A breaker of whatever make: the last 10 calls or failures in a row, half of them or five, and one probe.
struct Breaker {
    call: Box<dyn FnMut(BoxFuture<'static, Answer>) -> BoxFuture<'static, Ended>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Called,
    Rejected,
}

/// A call that is under way until it is told its answer.
struct Started {
    call: BoxFuture<'static, Ended>,
    answer: oneshot::Sender<Answer>,
}

impl Breaker {
    fn new<F>(mut call: impl FnMut(BoxFuture<'static, Answer>) -> F + 'static) -> Self
    where
        F: Future<Output = Ended> + Send + 'static,
    {
        Self { call: Box::new(move |future| call(future).boxed()) }
    }

    fn call(&mut self, future: BoxFuture<'static, Answer>) -> BoxFuture<'static, Ended> {
        (self.call)(future)
    }

    /// A call that ends at once.
    fn end(&mut self, answer: Answer) -> Ended {
        block_on(self.call(async move { answer }.boxed()))
    }

    fn start(&mut self) -> Started {
        let (answer, told) = oneshot::channel();
        let mut call = self.call(async { told.await.expect("it is told") }.boxed());
        assert_eq!(poll(&mut call), None, "it is under way");
        Started { call, answer }
    }

    fn make_half_open(&mut self) {
        let failures = (0..1000).take_while(|_| self.end(Err(())) == Ended::Called).count();
        assert!(failures < 1000, "it opens");
        thread::sleep(4 * OPEN);
    }
}

impl Started {
    fn poll(&mut self) -> Option<Ended> {
        poll(&mut self.call)
    }

    fn end(self, answer: Answer) -> Ended {
        self.answer.send(answer).expect("it waits");
        block_on(self.call)
    }
}

fn poll(call: &mut BoxFuture<'static, Ended>) -> Option<Ended> {
    call.as_mut().now_or_never()
}

fn ours(rt: &Rt, probe_lease: Duration) -> Breaker {
    let config = Config {
        window: Window::Calls { last: 10 },
        open_for: Backoff { initial: OPEN, jitter: Jitter::None, ..Config::default().open_for },
        successes_to_close: 1,
        probe_lease,
        ..Config::default()
    };
    let breaker = CircuitBreaker::new(rt, "bench", config).expect("a good config");
    Breaker::new(move |future| {
        let breaker = breaker.clone();
        async move {
            match breaker.call(future).await {
                Err(CallError::Rejected(_)) => Ended::Rejected,
                _ => Ended::Called,
            }
        }
    })
}

fn recloser() -> Breaker {
    let breaker = Recloser::custom().error_rate(0.5).closed_len(10).half_open_len(1).open_wait(OPEN).build();
    let breaker = AsyncRecloser::from(breaker);
    Breaker::new(move |future| {
        breaker.call(future).map(|ended| match ended {
            Err(recloser::Error::Rejected) => Ended::Rejected,
            _ => Ended::Called,
        })
    })
}

fn failsafe() -> Breaker {
    let policy = failsafe::failure_policy::consecutive_failures(5, failsafe::backoff::constant(OPEN));
    let breaker = failsafe::Config::new().failure_policy(policy).build();
    Breaker::new(move |future| {
        breaker.call(future).map(|ended| match ended {
            Err(failsafe::Error::Rejected) => Ended::Rejected,
            _ => Ended::Called,
        })
    })
}

fn tower_resilience() -> Breaker {
    let layer = CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        .sliding_window_size(10)
        .minimum_number_of_calls(10)
        .permitted_calls_in_half_open(1)
        .wait_duration_in_open(OPEN)
        .build()
        .expect("a good config");
    let mut service = layer.layer_fn(service_fn(|answer: BoxFuture<'static, Answer>| answer));
    Breaker::new(move |future| {
        let called = block_on(service.ready()).expect("it always is").call(future);
        called.map(|ended| match ended {
            Err(CircuitBreakerError::OpenCircuit) => Ended::Rejected,
            _ => Ended::Called,
        })
    })
}
