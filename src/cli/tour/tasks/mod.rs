//! Chapter 2: every file of a folder is a managed task that is hashed on the blocking pool.

mod folder;
mod hash;
mod limits;
mod order;
mod pass;
mod queue;
mod second;
mod tally;
mod walk;

use std::path::PathBuf;

use futures::FutureExt;

use self::{folder::Workshop, tally::Passed};
use super::{
    Chapter, Context, Outcome,
    chapter::Stopped,
    text::{self, bytes},
};

pub(super) const CHAPTER: Chapter = Chapter {
    number: 2,
    name: "tasks",
    aliases: &["task", "task-manager"],
    shows: [
        "Each file of a folder is a task: hashed on the blocking pool, a few at once,",
        "by priority and age, within time limits, cancelled if need be.",
    ],
    run: |context| run(context).boxed(),
};

async fn run(cx: Context) -> anyhow::Result<Outcome> {
    let workshop = Workshop::make(&cx).await?;
    let told = story(&cx, &workshop).await;
    // Whatever became of it.
    workshop.remove(&cx).await?;
    told
}

async fn story(cx: &Context, workshop: &Workshop) -> anyhow::Result<Outcome> {
    let passed = pass::hash_all(cx, workshop).await?;
    passed.tell(cx);
    cx.until_stopped(scenes(cx, workshop, &passed)).await??;
    if let Some(peak) = peak_memory() {
        cx.scene("Memory");
        cx.fact(bytes(peak), "at most, by the whole process so far");
    }
    Ok(passed.outcome(cx))
}

async fn scenes(cx: &Context, workshop: &Workshop, passed: &Passed) -> anyhow::Result<()> {
    second::compare(cx, passed, &workshop.folder).await?;
    let files = passed.sample.files.iter().map(|(path, _)| workshop.folder.join(path));
    let files: Vec<PathBuf> = files.take(order::FILES_MAX).collect();
    if files.is_empty() {
        cx.fact("0", "files to show the order with");
    } else {
        order::priorities_and_age(cx, &files).await?;
    }
    limits::on_running(cx, &workshop.endless).await?;
    queue::of_items(cx).await
}

/// The most memory that this process has held, in bytes, where the system says so.
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}
