//! HTTP retries over three backends: what is sent twice, what must not be, and who may know.

mod backend;
mod breakers;
mod caller;
mod laws;
mod settle;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use seaworthy_core::{
    http::{self, Client, Roots},
    resilience::{breaker, budget},
    rt::{Rng, Scope},
    time::{Backoff, Jitter},
};

use self::{
    backend::serve,
    breakers::Watch,
    caller::Caller,
    laws::{Ledger, check_stats},
};
use crate::{
    HostResult,
    fault::{FaultKind, Storm},
    scenario::{Host, HostInfo, Scenario, Stage},
};

/// Two clients with the callers of one program each, and three backends that may be sent to and that redirect to each other.
pub(super) struct Retries;

const BACKENDS: u16 = 3;
const CLIENTS: u16 = 2;

impl Scenario for Retries {
    fn name(&self) -> &'static str {
        "http"
    }

    fn about(&self) -> &'static str {
        "an HTTP client that sends again what it may, to three backends that fail in every way"
    }

    fn storm(&self) -> Storm {
        use FaultKind as F;
        Storm {
            kinds: vec![
                F::ConnectRefused,
                F::ConnectHang,
                F::ConnectSlow,
                F::DnsFailure,
                F::Reset,
                F::ResetAfterBytes,
                F::BlackHole,
                F::OneWay,
                F::Truncate,
                F::ShortReads,
                F::ShortWrites,
                F::Bandwidth,
                F::StalledReader,
                F::AcceptStall,
                F::AcceptError,
                F::Crash,
                F::PowerLoss,
                F::Pause,
                F::SlowTasks,
                F::LateTimers,
                F::SpuriousWakes,
                F::WallClockJump,
                F::Hold,
                F::Partition,
                F::Latency,
                F::Cancel,
                F::ErrorReply,
                F::SlowReply,
                F::NoReply,
            ],
            ..Storm::default()
        }
    }

    fn points(&self) -> &'static [&'static str] {
        &[
            "a connection is used again",
            "sent again after a lookup that failed",
            "sent again after a connect that failed",
            "sent again after there was no reply",
            "sent again after a kept connection was lost",
            "sent again after 429",
            "sent again after 502",
            "sent again after 503",
            "sent again after 504",
            "Retry-After in seconds is waited for",
            "Retry-After as a date is waited for",
            "a Retry-After is too long to wait for",
            "a retry would come after the deadline",
            "every attempt is used up",
            "the retry budget is dry",
            "a breaker opens",
            "a breaker is half open",
            "a probe fails",
            "a breaker closes again",
            "a request is refused by a breaker",
            "the line for a connection is full",
            "time is over in the line for a connection",
            "time is over in the connect",
            "time is over before the first byte",
            "time is over between two pieces of the body",
            "time is over in the body",
            "a POST that may have been carried out is not sent again",
            "a POST was carried out and its reply is lost",
            "a POST that was not sent is sent again",
            "a POST with a key is sent again after it was carried out",
            "a stream that was begun is not sent again",
            "a body breaks off",
            "a small rest of a body is drained",
            "a connection is closed for a large rest of a body",
            "a redirect leads to another backend",
            "a caller gives up",
        ]
    }

    fn canaries(&self) -> &'static [&'static str] {
        &[
            "http.repeats-a-post-that-was-sent",
            "http.ignores-retry-after",
            "http.starts-the-deadline-anew-with-each-attempt",
            "http.takes-a-broken-body-for-a-whole-one",
            "http.retries-without-a-budget",
            "http.keeps-the-connection-of-a-dropped-body",
        ]
    }

    fn suffers(&self, kind: FaultKind, host: &HostInfo<'_>) -> bool {
        match kind {
            FaultKind::Cancel => host.is_client,
            FaultKind::Pause
            | FaultKind::SlowTasks
            | FaultKind::LateTimers
            | FaultKind::SpuriousWakes
            | FaultKind::WallClockJump
            | FaultKind::Latency => true,
            _ => !host.is_client,
        }
    }

    fn set_up(&self, stage: &mut Stage) {
        let ledger = Arc::new(Ledger::default());
        for number in 0..BACKENDS {
            let ledger = Arc::clone(&ledger);
            stage.server(&name(number), move |host| serve(host, Arc::clone(&ledger)));
        }
        for number in 0..CLIENTS {
            let name = format!("client-{number}");
            let plan = Plan::draw(&mut stage.rng(&name));
            stage.option(&name, &plan);
            let (plan, ledger) = (Arc::new(plan), Arc::clone(&ledger));
            stage.client(&name, move |host| live(host, Arc::clone(&plan), Arc::clone(&ledger), number));
        }
    }
}

/// The name of a backend.
fn name(number: u16) -> String {
    format!("backend-{number}")
}

/// What differs from seed to seed.
#[derive(Debug)]
struct Plan {
    callers: u64,
    pause: Duration,
    timeout_max: Duration,
    config: http::Config,
}

