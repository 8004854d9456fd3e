use std::{
    cell::Cell,
    fmt,
    future::Future,
    pin::Pin,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures::task::AtomicWaker;

use super::{Config, seeds, try_run};
use crate::rt::Rt;

/// The environment variable that replaces all drop points by one.
const VARIABLE: &str = "SEAWORTHY_DROP_POINT";

/// Drops an operation at every point where it can be dropped, and checks what is left: the tool behind every claim of
/// cancel safety. The short form of [`DropPoints`].
///
/// For each seed, in runs of their own, `operation` is dropped before its first poll, right after its n-th `Pending`,
/// and after its n-th wake before it is polled again, for every n until it completes. Each time `setup` makes a new
/// state before, and `check` looks at it after the drop. `check` also runs after the operation has completed.
///
/// Returns how many points there were, so that a test can tell that it tried some.
///
/// # Panics
///
/// If a run fails, with its report, the seed and the drop point; and if the operation does not complete within 1000
/// polls.
///
/// # Examples
///
/// ```
/// use std::{sync::{Arc, Mutex}, time::Duration};
///
/// use seaworthy_core::testing;
///
/// // A transfer that is safe to drop: it takes and gives in one step.
/// let points = testing::for_each_drop_point(
///     0..5,
///     |_rt| async { Arc::new(Mutex::new((100, 0))) },
///     |rt, accounts| async move {
///         rt.sleep(Duration::from_secs(1)).await;
///         let mut accounts = accounts.lock().unwrap();
///         accounts.0 -= 30;
///         accounts.1 += 30;
///     },
///     |_rt, accounts| async move {
///         let (from, to) = *accounts.lock().unwrap();
///         assert_eq!(from + to, 100);
///     },
/// );
/// // Before the first poll, after the first `Pending`, after the wake: for five seeds.
/// assert_eq!(points, 15);
/// ```
#[track_caller]
pub fn for_each_drop_point<S, SetupFuture, OperationFuture, CheckFuture>(
    seeds: impl IntoIterator<Item = u64>,
    setup: impl Fn(Rt) -> SetupFuture,
    operation: impl Fn(Rt, S) -> OperationFuture,
    check: impl Fn(Rt, S) -> CheckFuture,
) -> u64
where
    S: Clone,
    SetupFuture: Future<Output = S>,
    OperationFuture: Future,
    CheckFuture: Future<Output = ()>,
{
    DropPoints::new(seeds).run(setup, operation, check)
}

/// Drops an operation at every point where it can be dropped: [`for_each_drop_point`] with settings.
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `run`"]
pub struct DropPoints {
    seeds: Vec<u64>,
    polls_max: u64,
    config: Config,
}

impl DropPoints {
    /// With these seeds. The variable `SEAWORTHY_SEED` replaces them, see [`seeds`](super::seeds).
    pub fn new(seeds: impl IntoIterator<Item = u64>) -> Self {
        Self { seeds: self::seeds(seeds).collect(), polls_max: 1000, config: Config::default() }
    }

    /// After how many polls an operation that has not completed is called endless; at least 1. Default: 1000.
    pub fn polls_max(mut self, polls_max: u64) -> Self {
        self.polls_max = polls_max.max(1);
        self
    }

    /// How each run goes; its seed is replaced.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Tries every point, see [`for_each_drop_point`], and returns how many there were.
    ///
    /// # Panics
    ///
    /// If a run fails, or the operation does not complete within [`polls_max`](Self::polls_max).
    #[track_caller]
    pub fn run<S, SetupFuture, OperationFuture, CheckFuture>(
        self,
        setup: impl Fn(Rt) -> SetupFuture,
        operation: impl Fn(Rt, S) -> OperationFuture,
        check: impl Fn(Rt, S) -> CheckFuture,
    ) -> u64
    where
        S: Clone,
        SetupFuture: Future<Output = S>,
        OperationFuture: Future,
        CheckFuture: Future<Output = ()>,
    {
        let only = only_point();
        let mut points = 0;
        for seed in self.seeds {
            for point in only.map_or(all_points(self.polls_max), |point| Box::new(std::iter::once(point))) {
                let config = Config { seed, ..self.config.clone() };
                let (setup, operation, check) = (&setup, &operation, &check);
                let outcome = Cell::new(None);
                let outcome_inside = &outcome;
                let tried = try_run(config, |rt| async move {
                    let state = setup(rt.clone()).await;
                    let interrupted = Interrupted::new(operation(rt.clone(), state.clone()), point);
                    outcome_inside.set(Some(interrupted.await));
                    check(rt, state).await;
                });
                if let Err(stop) = tried {
                    let when = match outcome.get() {
                        Some(Outcome::Dropped) => format!("after the operation was dropped {point:#}"),
                        Some(Outcome::Completed) => "after the operation had completed".to_owned(),
                        None => format!("before the operation could be dropped {point:#}"),
                    };
                    panic!("{when}:\n{stop}\nto run this alone: SEAWORTHY_SEED={seed:#x} {VARIABLE}={point}");
                }
                if outcome.get() != Some(Outcome::Dropped) {
                    break;
                }
                points += 1;
                assert!(
                    point != DropPoint::Wake(self.polls_max) || only.is_some(),
                    "seed {seed:#x}: the operation has not completed after {} polls; \
                     if it is meant to take more, raise `DropPoints::polls_max`",
                    self.polls_max
                );
            }
        }
        points
    }
}

fn only_point() -> Option<DropPoint> {
    let text = std::env::var(VARIABLE).ok()?;
    match text.parse() {
        Ok(point) => Some(point),
        Err(()) => panic!("{VARIABLE} is `{text}`: give `start`, `pending-3` or `wake-3`"),
    }
}

fn all_points(polls_max: u64) -> Box<dyn Iterator<Item = DropPoint>> {
    let later = (1..=polls_max).flat_map(|n| [DropPoint::Pending(n), DropPoint::Wake(n)]);
    Box::new(std::iter::once(DropPoint::Start).chain(later))
}

/// Where an operation is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DropPoint {
    /// Before its first poll.
    Start,
    /// Right after its n-th `Pending`.
    Pending(u64),
    /// After the wake that follows the n-th `Pending`, before the next poll.
    Wake(u64),
}

