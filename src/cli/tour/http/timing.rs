use std::time::Duration;

use seaworthy::testing::http::{Accept, Received, Reply, routes};

use super::{Context, client, config, serve, text::time};

/// One limit covers all, and the error says what was under way.
pub(super) async fn in_time(cx: &Context) -> anyhow::Result<()> {
    const LIMIT: Duration = Duration::from_millis(150);
    cx.scene(format_args!("replies that take for ever, with {} to spare", time(LIMIT)));
    let server = serve(cx, routes).await?;
    let client = client(cx, config())?;
    let mut phases = Vec::new();
    for path in ["/hang", "/drip/60"] {
        let start = cx.rt.now();
        let ended = match client.get(server.url(path)).timeout(LIMIT).send().await {
            Ok(reply) => reply.bytes().await.err(),
            Err(error) => Some(error),
        };
        let took = cx.rt.now() - start;
        let phase = ended.as_ref().and_then(seaworthy::http::Error::phase);
        phases.push((phase, took >= LIMIT));
        if let Some(error) = ended {
            cx.fact(time(took), error);
        }
    }
    use seaworthy::http::Phase;
    let expected = [(Some(Phase::FirstByte), true), (Some(Phase::Body), true)];
    cx.claim(
        phases == expected,
        format_args!("{} of 2", phases.iter().zip(&expected).filter(|(is, should)| is == should).count()),
        "errors name the phase: one waited for the head of the reply, one was in its body",
        "both, and not before the limit",
    );
    server.set_accept(Accept::Refuse).await?;
    let refused = client.get(server.url("/")).attempts_max(1).send().await.err();
    let is_clear = refused
        .as_ref()
        .is_some_and(|error| error.phase() == Some(Phase::Connect) && !error.may_have_been_sent());
    cx.claim(is_clear, "connect", "a server that is not there: it was certainly not sent", "connect");
    Ok(())
}

/// Where the time of a request went.
pub(super) async fn where_it_went(cx: &Context) -> anyhow::Result<()> {
    cx.scene("where the time goes: the first request, and the next on its connection");
    let slow = |_: &Received| Reply::text("ahoy").after(Duration::from_millis(20));
    let server = serve(cx, slow).await?;
    let client = client(cx, config())?;
    let mut attempts = Vec::new();
    for _ in 0..2 {
        let mut reply = client.get(server.url("/")).send().await?;
        while reply.chunk().await?.is_some() {}
        attempts.extend(reply.report().last().cloned());
    }
    let mut adds_up = true;
    for attempt in &attempts {
        let t = attempt.timings;
        adds_up &= t.queue + t.dns + t.connect + t.tls + t.first_byte <= t.total;
        cx.fact(
            time(t.total),
            format_args!(
                "in all: {} in line, {} DNS, {} connect, {} to the first byte",
                time(t.queue),
                time(t.dns),
                time(t.connect),
                time(t.first_byte)
            ),
        );
    }
    let reused = attempts.last().is_some_and(|last| last.is_reused && last.timings.connect.is_zero());
    cx.claim(
        adds_up && reused,
        "both",
        "the parts add up to no more than the whole, and the second paid for no connect",
        "both",
    );
    Ok(())
}
