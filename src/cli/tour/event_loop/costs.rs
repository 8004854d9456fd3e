use std::time::Duration;

use futures::{
    StreamExt,
    channel::mpsc,
    future::{join_all, try_join_all},
};
use seaworthy::rt::{JoinError, Rt, yield_now};

use super::{
    Context,
    text::{count, time},
};

/// How long each figure is measured.
const SPAN: Duration = Duration::from_millis(120);

/// What spawning, waking, yielding and timers cost here.
pub(super) async fn of_the_loop(cx: &Context) -> anyhow::Result<()> {
    cx.scene("What it costs");
    cx.fact(time(spawn_and_join(&cx.rt).await?), "to spawn a task and take its result, 100 at a time");
    cx.fact(time(wake(&cx.rt).await?), "to wake another task and have it run");
    cx.fact(count(yields_per_second(&cx.rt).await), "yields a second by one task");
    timers(cx).await;
    Ok(())
}

async fn spawn_and_join(rt: &Rt) -> Result<Duration, JoinError> {
    let (start, mut tasks) = (rt.now(), 0);
    loop {
        try_join_all((0..100).map(|number| rt.spawn("tour.spawned", async move { number }))).await?;
        tasks += 100;
        let took = rt.now() - start;
        if took >= SPAN {
            return Ok(took / tasks);
        }
    }
}

/// Two tasks throw a ball to and fro; each throw wakes the other.
async fn wake(rt: &Rt) -> Result<Duration, JoinError> {
    let (to_wall, mut at_wall) = mpsc::unbounded();
    let (to_player, mut at_player) = mpsc::unbounded();
    let wall = rt.spawn("tour.wall", async move {
        while let Some(ball) = at_wall.next().await {
            // The player has left.
            let Ok(()) = to_player.unbounded_send(ball) else { return };
        }
    });
    let (start, mut throws) = (rt.now(), 0);
    let took = loop {
        let thrown = to_wall.unbounded_send(());
        if thrown.is_err() || at_player.next().await.is_none() {
            break rt.now() - start;
        }
        throws += 2;
        let took = rt.now() - start;
        if took >= SPAN {
            break took;
        }
    };
    drop(to_wall);
    wall.await?;
    Ok(took / throws.max(1))
}

async fn yields_per_second(rt: &Rt) -> u64 {
    let (start, mut yields) = (rt.now(), 0_u64);
    loop {
        for _ in 0..100 {
            yield_now().await;
        }
        yields += 100;
        let took = rt.now() - start;
        if took >= SPAN {
            return (yields as f64 / took.as_secs_f64()) as u64;
        }
    }
}

const TIMERS: u32 = 500;

async fn timers(cx: &Context) {
    let rt = &cx.rt;
    let start = rt.now();
    let lateness = join_all((0..TIMERS).map(|number| async move {
        let due = start + SPAN * number / TIMERS;
        rt.sleep_until(due).await;
        let now = rt.now();
        now.checked_duration_since(due)
    }))
    .await;
    let early = lateness.iter().filter(|late| late.is_none()).count();
    let mut late: Vec<_> = lateness.into_iter().flatten().collect();
    late.sort_unstable();
    let percentile = |percent| late.get(late.len() * percent / 100).copied().unwrap_or_default();
    cx.claim(early == 0, format_args!("{early} of {TIMERS}"), "timers that fired early", "0");
    let most = time(percentile(99));
    cx.fact(time(percentile(50)), format_args!("lateness of the median timer; of the 99th of 100: {most}"));
}
