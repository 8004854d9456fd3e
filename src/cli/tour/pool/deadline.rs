use std::time::Duration;

use seaworthy::{pool::Config, time::Deadline};

use super::{
    Backend, Context, client,
    text::{millis, time},
};

const LIMIT: Duration = Duration::from_millis(100);
const OTHERS: u64 = 50;

/// One deadline around all: it says who was too slow, and harms nobody else.
pub(super) async fn names_the_phase(cx: &Context, backend: &Backend) -> anyhow::Result<()> {
    cx.scene(format_args!("A checkout has {}, and the server does not answer", millis(LIMIT)));
    let rt = &cx.rt;
    let pool = client::pool(rt, backend, Config { max: 4, ..Config::default() })?;
    let others: Vec<_> = (0..OTHERS)
        .map(|other| {
            let (rt, pool) = (rt.clone(), pool.clone());
            cx.rt.spawn("tour.other", async move {
                // Some are under way when the time is over.
                rt.sleep(LIMIT * other as u32 * 2 / OTHERS as u32).await;
                anyhow::Ok(pool.get().await?.add(other, other).await? == 2 * other)
            })
        })
        .collect();
    let checkout = Deadline::after(rt, "checkout", LIMIT);
    let start = rt.now();
    let result = checkout.run(async {
        let mut client = pool.get().await?;
        let _phase = checkout.phase("answer");
        anyhow::Ok(client.stall().await?)
    });
    let exceeded = result.await.err();
    let took = rt.now() - start;
    cx.claim(
        exceeded.as_ref().is_some_and(|error| error.scope == "checkout" && error.phase == Some("answer")),
        time(took),
        "until the deadline ended it, with the name of what it was waiting for",
        "the scope and the phase",
    );
    if let Some(error) = exceeded {
        cx.note(error);
    }
    let mut right = 0;
    for other in others {
        right += u64::from(other.await??);
    }
    cx.claim(
        right == OTHERS,
        format_args!("{right} of {OTHERS}"),
        "other tasks on the same pool went on undisturbed",
        "all",
    );
    let broken = pool.stats().retired.broken;
    cx.claim(
        broken == 1,
        broken,
        "connection thrown away: its answer was still to come, and not for the next",
        "1",
    );
    Ok(())
}
