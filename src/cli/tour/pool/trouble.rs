use std::time::Duration;

use futures::FutureExt;
use seaworthy::pool::{Check, Config};

use super::{
    Backend, Context, client,
    text::{millis, time},
};

/// Whoever asked is gone before the connection is there.
pub(super) async fn given_up(cx: &Context, backend: &Backend) -> anyhow::Result<()> {
    cx.scene("Trouble");
    let pool = client::pool(&cx.rt, backend, Config::default())?;
    let before = backend.meter.accepted();
    let mut get = pool.get();
    // Polls it once, then drops it.
    let is_pending = (&mut get).now_or_never().is_none();
    drop(get);
    let sum = pool.get().await?.add(3, 4).await?;
    let connects = backend.meter.accepted() - before;
    cx.claim(
        is_pending && connects == 1 && sum == 7,
        format_args!("{connects} connect"),
        "for a caller that gave up while it connected, and the next one",
        "1: the connection is not lost with its caller",
    );
    Ok(())
}

const CUT: usize = 4;
const QUERIES: u64 = 100;

/// The server restarts while connections lie idle.
pub(super) async fn cut_off(cx: &Context, backend: &Backend) -> anyhow::Result<()> {
    let config = Config { max: CUT, check: Check::Always, ..Config::default() };
    let pool = client::pool(&cx.rt, backend, config)?;
    pool.warm(CUT).await?;
    backend.stop().await?;
    backend.start_again().await?;
    let mut failed = 0;
    for query in 0..QUERIES {
        failed += u64::from(pool.get().await?.add(query, 1).await.ok() != Some(query + 1));
    }
    let found = pool.stats().retired.check_failed;
    cx.claim(
        failed == 0 && found > 0,
        format_args!("{failed} of {QUERIES}"),
        format_args!(
            "queries failed after the server was restarted: {found} dead connections found out by checks"
        ),
        "0, and a dead one found",
    );
    Ok(())
}

const PATIENCE: Duration = Duration::from_millis(150);

/// The server is gone, then it is back.
pub(super) async fn dead(cx: &Context, backend: &Backend) -> anyhow::Result<()> {
    let pool =
        client::pool(&cx.rt, backend, Config { acquire_timeout: Some(PATIENCE), ..Config::default() })?;
    backend.stop().await?;
    let start = cx.rt.now();
    let refused = pool.get().await.err();
    let took = cx.rt.now() - start;
    let says_why = refused.as_ref().is_some_and(|error| error.last_connect_error().is_some());
    let failures = pool.stats().connect_failures;
    cx.claim(
        says_why && took >= PATIENCE,
        time(took),
        format_args!("until a caller is told that the server is dead and why, after {failures} connects"),
        format_args!("{} or more, with the reason", millis(PATIENCE)),
    );
    if let Some(error) = refused {
        cx.note(error);
    }
    backend.start_again().await?;
    let start = cx.rt.now();
    // The pause after the failures is still on.
    let sum = loop {
        match pool.get().await {
            Ok(mut client) => break client.add(3, 4).await?,
            Err(error) if error.is_timed_out() && cx.rt.now() - start < Duration::from_secs(10) => {}
            Err(error) => return Err(error.into()),
        }
    };
    cx.claim(
        sum == 7,
        time(cx.rt.now() - start),
        "after it is back the same pool answers again",
        "an answer",
    );
    Ok(())
}

/// Somebody holds on to a connection when the pool is closed.
pub(super) async fn closed_too_early(cx: &Context, backend: &Backend) -> anyhow::Result<()> {
    let pool = client::pool(&cx.rt, backend, Config::default())?;
    let lease = pool.get().await?;
    let report = pool.close(Duration::from_millis(20)).await;
    let holder = report.outstanding.first().copied();
    let is_named = holder.is_some_and(|holder| holder.location.file().ends_with("trouble.rs"));
    cx.claim(
        is_named && report.outstanding.len() == 1,
        format_args!("{} holder", report.outstanding.len()),
        "named when the pool was closed under a lease, and not waited for in vain",
        "the one there is, by its place in the code",
    );
    if let Some(holder) = holder {
        cx.note(holder);
    }
    drop(lease);
    Ok(())
}
