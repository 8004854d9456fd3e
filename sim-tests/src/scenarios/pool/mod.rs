//! Pool contention: more callers than connections, against servers that die, hang and lie.

mod backend;
mod caller;
mod laws;

use std::{sync::Arc, time::Duration};

use seaworthy_core::{
    pool::{self, Pool},
    rt::{Rng, Scope},
    time::Backoff,
};

use self::{
    backend::{Backend, serve},
    caller::Caller,
    laws::Ledger,
};
use crate::{
    HostResult, always,
    fault::{FaultKind, Storm},
    scenario::{Host, Scenario, Stage},
    sometimes,
};

/// Two clients, each with a pool, and more callers than connections; two servers.
pub(super) struct Contention;

const SERVERS: u16 = 2;
const CLIENTS: u16 = 2;
pub(super) const PORT: u16 = 5432;

impl Scenario for Contention {
    fn name(&self) -> &'static str {
        "pool"
    }

    fn about(&self) -> &'static str {
        "more callers than connections, against servers that die, hang and answer late"
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
                F::Hold,
                F::Partition,
                F::Latency,
                F::Cancel,
                F::Panic,
                F::SlowReply,
                F::NoReply,
                F::Resize,
            ],
            ..Storm::default()
        }
    }

    fn points(&self) -> &'static [&'static str] {
        &[
            "a caller is served at once",
            "a caller is served after a wait",
            "a caller gives up while it waits",
            "a caller gives up in the middle of an exchange",
            "a wait ends with its timeout",
            "a timeout tells why the last connect failed",
            "the line is full",
            "try_get finds nothing",
            "a connect fails",
            "a connect panics",
            "a connection comes back broken",
            "a connection fails its check",
            "a check is cut short",
            "a connection grows too old",
            "a connection is idle for too long",
            "a connection has been lent often enough",
            "connections are more than a smaller pool may have",
            "a lease is discarded",
            "a connection is taken along",
            "a hand-over is not picked up in time",
            "all connections are expired at once",
            "the spare connections are there again",
        ]
    }

    fn canaries(&self) -> &'static [&'static str] {
        &[
            "pool.leaks-a-place-when-a-get-is-dropped",
            "pool.loses-the-wake-of-a-dropped-waiter",
            "pool.lends-broken-connections",
            "pool.serves-the-last-first",
        ]
    }

    fn suffers(&self, kind: FaultKind, host: &crate::scenario::HostInfo<'_>) -> bool {
        match kind {
            FaultKind::Cancel | FaultKind::Panic | FaultKind::Resize => host.is_client,
            FaultKind::SlowReply | FaultKind::NoReply => !host.is_client,
            FaultKind::Pause
            | FaultKind::SlowTasks
            | FaultKind::LateTimers
            | FaultKind::SpuriousWakes
            | FaultKind::Latency => true,
            _ => !host.is_client,
        }
    }

    fn set_up(&self, stage: &mut Stage) {
        for number in 0..SERVERS {
            stage.server(&format!("server-{number}"), serve);
        }
        for number in 0..CLIENTS {
            let mut rng = stage.rng(if number == 0 { "client-0" } else { "client-1" });
            let plan = Plan::draw(&mut rng);
            stage.option(&format!("client-{number}"), &plan);
            let ledger = Arc::new(Ledger::default());
            let at_the_end = Arc::clone(&ledger);
            let plan = Arc::new(plan);
            stage.client(&format!("client-{number}"), move |host| {
                call(host, Arc::clone(&plan), Arc::clone(&ledger), number)
            });
            stage.afterwards(move |sim| {
                let left = at_the_end.connections();
                always!(sim, left == 0, "every connection is closed in the end", "{left} are left");
            });
        }
    }
}

/// What differs from seed to seed.
#[derive(Debug)]
struct Plan {
    callers: u64,
    pause: Duration,
    hold: Duration,
    config: pool::Config,
}

impl Plan {
    fn draw(rng: &mut Rng) -> Self {
        let ms = Duration::from_millis;
        let max = 1 + rng.index(6);
        let some =
            |rng: &mut Rng, low: u64, high: u64| rng.chance(1, 2).then(|| ms(low + rng.below(high - low)));
        // Short ones as well: only a caller that is late misses its turn.
        let handover_max = if rng.chance(1, 2) { 5 } else { 200 };
        let config = pool::Config {
            max,
            min_idle: rng.index(max + 1),
            acquire_timeout: Some(ms(200 + rng.below(4000))),
            connect_timeout: Some(ms(200 + rng.below(2000))),
            connect_concurrency: 1 + rng.index(4),
            connect_backoff: Backoff { initial: ms(20), max: ms(1000), ..Backoff::default() },
            check: match rng.below(3) {
                0 => pool::Check::Never,
                1 => pool::Check::AfterIdle(ms(1 + rng.below(1000))),
                _ => pool::Check::Always,
            },
            check_timeout: Some(ms(100 + rng.below(1000))),
            close_timeout: Some(ms(100 + rng.below(1000))),
            handover_max: Some(ms(1 + rng.below(handover_max))),
            lifetime_max: some(rng, 1000, 10_000),
            idle_timeout: some(rng, 200, 2000),
            keepalive: None,
            uses_max: if rng.chance(1, 3) { 1 + rng.below(20) } else { 0 },
            waiters_max: if rng.chance(1, 4) { 1 + rng.index(8) } else { 1000 },
            order: if rng.chance(1, 2) { pool::Order::Lifo } else { pool::Order::Fifo },
            ..pool::Config::default()
        };
        let callers = max as u64 + rng.below(16);
        Self { callers, pause: ms(1 + rng.below(500)), hold: ms(1 + rng.below(200)), config }
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { callers, pause, hold, config } = self;
        write!(f, "{callers} callers, up to {pause:?} apart, holding up to {hold:?}; {config:?}")
    }
}

