use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use seaworthy::{
    rt::{JoinError, TaskPhase},
    task::{Config, Spec, TaskManager},
};

use super::{
    Context,
    folder::ENDLESS_BYTES,
    hash::{self, Meter},
    text::{bytes, millis, time},
};

const LIMIT: Duration = Duration::from_millis(100);
/// How long the reader may go on after that: a block of the file, on a machine that has other things to do.
const READER_MAX: Duration = Duration::from_secs(5);

/// A file that would take far too long: its time runs out, and its reader stops with it.
pub(super) async fn on_running(cx: &Context, endless: &Path) -> anyhow::Result<()> {
    cx.scene(format_args!("A file of {} has {} to be read", bytes(ENDLESS_BYTES as f64), millis(LIMIT)));
    let tasks = TaskManager::new(&cx.rt, Config::default())?;
    let meter = Arc::new(Meter::default());
    let hashing = hash::file(&cx.rt, endless.to_owned(), &meter);
    let result = tasks.submit_fallible(Spec::new("endless").run_timeout(LIMIT), hashing).await;
    let over = cx.rt.now();
    // The task is over; its reader holds the other end of the meter until it has seen that.
    let mut ticks = cx.rt.interval(Duration::from_millis(1));
    while Arc::strong_count(&meter) > 1 && cx.rt.now() - over < READER_MAX {
        ticks.tick().await;
    }
    let (stopped, took) = (Arc::strong_count(&meter) == 1, cx.rt.now() - over);
    let read = meter.bytes.load(Ordering::Relaxed);
    cx.claim(
        matches!(result, Err(JoinError::TimedOut { phase: TaskPhase::Running, .. }))
            && stopped
            && read < ENDLESS_BYTES,
        bytes(read as f64),
        format_args!("read when the task timed out; its reader stopped {} later", time(took)),
        format_args!("timed out while running, and its reader gone within {READER_MAX:?}"),
    );
    Ok(())
}
