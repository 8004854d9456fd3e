//! Chapter 7: a server that fails on purpose, and what a caller does about it.

mod backend;
mod breaking;
mod orchestrating;
mod retrying;

use futures::FutureExt;

use super::{Chapter, Context, Outcome, text};

pub(super) const CHAPTER: Chapter = Chapter {
    number: 7,
    name: "resilience",
    aliases: &["retry", "breaker", "orchestrator"],
    shows: [
        "A real server fails on purpose: retries get past what is short, within a",
        "budget; a breaker spares it while it is down; a plan goes round what is lost.",
    ],
    run: |context| run(context).boxed(),
};

async fn run(cx: Context) -> anyhow::Result<Outcome> {
    let story = async {
        retrying::past_short_failures(&cx).await?;
        retrying::within_limits(&cx).await?;
        let spared = breaking::opens_and_recovers(&cx).await?;
        orchestrating::around_a_dependency(&cx).await?;
        anyhow::Ok(spared)
    };
    let spared = cx.until_stopped(story).await??;
    Ok(Outcome {
        shown: "calls turned away by an open breaker, and for each".to_owned(),
        figure: format!("{}, {}", text::count(spared.calls), text::time(spared.each)),
        data: serde_json::json!({
            "calls_turned_away": spared.calls,
            "seconds_each": spared.each.as_secs_f64(),
            "seconds_to_recover": spared.recovered.as_secs_f64(),
        }),
    })
}
