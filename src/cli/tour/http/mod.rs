//! Chapter 5: an HTTP client and a server that is slow, breaks off and turns away as it is told; the server keeps a ledger.

mod crowd;
mod failing;
mod secrets;
mod timing;

use futures::FutureExt;
use seaworthy::{
    http::{Client, Config, Retry, proxy},
    testing::http::{Handler, Server},
    time::Backoff,
};

use super::{
    Chapter, Context, Outcome,
    text::{self, count},
};

pub(super) const CHAPTER: Chapter = Chapter {
    number: 5,
    name: "http",
    aliases: &["fetch", "client"],
    shows: [
        "A server that resets, stalls, redirects and says 429 and 503, and a client",
        "that asks again when it may, in time and within limits; the server counts.",
    ],
    run: |context| run(context).boxed(),
};

async fn run(cx: Context) -> anyhow::Result<Outcome> {
    let story = async {
        let served = crowd::shares_connections(&cx).await?;
        crowd::keeps_the_rate(&cx).await?;
        let retries = failing::short_failures(&cx).await?;
        failing::what_must_not_be_repeated(&cx).await?;
        timing::in_time(&cx).await?;
        timing::where_it_went(&cx).await?;
        secrets::stay_at_home(&cx).await?;
        anyhow::Ok((served, retries))
    };
    let (served, retries) = cx.until_stopped(story).await??;
    Ok(Outcome {
        shown: format!("{} requests over {} connections", count(served.requests), served.connections),
        figure: format!("{} requests/s", count(served.per_second() as u64)),
        data: serde_json::json!({
            "requests": served.requests,
            "connections": served.connections,
            "requests_per_second": served.per_second(),
            "retries": retries,
        }),
    })
}

/// A server on a port of its own.
async fn serve(cx: &Context, handler: impl Handler) -> anyhow::Result<Server> {
    Ok(Server::start(&cx.rt, ([127, 0, 0, 1], 0), handler).await?)
}

/// A client that asks no proxy, and does not pause for long.
fn config() -> Config {
    let backoff = Backoff { initial: std::time::Duration::from_millis(10), ..Backoff::default() };
    Config { proxy: proxy::Config::none(), retry: Retry { backoff, ..Retry::default() }, ..Config::default() }
}

fn client(cx: &Context, config: Config) -> anyhow::Result<Client> {
    Ok(Client::new(&cx.rt, config)?)
}
