use std::{
    collections::VecDeque,
    convert::Infallible,
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::future::{Either, select};
use indicatif::ProgressBar;
use seaworthy::{
    rt::{JoinError, Rt, Task},
    task::{Config, Job, Spec, TaskManager},
};

use super::{
    Context, Stopped, Workshop,
    hash::{self, HashError, Hashed, Meter},
    tally::{Passed, Tally},
    text::{bytes, count, printable},
    walk::{Found, Walk},
};

/// At most so many files are queued, running, or done and waiting for one before them: this bounds the memory, however
/// many files there are.
const WINDOW: usize = 1_024;
/// So many names are read from the disk in one go.
const BATCH: usize = 256;
/// Of so many files, one is urgent.
pub(super) const URGENT_EVERY: u64 = 100;
pub(super) const URGENT: i32 = 10;

/// Hashes every file of a folder once, so many at once.
pub(super) async fn hash_all(cx: &Context, workshop: &Workshop) -> anyhow::Result<Passed> {
    let config = Config { concurrency: cx.options.concurrency, pending_max: WINDOW, ..Config::default() };
    let tasks = TaskManager::new(&cx.rt, config)?;
    let bar = cx.screen.progress(workshop.files);
    let mut pass = Pass {
        cx,
        folder: &workshop.folder,
        tasks: &tasks,
        meter: Arc::default(),
        window: VecDeque::new(),
        tally: Tally::default(),
    };
    let start = cx.rt.now();
    let meter = Arc::clone(&pass.meter);
    let walk = async {
        match select(pin!(pass.run()), pin!(show(&cx.rt, &tasks, &meter, &bar))).await {
            Either::Left((walked, _)) => walked,
            Either::Right((never, _)) => match never {},
        }
    };
    let walked = cx.until_stopped(walk).await;
    bar.finish_and_clear();
    match walked {
        Ok(walked) => walked?,
        Err(stopped) => return Err(stop(cx, &tasks, stopped).await),
    }
    let took = cx.rt.now() - start;
    Ok(pass.tally.close(&tasks, &meter, took))
}

/// Ctrl-C: what runs is dropped at its await, its reader stops at the next block, and what is queued never starts.
async fn stop(cx: &Context, tasks: &TaskManager, stopped: Stopped) -> anyhow::Error {
    let stats = tasks.shutdown(Duration::ZERO).await;
    let (hashed, cancelled) = (count(stats.completed), count(stats.cancelled));
    cx.fact(
        hashed,
        format_args!("files were hashed; {cancelled} tasks were cancelled, {} left running", stats.running),
    );
    stopped.into()
}

struct Pass<'a> {
    cx: &'a Context,
    folder: &'a Path,
    tasks: &'a TaskManager,
    meter: Arc<Meter>,
    /// In the order of the walk.
    window: VecDeque<(PathBuf, Job<Result<Hashed, HashError>>)>,
    tally: Tally,
}

impl Pass<'_> {
    async fn run(&mut self) -> Result<(), JoinError> {
        let mut batch = read_on(&self.cx.rt, Walk::new(self.folder));
        loop {
            let (walk, found) = batch.await?;
            if found.is_empty() {
                break;
            }
            // The disk is read on while these are submitted.
            batch = read_on(&self.cx.rt, walk);
            for found in found {
                self.take(found).await;
            }
        }
        while !self.window.is_empty() {
            self.settle_first().await;
        }
        Ok(())
    }

    async fn take(&mut self, found: Found) {
        self.tally.found.count(&found);
        match found {
            Found::File { path, bytes } => {
                if self.window.len() == WINDOW {
                    self.settle_first().await;
                }
                self.submit(path, bytes);
            }
            Found::Unreadable { path, error } => self.cx.failed(&self.folder.join(path), error),
            Found::Folder | Found::Symlink | Found::Special => {}
        }
    }

    fn submit(&mut self, path: PathBuf, bytes: u64) {
        let urgent = self.tally.found.files.is_multiple_of(URGENT_EVERY);
        let spec = Spec::new(printable(&path.to_string_lossy()))
            .priority(if urgent { URGENT } else { 0 })
            .run_timeout(patience(bytes));
        let hashing = hash::file(&self.cx.rt, self.folder.join(&path), &self.meter);
        let job = self.tasks.submit_fallible(spec, hashing);
        self.window.push_back((path, job));
    }

    /// Waits for the file that comes first by name, so that the root hash can be told as it goes.
    async fn settle_first(&mut self) {
        let Some((path, job)) = self.window.pop_front() else { return };
        match job.await {
            Ok(Ok(hashed)) => self.tally.add(path, hashed),
            Ok(Err(error)) => self.cx.failed(&self.folder.join(path), error),
            Err(error) => self.cx.failed(&self.folder.join(path), error),
        }
    }
}

/// How long a file may take: a minute, and the time it takes at 10 MB/s.
fn patience(bytes: u64) -> Duration {
    Duration::from_secs(60 + bytes / 10_000_000)
}

fn read_on(rt: &Rt, mut walk: Walk) -> Task<(Walk, Vec<Found>)> {
    rt.spawn_blocking("tour.walk", move || {
        let found = walk.by_ref().take(BATCH).collect();
        (walk, found)
    })
}

/// Keeps the progress bar up to date, for ever.
async fn show(rt: &Rt, tasks: &TaskManager, meter: &Meter, bar: &ProgressBar) -> Infallible {
    let start = rt.now();
    let mut ticks = rt.interval(Duration::from_millis(100));
    loop {
        let took = ticks.tick().await - start;
        let stats = tasks.stats();
        bar.set_position(stats.completed + stats.failed + stats.timed_out);
        let read = meter.bytes.load(Ordering::Relaxed) as f64;
        let rate = bytes(read / took.as_secs_f64().max(0.1));
        let failed =
            if stats.failed > 0 { format!(", {} failed", count(stats.failed)) } else { String::new() };
        let (running, pending) = (stats.running, count(stats.pending as u64));
        bar.set_message(format!("{running} running, {pending} queued{failed}, {rate}/s"));
    }
}
