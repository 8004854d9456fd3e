use std::{thread, time::Duration};

use futures::future::try_join_all;
use seaworthy::rt::{CancelToken, JoinError, Task};

use super::{
    Context,
    text::{millis, time},
};

/// How long a task that ticks each millisecond stood still while the same calls blocked.
pub(super) struct Stalls {
    pub(super) executor: Duration,
    pub(super) pool: Duration,
}

const CALL: Duration = Duration::from_millis(100);
/// For each thread of the executor so many calls, so that none of them is left to tick.
const CALLS_PER_THREAD: usize = 2;
/// Other programs can make the pool look worse than it is, never better: the best of a few tries is the nearest.
const TRIES: usize = 3;

/// What blocking calls do to a bystander, on the executor and on the blocking pool.
pub(super) async fn stalls(cx: &Context) -> Result<Stalls, JoinError> {
    cx.scene("Blocking");
    let rt = &cx.rt;
    let calls = CALLS_PER_THREAD * cx.options.cores;
    let on_executor = || rt.spawn("tour.blocks_its_executor", async { thread::sleep(CALL) });
    let executor = worst_stall(cx, (0..calls).map(|_| on_executor()).collect()).await?;
    let mut pool = Duration::MAX;
    for _ in 0..TRIES {
        let on_pool = || rt.spawn_blocking("tour.blocks_the_pool", || thread::sleep(CALL));
        pool = pool.min(worst_stall(cx, (0..calls).map(|_| on_pool()).collect()).await?);
        if pool <= executor / 2 {
            break;
        }
    }
    cx.fact(
        time(executor),
        format_args!("stall of a 1 ms ticker while {calls} calls of {} block the executor", millis(CALL)),
    );
    cx.claim(
        pool <= executor / 2,
        time(pool),
        "stall of it while the same calls block the blocking pool",
        "at most half of that on the executor",
    );
    Ok(Stalls { executor, pool })
}

/// The longest gap between two ticks until `calls` have ended. They are spawned already: the ticker waits as they do.
async fn worst_stall(cx: &Context, calls: Vec<Task<()>>) -> Result<Duration, JoinError> {
    let over = CancelToken::new();
    let ticker = cx.rt.spawn("tour.ticker", {
        let (rt, over) = (cx.rt.clone(), over.clone());
        async move {
            let (mut last, mut worst) = (rt.now(), Duration::ZERO);
            // The gap is looked at before the end is: the last one counts.
            while !over.is_cancelled() {
                rt.sleep(Duration::from_millis(1)).await;
                let now = rt.now();
                worst = worst.max(now - last);
                last = now;
            }
            worst
        }
    });
    try_join_all(calls).await?;
    over.cancel();
    ticker.await
}
