//! Chapter 1: what an executor does with many tasks and few threads, and what a blocking call does to it.

mod blocking;
mod costs;
mod starts;
mod waits;

use futures::FutureExt;

use super::{Chapter, Context, Outcome, text};

pub(super) const CHAPTER: Chapter = Chapter {
    number: 1,
    name: "event-loop",
    aliases: &["loop", "rt", "runtime"],
    shows: [
        "Few threads run many tasks, because a task that waits holds none.",
        "A call that blocks its thread stops every task that needed it.",
    ],
    run: |context| run(context).boxed(),
};

async fn run(cx: Context) -> anyhow::Result<Outcome> {
    let story = async {
        waits::in_turn_and_at_once(&cx).await;
        waits::beside_a_blocking_job(&cx).await?;
        starts::without_being_awaited(&cx).await?;
        let stalls = blocking::stalls(&cx).await?;
        costs::of_the_loop(&cx).await?;
        anyhow::Ok(stalls)
    };
    let stalls = cx.until_stopped(story).await??;
    Ok(Outcome {
        shown: "stall by blocking calls: executor, blocking pool".to_owned(),
        figure: format!("{}, {}", text::time(stalls.executor), text::time(stalls.pool)),
        data: serde_json::json!({
            "stall_on_executor_seconds": stalls.executor.as_secs_f64(),
            "stall_on_blocking_pool_seconds": stalls.pool.as_secs_f64(),
        }),
    })
}