/// A client: its callers while there are faults, then what must hold when they are over.
async fn call(host: Host, plan: Arc<Plan>, ledger: Arc<Ledger>, number: u16) -> HostResult {
    let backend = Backend::new(&host, Arc::clone(&ledger), number % SERVERS);
    ledger.set_max(plan.config.max);
    let pool = Arc::new(Pool::new(host.rt(), backend, plan.config.clone())?);
    let callers = Scope::new(host.rt());
    for number in 0..plan.callers {
        let caller = Caller::new(&host, &pool, &plan, &ledger, number);
        callers.spawn("caller", caller.call_until_healed());
    }
    disturb(&host, &pool, &plan, &ledger).await;
    callers.join().await?;
    settle(&host, &pool, &plan, &ledger).await;
    Ok(())
}

/// What an operator does in the midst of things, until the faults are over.
async fn disturb(host: &Host, pool: &Pool<Backend>, plan: &Plan, ledger: &Ledger) {
    let mut rng = host.sim().rng("operator", 0);
    while !host.is_healed() {
        let pause = rng.duration(Duration::from_millis(20), Duration::from_millis(400));
        host.sim().until_healed(host.rt().sleep(pause)).await;
        let max = plan.config.max;
        let resized = host.strikes(FaultKind::Resize).map(|size| 1 + size as usize % (2 * max));
        let now = resized.unwrap_or(max);
        if ledger.max() != now {
            ledger.set_max(now);
            pool.resize(now).expect("a size of at least one");
        }
        if rng.chance(1, 100) {
            pool.expire_all();
            host.reached("all connections are expired at once");
        }
        let stats = pool.stats();
        let total = stats.in_use + stats.idle + stats.connecting + stats.checking + stats.closing;
        let bound = ledger.bound(total);
        always!(host, total <= bound, "a pool is never above its size", "{total} of {bound}: {stats:?}");
        let in_vain = stats.waiting.min(stats.idle);
        always!(host, in_vain == 0, "nobody waits while a connection is idle", "{stats:?}");
    }
    // Whatever a fault made of it.
    ledger.set_max(plan.config.max);
    pool.resize(plan.config.max).expect("a size of at least one");
}

/// After the storm: everybody is served, the spare connections come back, and nothing is left in the end.
async fn settle(host: &Host, pool: &Pool<Backend>, plan: &Plan, ledger: &Ledger) {
    let until = host.now() + Duration::from_secs(15);
    let mut last = String::new();
    while host.now() < until {
        match pool.get().await {
            Ok(mut lease) => match lease.ask(u64::MAX).await {
                Ok(()) => {
                    last.clear();
                    break;
                }
                Err(error) => last = error.to_string(),
            },
            Err(error) => last = error.to_string(),
        }
        host.rt().sleep(Duration::from_millis(50)).await;
    }
    always!(host, last.is_empty(), "a pool recovers when its backend has", "not after 15 s: {last}");
    let spare = plan.config.min_idle;
    while pool.stats().idle < spare && host.now() < until + Duration::from_secs(5) {
        host.rt().sleep(Duration::from_millis(100)).await;
    }
    let stats = pool.stats();
    let (kept, max) = (stats.in_use + stats.idle + stats.checking, plan.config.max);
    always!(host, kept <= max, "a pool that was made smaller shrinks", "{kept} of {max}: {stats:?}");
    always!(host, stats.idle >= spare, "min_idle is restored", "{} of {spare}: {stats:?}", stats.idle);
    sometimes!(host, spare > 0, "the spare connections are there again");
    let out = stats.in_use + stats.waiting;
    always!(host, out == 0, "no place leaks", "nobody holds or waits for a connection: {stats:?}");

    let report = pool.close(Duration::from_secs(5)).await;
    always!(host, report.is_complete(), "a pool without leases closes", "{report:?}");
    let stats = pool.stats();
    let kept = stats.in_use + stats.idle + stats.checking + stats.closing;
    let gone = stats.retired.total();
    always!(host, kept == 0, "a closed pool holds nothing", "{stats:?}");
    always!(
        host,
        stats.connected == gone,
        "connections made and connections gone are equal in number",
        "{stats:?}"
    );
    reach(host, &stats);
    ledger.check_order(host, plan.config.max);
}

fn reach(host: &Host, stats: &pool::Stats) {
    let retired = &stats.retired;
    sometimes!(host, stats.rejected > 0, "the line is full");
    sometimes!(host, stats.connect_failures > 0, "a connect fails");
    sometimes!(host, retired.broken > 0, "a connection comes back broken");
    sometimes!(host, retired.check_failed > 0, "a connection fails its check");
    sometimes!(host, retired.check_cut_short > 0, "a check is cut short");
    sometimes!(host, retired.lifetime > 0, "a connection grows too old");
    sometimes!(host, retired.idle > 0, "a connection is idle for too long");
    sometimes!(host, retired.uses > 0, "a connection has been lent often enough");
    sometimes!(host, retired.surplus > 0, "connections are more than a smaller pool may have");
    sometimes!(host, retired.discarded > 0, "a lease is discarded");
    sometimes!(host, retired.detached > 0, "a connection is taken along");
    sometimes!(host, stats.handovers_missed > 0, "a hand-over is not picked up in time");
}
