//! Chapter 3: a pool of connections to a server on TCP, a rate limit and a bulkhead before it, and deadlines around it all.

mod backend;
mod client;
mod deadline;
mod quota;
mod sharing;
mod trouble;

use futures::FutureExt;

use self::backend::Backend;
use super::{
    Chapter, Context, Outcome,
    text::{self, count},
};

pub(super) const CHAPTER: Chapter = Chapter {
    number: 3,
    name: "pool",
    aliases: &["limits", "limiter", "deadline"],
    shows: [
        "Two hundred tasks share eight connections to a server that is cut off, dies and",
        "comes back. How much, how often and how long they may ask is limited.",
    ],
    run: |context| run(context).boxed(),
};

async fn run(cx: Context) -> anyhow::Result<Outcome> {
    let backend = Backend::start(&cx.rt).await?;
    let shared = cx.until_stopped(story(&cx, &backend)).await??;
    Ok(Outcome {
        shown: format!("{} queries by 200 tasks over 8 connections", count(shared.queries)),
        figure: format!("{} queries/s", count(shared.per_second() as u64)),
        data: serde_json::json!({
            "queries": shared.queries,
            "queries_per_second": shared.per_second(),
            "wait_median_seconds": shared.wait_median.as_secs_f64(),
            "wait_p99_seconds": shared.wait_p99.as_secs_f64(),
        }),
    })
}

async fn story(cx: &Context, backend: &Backend) -> anyhow::Result<sharing::Shared> {
    let shared = sharing::among_many(cx, backend).await?;
    sharing::in_order(cx, backend).await?;
    trouble::given_up(cx, backend).await?;
    trouble::cut_off(cx, backend).await?;
    trouble::dead(cx, backend).await?;
    trouble::closed_too_early(cx, backend).await?;
    quota::kept(cx, backend).await?;
    quota::refused_early(cx).await?;
    quota::at_once(cx).await?;
    deadline::names_the_phase(cx, backend).await?;
    Ok(shared)
}
