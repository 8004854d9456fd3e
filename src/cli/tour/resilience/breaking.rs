use std::time::Duration;

use futures::{FutureExt, StreamExt, future::join_all};
use seaworthy::{
    resilience::breaker::{CallError, CircuitBreaker, Config, Event, Rejected, State, Window},
    rt::Rt,
    time::{Backoff, Jitter},
};

use super::{
    Context,
    backend::{Backend, Failure},
    text::{count, millis, time},
};

/// What an open breaker has spared the server, and its callers.
pub(super) struct Spared {
    pub(super) calls: u64,
    pub(super) each: Duration,
    pub(super) recovered: Duration,
}

const OPEN: Duration = Duration::from_millis(250);
const CALLS: usize = 10_000;
const CROWD: usize = 500;

fn breaker(rt: &Rt) -> anyhow::Result<CircuitBreaker> {
    let config = Config {
        window: Window::Calls { last: 20 },
        calls_min: 10,
        failure_percent: 50,
        open_for: Backoff { initial: OPEN, jitter: Jitter::None, ..Config::default().open_for },
        probes: 1,
        successes_to_close: 2,
        ..Config::default()
    };
    Ok(CircuitBreaker::new(rt, "stock", config)?)
}

/// It opens, lets one probe find out that the server is still down, then one that it is up, and closes.
pub(super) async fn opens_and_recovers(cx: &Context) -> anyhow::Result<Spared> {
    cx.scene("A breaker");
    let backend = Backend::start(&cx.rt).await?;
    let breaker = breaker(&cx.rt)?;
    let events = breaker.events();

    // Ten good calls, and then the server goes down: half of the last twenty, when ten have failed.
    let calls_to_open = 10;
    for _ in 0..calls_to_open {
        breaker.call(backend.ask("stock")).await?;
    }
    backend.fail(usize::MAX);
    let before = backend.requests();
    let rejected = until_rejected(&breaker, &backend).await?;
    let failed = backend.requests() - before;
    cx.claim(
        failed == calls_to_open && rejected.state == State::Open,
        failed,
        format_args!("failed calls after {calls_to_open} good ones, and then: {rejected}"),
        format_args!("{calls_to_open}: half of the last 20"),
    );

    let spared = turned_away(cx, &breaker, &backend);
    crowd(cx, &breaker, &backend).await?;

    // It recovers, and nobody is told.
    backend.answer_after(Duration::ZERO);
    backend.fail(0);
    let up = cx.rt.now();
    while breaker.state() != State::Closed {
        match breaker.call(backend.ask("stock")).await {
            Err(CallError::Rejected(rejected)) => cx.rt.sleep(rejected.retry_after.unwrap_or(OPEN)).await,
            answer => drop(answer?),
        }
    }
    let recovered = cx.rt.now() - up;
    cx.fact(time(recovered), "from the server's recovery until the breaker had seen two good probes");
    drop(breaker);
    transitions(cx, events).await;
    let (calls, each) = spared;
    Ok(Spared { calls, each, recovered })
}

/// Calls until one is turned away, and returns why.
async fn until_rejected(breaker: &CircuitBreaker, backend: &Backend) -> anyhow::Result<Rejected> {
    for _ in 0..1_000 {
        match breaker.call(backend.ask("stock")).await {
            Err(CallError::Rejected(rejected)) => return Ok(rejected),
            Err(CallError::Failed(Failure::Unavailable)) => {}
            other => anyhow::bail!("the server is down, and this came of it: {other:?}"),
        }
    }
    anyhow::bail!("a thousand failures did not open it")
}

/// While it is open no request leaves, and a call takes next to no time.
fn turned_away(cx: &Context, breaker: &CircuitBreaker, backend: &Backend) -> (u64, Duration) {
    let before = backend.requests();
    let start = cx.rt.now();
    let mut calls = 0;
    // Not beyond the time it is open: then a call passes, as it should.
    while calls < CALLS && cx.rt.now() - start < OPEN / 2 {
        let ended = breaker.call(backend.ask("stock")).now_or_never();
        if !matches!(ended, Some(Err(CallError::Rejected(_)))) {
            break;
        }
        calls += 1;
    }
    let each = (cx.rt.now() - start) / u32::try_from(calls).unwrap_or(u32::MAX).max(1);
    let reached = backend.requests() - before;
    cx.claim(
        reached == 0 && calls > 0,
        reached,
        format_args!("of {} calls that reached the server while it was open", count(calls as u64)),
        "0",
    );
    cx.fact(time(each), "for each of them");
    (calls as u64, each)
}

/// Everybody comes at once when it is half open; one passes, and fails.
async fn crowd(cx: &Context, breaker: &CircuitBreaker, backend: &Backend) -> anyhow::Result<()> {
    while let Err(rejected) = breaker.check() {
        cx.rt.sleep(rejected.retry_after.unwrap_or(OPEN)).await;
    }
    let slow = Duration::from_millis(30);
    backend.answer_after(slow);
    let before = backend.requests();
    let ended = join_all((0..CROWD).map(|_| breaker.call(backend.ask("stock")))).await;
    let failed = ended.iter().filter(|ended| matches!(ended, Err(CallError::Failed(_)))).count();
    let reached = backend.requests() - before;
    cx.claim(
        (reached, failed) == (1, 1),
        reached,
        format_args!("of {CROWD} callers at once was the probe, which failed after {}", millis(slow)),
        "1; the others are turned away",
    );
    Ok(())
}

/// What was told of it: each transition once.
async fn transitions(cx: &Context, events: impl StreamExt<Item = Event>) {
    let told: Vec<_> = events
        .filter_map(|event| async move {
            match event {
                Event::Changed(transition) => Some(transition),
                _ => None,
            }
        })
        .collect()
        .await;
    let states: Vec<_> = told.iter().map(|transition| transition.to).collect();
    let expected = [State::Open, State::HalfOpen, State::Open, State::HalfOpen, State::Closed];
    let is_in_order = (1..).zip(&told).all(|(generation, transition)| transition.generation == generation);
    cx.claim(
        states == expected && is_in_order,
        told.len(),
        "events, one for each transition:",
        "5, in order",
    );
    for transition in &told {
        cx.note(format_args!("{}: {}", transition.to, transition.why));
    }
    let open: Vec<_> = told.iter().filter_map(|transition| transition.open_for).collect();
    let again = open.last().copied().unwrap_or_default();
    cx.claim(
        open == [OPEN, 2 * OPEN],
        millis(again),
        format_args!("open after the probe had failed, and {} before", millis(OPEN)),
        "twice as long",
    );
}
