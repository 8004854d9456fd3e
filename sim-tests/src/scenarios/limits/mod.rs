//! Limits and deadlines, while tasks are late, give up, and quotas change under them.

mod callers;
mod laws;

use std::{sync::Arc, time::Duration};

use seaworthy_core::{
    limit::{Bulkhead, KeyedRateLimiter, Quota, RateLimiter, bulkhead, keyed, rate},
    rt::{Rng, Scope},
};

use self::laws::{Places, Tap};
use crate::{
    HostResult, always,
    fault::{FaultKind, Storm},
    scenario::{Host, HostInfo, Scenario, Stage},
    sometimes,
};

/// Two machines, each with a limiter, a bulkhead, a limiter with keys, and deadlines within deadlines.
pub(super) struct Limits;

impl Scenario for Limits {
    fn name(&self) -> &'static str {
        "limits"
    }

    fn about(&self) -> &'static str {
        "limiters, bulkheads and deadlines, while callers are late and give up and quotas change"
    }

    fn storm(&self) -> Storm {
        use FaultKind as F;
        let kinds = vec![
            F::Pause,
            F::SlowTasks,
            F::LateTimers,
            F::SpuriousWakes,
            F::Cancel,
            F::Resize,
            F::WallClockJump,
        ];
        Storm { kinds, ..Storm::default() }
    }

    fn points(&self) -> &'static [&'static str] {
        &[
            "a token is there at once",
            "a token comes after a wait",
            "a waiter for a token gives up",
            "a wait is refused because it cannot end in time",
            "a wait for a token ends with its deadline",
            "the line of a limiter is full",
            "a limiter is paused",
            "a quota changes while callers wait",
            "a permit is there at once",
            "a permit comes after a wait",
            "a waiter for a permit gives up",
            "the line of a bulkhead is full",
            "a bulkhead shrinks while permits are out",
            "a key is refused because there are too many",
            "a key is idle and forgotten",
            "a child's deadline is the one that expires",
            "a parent's deadline is the one that expires",
            "a deadline is kept",
            "the date jumps within a deadline, which does not mind",
        ]
    }

    fn canaries(&self) -> &'static [&'static str] {
        &[
            "limit.newcomers-overtake",
            "limit.catches-up-without-bound",
            "limit.keeps-the-slot-of-a-dropped-waiter",
            "bulkhead.loses-the-permit-of-a-dropped-waiter",
        ]
    }

    fn suffers(&self, _kind: FaultKind, _host: &HostInfo<'_>) -> bool {
        true
    }

    fn set_up(&self, stage: &mut Stage) {
        for name in ["machine-0", "machine-1"] {
            let plan = Plan::draw(&mut stage.rng(name));
            stage.option(name, format_args!("{plan:?}"));
            let plan = Arc::new(plan);
            stage.client(name, move |host| live(host, Arc::clone(&plan)));
        }
    }
}

/// What differs from seed to seed.
#[derive(Debug)]
struct Plan {
    callers: u64,
    pause: Duration,
    limiter: rate::Config,
    bulkhead: bulkhead::Config,
    keyed: keyed::Config,
    keys: u64,
}

impl Plan {
    fn draw(rng: &mut Rng) -> Self {
        let ms = Duration::from_millis;
        let quota = draw_quota(rng);
        let limiter = rate::Config {
            waiters_max: if rng.chance(1, 4) { 1 + rng.index(6) } else { 1000 },
            catch_up_max: ms(rng.below(20)),
            ..rate::Config::from(quota)
        };
        let bulkhead = bulkhead::Config {
            permits: 1 + rng.index(5),
            waiters_max: if rng.chance(1, 4) { 1 + rng.index(4) } else { 1000 },
            ..bulkhead::Config::default()
        };
        let keys = 1 + rng.below(20);
        let keyed = keyed::Config {
            keys_max: 1 + rng.index(12),
            idle_after: ms(200 + rng.below(3000)),
            ..keyed::Config::default()
        };
        Self { callers: 2 + rng.below(10), pause: ms(30 + rng.below(1500)), limiter, bulkhead, keyed, keys }
    }
}

fn draw_quota(rng: &mut Rng) -> Quota {
    Quota::per_second(5 + rng.below(200) as u32).burst(1 + rng.below(8) as u32)
}

