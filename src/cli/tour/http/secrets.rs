use seaworthy::testing::http::{Received, Reply};

use super::{Context, client, config, serve};

/// A redirect to somebody else takes no secrets along.
pub(super) async fn stay_at_home(cx: &Context) -> anyhow::Result<()> {
    cx.scene("a redirect to another server");
    let stranger = serve(cx, |_: &Received| Reply::text("ahoy")).await?;
    let there = stranger.url("/");
    let home = serve(cx, move |_: &Received| Reply::redirect(307, &there)).await?;
    let client = client(cx, config())?;
    let request = client
        .get(home.url("/"))
        .bearer_auth("secret")
        .header("x-api-key", "secret")
        .header("x-ship", "Fram");
    request.send().await?.text().await?;
    let got = |name: &str| stranger.requests().iter().any(|request| request.header(name).is_some());
    let leaked = ["authorization", "x-api-key", "cookie"].into_iter().filter(|name| got(name)).count();
    cx.claim(leaked == 0 && got("x-ship"), leaked, "secrets went along; what is no secret did", 0);
    Ok(())
}