impl Plan {
    fn draw(rng: &mut Rng) -> Self {
        let ms = Duration::from_millis;
        let some = |rng: &mut Rng, low: u64, high: u64| Some(ms(low + rng.below(high - low)));
        let retry = http::Retry {
            attempts_max: 1 + rng.below(5) as u32,
            backoff: Backoff { initial: ms(20 + rng.below(200)), max: ms(1500), ..Backoff::default() },
            retry_after_max: RETRY_AFTER_MAX,
            budget: budget::Config {
                ratio: rng.below(6) as f64 / 10.0,
                tokens_max: 1 + rng.below(30) as u32,
                reserve_per_second: rng.below(4) as u32,
            },
            ..http::Retry::default()
        };
        let breaker = breaker::Config {
            window: match rng.below(3) {
                0 => breaker::Window::Consecutive { failures: 2 + rng.below(5) as u32 },
                1 => breaker::Window::Calls { last: 20 + rng.below(30) as u32 },
                _ => breaker::Window::Time { span: ms(1000 + rng.below(4000)), buckets: 10 },
            },
            calls_min: 4 + rng.below(8) as u32,
            failure_percent: 20 + rng.below(60) as u32,
            open_for: Backoff {
                initial: ms(200 + rng.below(1000)),
                factor: 2,
                max: ms(3000),
                jitter: Jitter::Equal,
            },
            probes: 1 + rng.below(2) as u32,
            successes_to_close: 1 + rng.below(3) as u32,
            probe_lease: ms(3000),
            ..breaker::Config::default()
        };
        let timeouts = http::Timeouts {
            total: some(rng, 2000, 8000),
            queue: rng.chance(1, 2).then(|| ms(50 + rng.below(2000))),
            connect: some(rng, 200, 2000),
            first_byte: some(rng, 200, 2000),
            between_bytes: some(rng, 100, 1500),
            ..http::Timeouts::default()
        };
        let config = http::Config {
            timeouts,
            retry,
            breaker: rng.chance(2, 3).then_some(breaker),
            connections_max: 2 + rng.index(12),
            connections_per_host_max: 1 + rng.index(5),
            waiters_per_host_max: if rng.chance(1, 4) { 1 + rng.index(4) } else { 1000 },
            idle_timeout: some(rng, 500, 4000),
            requests_per_connection_max: if rng.chance(1, 3) { 1 + rng.below(20) } else { 0 },
            dns_ttl: ms(rng.below(3000)),
            drain_bytes_max: rng.below(2000),
            proxy: http::proxy::Config::none(),
            tls: http::TlsConfig { roots: Roots::None, ..http::TlsConfig::default() },
            ..http::Config::default()
        };
        let timeout_max = ms(400 + rng.below(8000));
        Self { callers: 2 + rng.below(10), pause: ms(20 + rng.below(800)), timeout_max, config }
    }
}

/// The longest `Retry-After` that clients wait for. Backends ask for less, or for much more.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(5);

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { callers, pause, timeout_max, config } = self;
        let http::Config { timeouts, retry, breaker, .. } = config;
        write!(
            f,
            "{callers} callers, up to {pause:?} apart, with up to {timeout_max:?} each; {timeouts:?}; {retry:?}; {breaker:?}; \
             {} connections, {} a host, for {} requests and {:?}; {} in line, {} bytes are drained",
            config.connections_max,
            config.connections_per_host_max,
            config.requests_per_connection_max,
            config.idle_timeout,
            config.waiters_per_host_max,
            config.drain_bytes_max,
        )
    }
}

/// A client: its callers while there are faults, then what must hold when they are over.
async fn live(host: Host, plan: Arc<Plan>, ledger: Arc<Ledger>, number: u16) -> HostResult {
    let client = Client::new(host.rt(), plan.config.clone())?;
    let watch = Arc::new(Watch::new(&host, &client)?);
    let callers = Scope::new(host.rt());
    for caller in 0..plan.callers {
        let caller = Caller::new(&host, &client, &plan, &ledger, &watch, u64::from(number) << 32 | caller);
        callers.spawn("caller", caller.call_until_healed());
    }
    look_on(&host, &client, &plan, &ledger, &watch, number).await;
    callers.join().await?;
    settle::settle(&host, &client, &plan, &ledger, &watch, number).await;
    Ok(())
}

/// What holds at any time.
async fn look_on(host: &Host, client: &Client, plan: &Plan, ledger: &Ledger, watch: &Watch, number: u16) {
    let mut rng = host.sim().rng("look", u64::from(number));
    while !host.is_healed() {
        let pause = rng.duration(Duration::from_millis(50), Duration::from_millis(500));
        host.sim().until_healed(host.rt().sleep(pause)).await;
        watch.look(host);
        check_now(host, client, plan, ledger, number);
    }
}

/// Looks at what a client does now.
fn check_now(host: &Host, client: &Client, plan: &Plan, ledger: &Ledger, number: u16) {
    check_stats(host, &plan.config, &client.stats(), ledger.retries(number), host.now());
}
