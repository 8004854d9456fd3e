use std::time::Duration;

use seaworthy::{
    http::Config,
    limit::Quota,
    testing::http::{Received, Reply},
};

use super::{Context, client, config, count, serve, text::time};

const REQUESTS: u64 = 4000;
const AT_ONCE: usize = 100;
const CONNECTIONS: usize = 8;

pub(super) struct Served {
    pub(super) requests: u64,
    pub(super) connections: u64,
    took: Duration,
}

impl Served {
    pub(super) fn per_second(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }
}

/// Many requests, few connections; the server counts for itself.
pub(super) async fn shares_connections(cx: &Context) -> anyhow::Result<Served> {
    cx.scene(format_args!(
        "{} requests, {AT_ONCE} at once, share {CONNECTIONS} connections",
        count(REQUESTS)
    ));
    let server = serve(cx, |request: &Received| Reply::text(request.path())).await?;
    let client = client(cx, Config { connections_per_host_max: CONNECTIONS, ..config() })?;
    let start = cx.rt.now();
    let base = server.url("");
    let replies = client.fetch_all((0..REQUESTS).map(|n| format!("{base}/{n}")), AT_ONCE).await;
    let took = cx.rt.now() - start;
    let mut right = 0;
    for (n, reply) in replies.into_iter().enumerate() {
        right += u64::from(reply?.text().await? == format!("/{n}"));
    }
    let connections = server.connections().accepted;
    let served = Served { requests: REQUESTS, connections, took };
    cx.fact(count(served.per_second() as u64), format_args!("requests a second, in {}", time(took)));
    cx.claim(
        right == REQUESTS,
        count(right),
        "results in the order of the requests, each the right one",
        count(REQUESTS),
    );
    cx.claim(
        connections <= CONNECTIONS as u64,
        connections,
        "connections in all, counted by the server",
        format_args!("at most {CONNECTIONS}"),
    );
    Ok(served)
}

const RATE: u32 = 200;
const BURST: u32 = 10;

/// A quota is kept as the server sees it.
pub(super) async fn keeps_the_rate(cx: &Context) -> anyhow::Result<()> {
    cx.scene(format_args!("{RATE} requests a second and {BURST} at once are allowed; 80 want to go out now"));
    let server = serve(cx, |_: &Received| Reply::text("ahoy")).await?;
    let quota = Quota::per_second(RATE).burst(BURST);
    let client = client(cx, Config { quota: Some(quota), ..config() })?;
    let start = cx.rt.now();
    let replies = client.fetch_all((0..80).map(|_| server.url("/")), 80).await;
    let took = cx.rt.now() - start;
    let good = replies.iter().filter(|reply| reply.as_ref().is_ok_and(|reply| reply.status() == 200)).count();
    cx.fact(time(took), format_args!("for {good} replies"));
    // What comes after the burst has waited for its turn, however slow this machine is.
    let least = Duration::from_secs(1) * (80 - BURST) / RATE;
    cx.claim(
        took >= least && good == 80,
        time(took),
        "until the last had its turn: none was early, none was lost",
        format_args!("at least {}", time(least)),
    );
    Ok(())
}
