//! Chapter 4: four years of weather in two cities, as streams that are generated, merged, batched and shared.

mod batching;
mod merging;
mod sharing;
mod trouble;
mod weather;

use futures::FutureExt;

use self::weather::{Expected, SOURCE};
use super::{Chapter, Context, Outcome, text};

pub(super) const CHAPTER: Chapter = Chapter {
    number: 4,
    name: "streams",
    aliases: &["stream", "merge", "batches"],
    shows: [
        "Two cities' weather is generated, merged, batched by size and by time, and",
        "shared by two readers. A source that is quiet, ends or panics harms nobody.",
    ],
    run: |context| run(context).boxed(),
};

async fn run(cx: Context) -> anyhow::Result<Outcome> {
    let story = async {
        let expected = Expected::of(SOURCE);
        let per_item = merging::two_cities(&cx, &expected).await?;
        merging::beside_quiet_sources(&cx, &expected).await?;
        trouble::one_panics_and_one_ends(&cx, &expected).await?;
        batching::by_size(&cx, &expected).await?;
        batching::of_a_trickle(&cx).await?;
        trouble::a_slow_reader_holds_the_generator(&cx).await?;
        sharing::between_two_readers(&cx, &expected).await?;
        anyhow::Ok((expected, per_item))
    };
    let (expected, per_item) = cx.until_stopped(story).await??;
    Ok(Outcome {
        shown: "rows of two cities merged; time an item".to_owned(),
        figure: format!("{}, {}", text::count(expected.rows()), text::time(per_item)),
        data: serde_json::json!({
            "rows": expected.rows(),
            "seconds_per_item": per_item.as_secs_f64(),
        }),
    })
}