async fn live(host: Host, plan: Arc<Plan>) -> HostResult {
    let limiter = RateLimiter::with_config(host.rt(), plan.limiter.clone())?;
    let tap = Arc::new(Tap::new(&host, plan.limiter.quota, plan.limiter.catch_up_max));
    let bulkhead = Bulkhead::new(host.rt(), plan.bulkhead.clone())?;
    let places = Arc::new(Places::new(&host, plan.bulkhead.permits));
    let keyed = KeyedRateLimiter::new(host.rt(), Quota::per_second(20).burst(3), plan.keyed.clone())?;

    let callers = Scope::new(host.rt());
    for number in 0..plan.callers {
        let rng = |label| host.sim().rng(label, number << 8 | u64::from(host.name().ends_with('1')));
        let pause = plan.pause;
        let tokens = callers::tokens(host.clone(), limiter.clone(), Arc::clone(&tap), rng("tokens"), pause);
        callers.spawn("tokens", tokens);
        let permits =
            callers::permits(host.clone(), bulkhead.clone(), Arc::clone(&places), rng("permits"), pause);
        callers.spawn("permits", permits);
        callers.spawn("keys", callers::keys(host.clone(), keyed.clone(), plan.keys, rng("keys"), pause));
        callers.spawn("deadlines", callers::deadlines(host.clone(), rng("deadlines"), pause));
    }
    disturb(&host, &plan, &limiter, &tap, &bulkhead, &places).await;
    callers.join().await?;

    let evicted = keyed.stats();
    always!(host, evicted.keys <= plan.keyed.keys_max, "keys are bounded", "{evicted:?}");
    sometimes!(host, evicted.evicted > 0, "a key is idle and forgotten");
    settle(&host, &limiter, &bulkhead, &tap).await;
    Ok(())
}

/// What an operator does in the midst of things, until the faults are over.
async fn disturb(
    host: &Host,
    plan: &Plan,
    limiter: &RateLimiter,
    tap: &Tap,
    bulkhead: &Bulkhead,
    places: &Places,
) {
    let mut rng = host.sim().rng(host.name(), 1);
    while !host.is_healed() {
        let pause = rng.duration(Duration::from_millis(50), Duration::from_millis(1500));
        host.sim().until_healed(host.rt().sleep(pause)).await;
        if host.strikes(FaultKind::Resize).is_none() {
            continue;
        }
        let paused = rng.chance(1, 5);
        let quota = if paused { Quota::paused() } else { draw_quota(&mut rng) };
        sometimes!(host, paused, "a limiter is paused");
        sometimes!(host, limiter.stats().waiting > 0, "a quota changes while callers wait");
        tap.set_quota(limiter, quota);
        let permits = rng.index(6);
        sometimes!(host, places.resize(bulkhead, permits), "a bulkhead shrinks while permits are out");
    }
    let quota = plan.limiter.quota;
    tap.set_quota(limiter, quota);
    places.resize(bulkhead, plan.bulkhead.permits);
}

/// After the storm nobody waits, and all there is to have can be had.
async fn settle(host: &Host, limiter: &RateLimiter, bulkhead: &Bulkhead, tap: &Tap) {
    let (tokens, permits) = (limiter.stats(), bulkhead.stats());
    always!(host, tokens.waiting == 0, "the line of a limiter drains", "{tokens:?}");
    always!(host, permits.waiting == 0, "the line of a bulkhead drains", "{permits:?}");
    always!(host, permits.in_use == 0, "no permit leaks", "{permits:?}");
    let all: Option<Vec<_>> = (0..permits.permits).map(|_| bulkhead.try_acquire().ok()).collect();
    always!(host, all.is_some(), "every permit can be had again", "{permits:?}");
    // A burst takes as long to come back as it takes to make its tokens, and all slots before were taken or given back.
    let full = tap.finish();
    host.rt().sleep(full + Duration::from_millis(20)).await;
    let burst = tokens.quota.burst;
    let got = limiter.try_acquire(burst);
    always!(host, got.is_ok(), "a limiter at rest has its whole burst", "{burst} after {full:?}: {got:?}");
}