impl fmt::Display for DropPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, f.alternate()) {
            (Self::Start, false) => f.write_str("start"),
            (Self::Pending(n), false) => write!(f, "pending-{n}"),
            (Self::Wake(n), false) => write!(f, "wake-{n}"),
            (Self::Start, true) => f.write_str("before its first poll"),
            (Self::Pending(n), true) => {
                write!(f, "right after its `Pending` no. {n}")
            }
            (Self::Wake(n), true) => write!(f, "after its wake no. {n}, before the next poll"),
        }
    }
}

impl FromStr for DropPoint {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| digits.parse().map_err(|_| ());
        match text.split_once('-') {
            None if text == "start" => Ok(Self::Start),
            Some(("pending", n)) => number(n).map(Self::Pending),
            Some(("wake", n)) => number(n).map(Self::Wake),
            _ => Err(()),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Dropped,
    Completed,
}

/// Runs an operation up to its drop point.
struct Interrupted<F> {
    operation: Option<Pin<Box<F>>>,
    point: DropPoint,
    pendings: u64,
    wakes: Arc<Wakes>,
}

/// Tells the operation's own wakes from all others.
struct Wakes {
    woken: AtomicBool,
    task: AtomicWaker,
}

impl<F: Future> Interrupted<F> {
    fn new(operation: F, point: DropPoint) -> Self {
        // The first poll needs no wake.
        let wakes = Wakes { woken: AtomicBool::new(true), task: AtomicWaker::new() };
        Self { operation: Some(Box::pin(operation)), point, pendings: 0, wakes: Arc::new(wakes) }
    }

    fn is_at_point(&self, after_wake: bool) -> bool {
        match self.point {
            DropPoint::Start => true,
            DropPoint::Pending(n) => !after_wake && n == self.pendings,
            DropPoint::Wake(n) => after_wake && n == self.pendings,
        }
    }
}

impl<F: Future> Future for Interrupted<F> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        self.wakes.task.register(cx.waker());
        if !self.wakes.woken.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        if self.is_at_point(true) {
            self.operation = None;
            return Poll::Ready(Outcome::Dropped);
        }
        let waker = Waker::from(Arc::clone(&self.wakes));
        let Some(operation) = &mut self.operation else { return Poll::Ready(Outcome::Completed) };
        if operation.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            self.operation = None;
            return Poll::Ready(Outcome::Completed);
        }
        self.pendings += 1;
        if self.is_at_point(false) {
            self.operation = None;
            return Poll::Ready(Outcome::Dropped);
        }
        Poll::Pending
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake();
    }
}
