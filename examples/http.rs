//! An HTTP client: retries that know what they do, one deadline, many requests at once, and where the time went.
//!
//! `cargo run --example http --features http,testing`, or with URLs of your own: `.. -- https://example.org`

use std::{env, time::Duration};

use futures::StreamExt;
use seaworthy::{
    http::{Client, Config, Error, Middleware, Next, Request, Response},
    limit::Quota,
    rt::Rt,
    testing::http::{Received, Reply, Server},
};

/// A server for those who give no URL: slow, busy at first, and it breaks off.
async fn harbour(rt: &Rt) -> std::io::Result<Server> {
    let answer = |request: &Received| match (request.path(), request.nth) {
        ("/tides", 1) => Reply::new(503).header("retry-after", "1"),
        ("/order", _) => Reply::reset_before_reply(),
        (path, _) => Reply::text(format!("high water at {path}\n")).after(Duration::from_millis(20)),
    };
    Server::start(rt, ([127, 0, 0, 1], 0), answer).await
}

/// Stands around every request of a client.
struct Signed;

impl Middleware for Signed {
    async fn handle(&self, mut request: Request, next: Next) -> Result<Response, Error> {
        request.headers_mut().insert("x-ship", "Fram".parse().expect("a value of a header"));
        next.run(request).await
    }
}

fn main() -> anyhow::Result<()> {
    seaworthy::tokio::run(async |rt| go(&rt).await)
}

async fn go(rt: &Rt) -> anyhow::Result<()> {
    let config = Config {
        // At most so many requests go out, and so many connections are open to one host.
        quota: Some(Quota::per_second(100).burst(10)),
        connections_per_host_max: 8,
        ..Config::default()
    };
    let client = Client::new(rt, config)?.with(Signed);
    let server = harbour(rt).await?;
    let mut urls: Vec<String> = env::args().skip(1).collect();
    if urls.is_empty() {
        urls = ["/tides", "/bergen", "/oslo"].map(|path| server.url(path)).into();
    }

    // One: what came of it, and where the time went.
    let reply = client.get(&urls[0]).timeout(Duration::from_secs(10)).send().await?;
    for attempt in reply.report().attempts() {
        let timings = attempt.timings;
        println!(
            "{}: {:?} in line, {:?} to connect, {:?} in all",
            attempt.ending, timings.queue, timings.connect, timings.total
        );
    }
    println!("{}: {}", reply.status(), reply.text().await?.trim_end());

    // Many: as they finish, two at once.
    let mut replies = client.fetch_stream(urls.clone(), 2);
    while let Some((number, reply)) = replies.next().await {
        match reply {
            Ok(reply) => println!("{}: {}", urls[number], reply.status()),
            Err(error) => println!("{error}"),
        }
    }

    // What may have been carried out is not sent twice.
    if let Err(error) = client.post(server.url("/order")).body("one ship").send().await {
        println!("{error}");
        println!("it may have been carried out: {}", error.may_have_been_sent());
    }
    println!("{:?}", client.stats());
    Ok(())
}
