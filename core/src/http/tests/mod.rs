//! The laws of the client, each with a test that goes red when it is broken.
//!
//! They run on the test runtime against a server that does what it is told, over many seeds, and most of them ask the
//! server's ledger what really went out.

mod basics;
mod bodies;
mod coded;
mod cookies;
mod dropping;
mod errors;
mod keep_alive;
mod layers;
mod limits;
mod proxies;
mod redirects_and_secrets;
mod retries;
mod spans;
mod storm;
mod strict;
mod timeouts;
mod tls;
mod uploads;

use std::{error::Error as _, sync::Arc, time::Duration};

use super::*;
use crate::{
    rt::{Rt, Task},
    testing::{
        self, for_each_seed,
        http::{Accept, Handler, Received, Reply, Server, early},
    },
};

const LOCAL: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The default, but for what would be read from the machine this runs on.
fn config() -> Config {
    Config {
        proxy: proxy::Config::none(),
        tls: TlsConfig { roots: Roots::None, ..TlsConfig::default() },
        ..Config::default()
    }
}

/// The same without retries: what a fault looks like.
fn once() -> Config {
    Config { retry: Retry { attempts_max: 1, ..Retry::default() }, ..config() }
}

fn client(rt: &Rt, config: Config) -> Client {
    Client::new(rt, config).expect("a good config")
}

async fn serve(rt: &Rt, handler: impl Handler) -> Server {
    Server::start(rt, LOCAL, handler).await.expect("a free port")
}

/// A server with one reply for everybody.
async fn serve_reply(rt: &Rt, reply: Reply) -> Server {
    serve(rt, move |_: &Received| reply.clone()).await
}

/// The same server under another name, which is another host to the client.
fn alias(server: &Server, path: &str) -> String {
    format!("http://localhost:{}{path}", server.addr().port())
}

async fn text(client: &Client, url: impl AsRef<str>) -> String {
    client.get(url).send().await.expect("a reply").text().await.expect("a whole body")
}

/// The only request that is made, and what becomes of it up to the end of the body.
async fn one_reply(rt: &Rt, reply: Reply) -> Result<String, Error> {
    let server = serve_reply(rt, reply).await;
    match client(rt, once()).get(server.url("/")).send().await {
        Ok(reply) => reply.text().await,
        Err(error) => Err(error),
    }
}

/// The error and all its sources, as one text.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn numbers_and_endings(report: &Report) -> Vec<(u32, u32, Ending)> {
    report.attempts().iter().map(|attempt| (attempt.hop, attempt.number, attempt.ending)).collect()
}

/// Every attempt's parts are within its total, and what was reused cost no connect.
fn assert_adds_up(report: &Report) {
    for attempt in report.attempts() {
        let Timings { queue, dns, connect, tls, first_byte, total } = attempt.timings;
        assert!(queue + dns + connect + tls + first_byte <= total, "{attempt:?}");
        if attempt.is_reused {
            assert_eq!(dns + connect + tls, Duration::ZERO, "{attempt:?}");
        }
    }
}

/// Long enough for every drain, and nothing is left over.
async fn assert_at_rest(rt: &Rt, client: &Client) {
    rt.sleep(secs(2)).await;
    let stats = client.stats();
    assert_eq!((stats.in_use, stats.waiting), (0, 0), "{stats:?}");
}
