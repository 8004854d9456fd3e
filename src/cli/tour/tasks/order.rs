use std::{
    fmt::Display,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use seaworthy::{
    rt::{JoinError, TaskPhase},
    task::{Config, Job, Order, Report, Spec, TaskManager},
};

use super::{
    Context,
    hash::{self, HashError, Hashed, Meter},
    text::millis,
};

/// What a point of priority is worth in time waited.
const STEP: Duration = Duration::from_millis(50);
const URGENT: i32 = 20;
const ROUTINE: i32 = 0;
const LOW: i32 = -2;
/// A low task that has waited so long stands before routine ones that come now: two points.
const AGED: Duration = Duration::from_millis(100);
const ROUTINE_FILES: usize = 200;
/// As many files are of use here; fewer take turns.
pub(super) const FILES_MAX: usize = ROUTINE_FILES + 5;

/// A queue that is held up and then let go: who goes first, and who never goes.
pub(super) async fn priorities_and_age(cx: &Context, files: &[PathBuf]) -> anyhow::Result<()> {
    cx.scene(format_args!(
        "A queue is held up, then let go; a point of priority is worth {} of waiting",
        millis(STEP)
    ));
    let concurrency = cx.options.concurrency;
    let config = Config { concurrency, order: Order::Ageing { step: STEP }, ..Config::default() };
    let tasks = TaskManager::new(&cx.rt, config)?;
    tasks.set_concurrency(0)?;
    let mut line = Line { cx, tasks: &tasks, files: files.iter().cycle() };

    let aged = line.join(Spec::new("aged").priority(LOW));
    cx.rt.sleep(AGED).await;
    let fresh = line.join(Spec::new("fresh").priority(LOW));
    let routine: Vec<_> =
        (0..ROUTINE_FILES).map(|_| line.join(Spec::new("routine").priority(ROUTINE))).collect();
    let unwanted = line.join(Spec::new("unwanted"));
    let impatient = line.join(Spec::new("impatient").queue_timeout(AGED / 2));
    let urgent = line.join(Spec::new("urgent").priority(URGENT));

    let queued = tasks.stats().pending;
    let cancelled = unwanted.job.cancel();
    let place_is_free = tasks.stats().pending < queued;
    let cancelled = cancelled.await;
    let given_up = impatient.job.await;
    tasks.set_concurrency(concurrency)?;
    tasks.idle().await;

    let routine: Vec<_> = routine.iter().map(|queued| queued.job.report()).collect();
    tell_order(cx, &urgent.job.report(), &aged.job.report(), &fresh.job.report(), &routine);
    let polls = unwanted.meter.tasks_peak.load(Ordering::Acquire);
    cx.claim(
        cancelled.is_err_and(|error| error.is_cancelled()) && polls == 0 && place_is_free,
        format_args!("{polls} polls"),
        "of a task cancelled in the queue; its place was free at once",
        "cancelled, 0 polls, its place free",
    );
    let polls = impatient.meter.tasks_peak.load(Ordering::Acquire);
    cx.claim(
        matches!(given_up, Err(JoinError::TimedOut { phase: TaskPhase::Queued, .. })) && polls == 0,
        format_args!("{polls} polls"),
        format_args!("of a task whose time in the queue was over after {}", millis(AGED / 2)),
        "timed out while queued, 0 polls",
    );
    Ok(())
}

struct Line<'a, I> {
    cx: &'a Context,
    tasks: &'a TaskManager,
    files: I,
}

struct Queued {
    job: Job<Result<Hashed, HashError>>,
    meter: Arc<Meter>,
}

impl<'a, I: Iterator<Item = &'a PathBuf>> Line<'a, I> {
    /// Queues the next file.
    fn join(&mut self, spec: Spec) -> Queued {
        let meter = Arc::default();
        let path = self.files.next().cloned().unwrap_or_default();
        let job = self.tasks.submit_fallible(spec, hash::file(&self.cx.rt, path, &meter));
        Queued { job, meter }
    }
}

/// Checks the order from the times in the reports. Tasks that start together have the same.
fn tell_order(cx: &Context, urgent: &Report, aged: &Report, fresh: &Report, routine: &[Report]) {
    let all = routine.len();
    let passed_by = |task: &Report| routine.iter().filter(|other| task.started <= other.started).count();
    let tell = |task: &Report, held, text: &dyn Display, needs: &dyn Display| {
        let figure = format!("{} of {all}", passed_by(task));
        cx.claim(held && task.started.is_some(), figure, text, needs);
    };
    let held = passed_by(urgent) == all;
    tell(urgent, held, &"routine files passed by an urgent one that came after them", &"all");
    let held = passed_by(aged) == all;
    let text = format!("passed by a low one that had waited {}: it does not starve", millis(AGED));
    tell(aged, held, &text, &"all");
    // On a machine that stood still in between, the last of them may have come late enough to be passed.
    let late = routine.iter().filter(|other| other.created > fresh.created + AGED).count();
    let held = passed_by(fresh) <= late;
    tell(fresh, held, &"passed by a low one that came just before them", &format_args!("at most {late}"));
}
