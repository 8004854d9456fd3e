use std::time::Duration;

use futures::future::{join, join_all};
use parking_lot::Mutex;
use seaworthy::{
    limit::{Acquire, AcquireError, Bulkhead, Quota, RateLimiter, bulkhead},
    pool::Config,
    rt::yield_now,
    time::Deadline,
};

use super::{
    Backend, Context, client, count,
    text::{millis, time},
};

const RATE: u32 = 2_000;
const BURST: u32 = 20;
const REQUESTS: u32 = 400;
/// How much later than due the limiter may still give out what was due; its default.
const CATCH_UP: Duration = Duration::from_millis(5);

/// As many at once as there are, and the limiter says who goes when.
pub(super) async fn kept(cx: &Context, backend: &Backend) -> anyhow::Result<()> {
    cx.scene(format_args!(
        "{REQUESTS} queries at once, of which {} a second may go, in bursts of {BURST}",
        count(u64::from(RATE))
    ));
    let rt = &cx.rt;
    let quota = Quota::per_second(RATE).burst(BURST);
    // Paused until all are in line: else one who comes while another's wake is on its way would be seen to go before it.
    let limiter = RateLimiter::new(rt, Quota { tokens: 0, ..quota })?;
    let pool = client::pool(rt, backend, Config { max: 8, ..Config::default() })?;
    let grants = Mutex::new(Vec::new());
    let requests = (0..REQUESTS).map(|request| {
        let (limiter, pool, grants) = (&limiter, &pool, &grants);
        async move {
            limiter.acquire(1).await?;
            grants.lock().push((rt.now(), request));
            pool.get().await?.add(1, 1).await?;
            anyhow::Ok(())
        }
    });
    let opened = async {
        while limiter.stats().waiting < REQUESTS as usize {
            yield_now().await;
        }
        let start = rt.now();
        limiter.set_quota(quota).map(|()| start)
    };
    let (ended, start) = join(join_all(requests), opened).await;
    ended.into_iter().collect::<Result<(), _>>()?;
    let start = start?;
    let grants: Vec<_> = grants.into_inner().into_iter().map(|(at, request)| (at - start, request)).collect();
    let last = grants.last().map_or(Duration::ZERO, |(at, _)| *at);
    let earned = f64::from(REQUESTS - BURST) / f64::from(RATE);
    cx.fact(
        format_args!("{:.1} %", 100.0 * earned / last.as_secs_f64()),
        format_args!("of the quota used: the last of them went after {}", time(last)),
    );
    let in_order = grants.windows(2).filter(|pair| pair[0].1 < pair[1].1).count() + 1;
    cx.claim(
        in_order == grants.len(),
        format_args!("{in_order} of {}", grants.len()),
        "went in the order they came",
        "all",
    );
    let excess = worst(&grants);
    cx.claim(
        excess <= 0.0,
        format_args!("{:.1}", -excess),
        "grants below the bound when it was nearest to it",
        "0 or more: never more than the burst and what the time since then earns",
    );
    Ok(())
}

/// By how much the grants at any moment are above `burst + rate × (T + catch_up)`, counted from the start: one may be seen
/// later than it was given, and then two of them seem closer than they were.
fn worst(grants: &[(Duration, u32)]) -> f64 {
    let excess = (1_u32..).zip(grants).map(|(number, (at, _))| {
        let earned = f64::from(RATE) * (*at + CATCH_UP).as_secs_f64();
        f64::from(number) - f64::from(BURST) - earned
    });
    excess.fold(f64::NEG_INFINITY, f64::max)
}

const WAIT: Duration = Duration::from_secs(1);

/// Who could not be served in time is told so at once.
pub(super) async fn refused_early(cx: &Context) -> anyhow::Result<()> {
    let rt = &cx.rt;
    let limiter = RateLimiter::new(rt, Quota::per_second(1).burst(1))?;
    limiter.acquire(1).await?;
    let deadline = Deadline::after(rt, "checkout", WAIT / 5);
    let start = rt.now();
    let refused = limiter.acquire_with(1, Acquire { deadline: Some(deadline), priority: 0 }).await.err();
    let took = rt.now() - start;
    cx.claim(
        took < WAIT / 5 && matches!(refused, Some(AcquireError::DeadlineTooSoon { .. })),
        time(took),
        "until a caller is refused whose turn would come after its deadline",
        format_args!("refused, and before the {} it had", millis(WAIT / 5)),
    );
    if let Some(error) = refused {
        cx.note(error);
    }
    Ok(())
}

const PERMITS: usize = 4;
const WAITERS: usize = 10;
const CALLERS: usize = 20;

/// A bulkhead: some are at work, some wait, the rest are turned away.
pub(super) async fn at_once(cx: &Context) -> anyhow::Result<()> {
    let rt = &cx.rt;
    let bulkhead =
        Bulkhead::new(rt, bulkhead::Config { permits: PERMITS, waiters_max: WAITERS, ..Default::default() })?;
    let callers = (0..CALLERS).map(|_| {
        let bulkhead = &bulkhead;
        async move {
            let _permit = bulkhead.acquire().await?;
            rt.sleep(Duration::from_millis(5)).await;
            Ok::<_, bulkhead::AcquireError>(())
        }
    });
    let ended = join_all(callers).await;
    let (served, refused): (Vec<_>, Vec<_>) = ended.into_iter().partition(Result::is_ok);
    cx.claim(
        served.len() == PERMITS + WAITERS && refused.len() == CALLERS - PERMITS - WAITERS,
        format_args!("{} of {CALLERS}", refused.len()),
        format_args!(
            "callers turned away at once by a bulkhead of {PERMITS} permits and {WAITERS} who may wait"
        ),
        CALLERS - PERMITS - WAITERS,
    );
    if let Some(Err(error)) = refused.into_iter().next() {
        cx.note(error);
    }
    Ok(())
}
