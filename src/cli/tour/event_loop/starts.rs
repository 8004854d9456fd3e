use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, channel::mpsc};

use super::Context;

const TASKS: usize = 3;

/// A spawned task runs at once; a future that nobody spawned or awaited does not run at all.
pub(super) async fn without_being_awaited(cx: &Context) -> anyhow::Result<()> {
    cx.scene("Starting");
    let (tell, mut told) = mpsc::unbounded();
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let tell = tell.clone();
            // Nobody listens any more if the chapter was stopped.
            cx.rt.spawn("tour.eager", async move { drop(tell.unbounded_send(number)) })
        })
        .collect();
    let ran = Arc::new(AtomicUsize::new(0));
    let lazy = {
        let ran = Arc::clone(&ran);
        async move { ran.fetch_add(1, Ordering::Relaxed) }
    };
    // The tasks' own word is awaited here, not the tasks.
    let heard = cx.rt.timeout(Duration::from_secs(5), told.by_ref().take(TASKS).count()).await.unwrap_or(0);
    cx.claim(
        heard == TASKS,
        format_args!("{heard} of {TASKS}"),
        "spawned tasks that ran before anyone awaited them",
        format_args!("{TASKS} of {TASKS}"),
    );
    let before = ran.load(Ordering::Relaxed);
    lazy.await;
    let after = ran.load(Ordering::Relaxed);
    cx.claim(
        (before, after) == (0, 1),
        format_args!("{before}, then {after}"),
        "runs of a future that was not spawned, before and after its await",
        "0, then 1",
    );
    for task in tasks {
        task.await?;
    }
    Ok(())
}
