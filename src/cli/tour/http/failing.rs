use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use seaworthy::testing::http::{Config as ServerConfig, Received, Reply, Server};

use super::{
    Context, client, config, serve,
    text::{number_of, time},
};

/// What is over soon is got past, at the pace that the server asks for.
pub(super) async fn short_failures(cx: &Context) -> anyhow::Result<u64> {
    cx.scene("a server that resets, then says 503, then 429 and when to come back");
    let asked = AtomicU64::new(0);
    let server = serve(cx, move |_: &Received| match asked.fetch_add(1, Relaxed) {
        0 => Reply::reset_before_reply(),
        1 => Reply::new(503),
        2 => Reply::new(429).header("retry-after", "1"),
        _ => Reply::text("ahoy"),
    })
    .await?;
    let client = client(cx, config())?;
    let reply = client.get(server.url("/")).attempts_max(5).send().await?;
    for attempt in reply.report().attempts() {
        let pause =
            attempt.pause.map_or_else(String::new, |pause| format!(", then {} of pause", time(pause)));
        cx.fact(format_args!("attempt {}", attempt.number), format_args!("{}{pause}", attempt.ending));
    }
    let attempts = reply.report().attempts().len();
    cx.claim(reply.status() == 200 && attempts == 4, attempts, "attempts, and the reply is the good one", 4);
    let requests = server.requests();
    let pause = match &requests[..] {
        [_, _, turned_away, last] => last.at.saturating_duration_since(turned_away.at),
        _ => Duration::ZERO,
    };
    cx.claim(
        pause >= Duration::from_secs(1),
        time(pause),
        "between the 429 that asked for a second and the next request, by the server's clock",
        "at least a second",
    );
    Ok(attempts as u64 - 1)
}

/// A request that may have been carried out is repeated only if that does no harm.
pub(super) async fn what_must_not_be_repeated(cx: &Context) -> anyhow::Result<()> {
    cx.scene("orders that may have been carried out when the connection breaks");
    let asked = AtomicU64::new(0);
    let server = serve(cx, move |request: &Received| match request.path() {
        "/keyed" if asked.fetch_add(1, Relaxed) > 0 => Reply::text("done"),
        _ => Reply::reset_before_reply(),
    })
    .await?;
    let client = client(cx, config())?;
    let seen = |path: &str| server.requests().iter().filter(|request| request.path() == path).count() as u64;
    let error = client.post(server.url("/order")).body("one ship").send().await.err();
    let is_honest = error.as_ref().is_some_and(seaworthy::http::Error::may_have_been_sent);
    cx.claim(
        is_honest && seen("/order") == 1,
        number_of(seen("/order"), "time"),
        "a POST whose reply was lost was sent; the error says that it may have been carried out",
        "once",
    );
    let keyed =
        client.post(server.url("/keyed")).header("idempotency-key", "7").body("one ship").send().await?;
    cx.claim(
        keyed.status() == 200 && seen("/keyed") == 2,
        number_of(seen("/keyed"), "time"),
        "the same with an Idempotency-Key: the server can tell, so it is tried again",
        "twice",
    );
    // A server that hangs up on connections that are idle for a moment.
    let config = ServerConfig { idle_max: Some(Duration::from_millis(20)), ..ServerConfig::default() };
    let answer = |_: &Received| Reply::text("done");
    let server = Server::start_with(&cx.rt, ([127, 0, 0, 1], 0), config, None, answer).await?;
    let mut done = 0;
    for _ in 0..5 {
        done += u64::from(
            client.post(server.url("/order")).body("one ship").send().await?.text().await? == "done",
        );
        cx.rt.sleep(Duration::from_millis(40)).await;
    }
    let sent = server.requests().len() as u64;
    cx.claim(
        done == 5 && sent == 5,
        format_args!("{done} of 5"),
        "orders done, each sent once, though the connection kept for it was closed each time",
        "all",
    );
    Ok(())
}
