use std::{thread, time::Duration};

use futures::{future::join, future::join_all};

use super::{
    Context,
    text::{millis, time},
};

const WAIT: Duration = Duration::from_millis(30);

/// Waits cost no thread, so a thousand take as long as one.
pub(super) async fn in_turn_and_at_once(cx: &Context) {
    cx.scene("Waiting");
    let rt = &cx.rt;
    let start = rt.now();
    for _ in 0..10 {
        rt.sleep(WAIT).await;
    }
    let in_turn = rt.now() - start;
    let start = rt.now();
    join_all((0..1_000).map(|_| rt.sleep(WAIT))).await;
    let at_once = rt.now() - start;
    cx.fact(time(in_turn), format_args!("10 waits of {}, one after the other", millis(WAIT)));
    cx.claim(
        at_once < in_turn,
        time(at_once),
        format_args!("1,000 waits of {} at once", millis(WAIT)),
        "less than the 10 in turn took",
    );
}

const BLOCK: Duration = Duration::from_millis(200);

/// A blocking job has a thread of its own, so tasks go on beside it.
pub(super) async fn beside_a_blocking_job(cx: &Context) -> anyhow::Result<()> {
    let rt = &cx.rt;
    let start = rt.now();
    let clock = rt.clone();
    let job = rt.spawn_blocking("tour.blocking_job", move || {
        thread::sleep(BLOCK);
        clock.now() - start
    });
    let waits = async {
        for _ in 0..10 {
            rt.sleep(BLOCK / 10).await;
        }
        rt.now() - start
    };
    let (job, waits) = join(job, waits).await;
    let (job, together) = (job?, rt.now() - start);
    // Against what both took, and not against the clock: a busy machine slows all three.
    cx.claim(
        together.as_secs_f64() <= 0.8 * (job + waits).as_secs_f64(),
        time(together),
        format_args!("10 waits ({}) beside a job that blocks its thread ({})", time(waits), time(job)),
        "at most 80 % of the two added up",
    );
    Ok(())
}
