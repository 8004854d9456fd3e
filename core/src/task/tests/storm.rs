//! Everything at once: tasks that sleep, fail, panic, wait for others and never end, cancelled and resized at random.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, future};

use super::super::{Config, Event, Events, Job, Order, Report, Spec, Status, TaskManager};
use crate::{
    rt::{JoinError, Rng, Rt},
    testing::for_each_seed,
};

#[derive(Default)]
struct Observed {
    alive: AtomicUsize,
    alive_max: AtomicUsize,
}

struct Living(Arc<Observed>);

impl Living {
    fn new(observed: &Arc<Observed>) -> Self {
        let alive = observed.alive.fetch_add(1, Ordering::Relaxed) + 1;
        observed.alive_max.fetch_max(alive, Ordering::Relaxed);
        Self(observed.clone())
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Submitted {
    job: Job<u32>,
    polled: Arc<AtomicBool>,
}

fn submit(rt: &Rt, tasks: &TaskManager, rng: &mut Rng, observed: &Arc<Observed>) -> Submitted {
    let polled = Arc::new(AtomicBool::new(false));
    let (flag, observed, inner, submitter) =
        (polled.clone(), observed.clone(), rt.clone(), tasks.submitter());
    let (kind, millis) = (rng.below(6), rng.below(50));
    let body = async move {
        flag.store(true, Ordering::Relaxed);
        let _living = Living::new(&observed);
        match kind {
            0 => panic!("as drawn"),
            1 => future::pending().await,
            2 => {
                let child = submitter.submit("child", async { 1 });
                child.await.unwrap_or(0)
            }
            _ => {
                inner.sleep(Duration::from_millis(millis)).await;
                7
            }
        }
    };
    let mut spec = Spec::new("task").priority(rng.below(5) as i32);
    if rng.chance(1, 4) {
        spec = spec.queue_timeout(Duration::from_millis(rng.below(60)));
    }
    if rng.chance(1, 4) {
        spec = spec.run_timeout(Duration::from_millis(rng.below(60)));
    }
    Submitted { job: tasks.submit(spec, body), polled }
}

fn check_outcome(report: &Report, polled: bool, outcome: &Result<u32, JoinError>) {
    let expected = match outcome {
        Ok(_) => Status::Completed,
        Err(JoinError::Panicked(_)) => Status::Failed,
        Err(JoinError::TimedOut { .. }) => Status::TimedOut,
        Err(_) => Status::Cancelled,
    };
    assert_eq!(report.status, expected, "the report and the handle agree: {report:?}");
    if polled {
        assert!(report.started.is_some(), "what never started was never polled: {report:?}");
    }
    assert_eq!(report.started.is_some(), report.attempts == 1);
    assert!(report.ended >= report.started && report.started.is_none_or(|started| started >= report.created));
}

/// Follows each task through its events: forward only, and one end.
async fn check_events(events: Events) {
    let mut last = Vec::<Option<Status>>::new();
    let mut events = events;
    while let Some(event) = events.next().await {
        let Event::Changed { id, status, .. } = event else { panic!("the reader is quick") };
        let place = id.0 as usize;
        last.resize(last.len().max(place + 1), None);
        let before = last[place].replace(status);
        assert!(
            before.is_none_or(|before| before < status && !before.is_end()),
            "{before:?} then {status:?}"
        );
    }
    assert!(last.iter().flatten().all(|status| status.is_end()), "all have ended");
}

#[test]
fn the_laws_hold_in_a_storm() {
    for_each_seed(0..150, |rt| async move {
        let mut rng = rt.rng("storm");
        let bound_max = 1 + rng.index(4);
        let order = if rng.chance(1, 2) { Order::Strict } else { Order::default() };
        let config = Config { concurrency: bound_max, order, events_max: 100_000, ..Config::default() };
        let tasks = TaskManager::new(&rt, config).expect("a good config");
        let follower = rt.spawn("follower", check_events(tasks.events()));
        let observed = Arc::new(Observed::default());
        let mut jobs = Vec::new();
        let mut cancelled = Vec::new();
        for _ in 0..60 {
            match rng.below(10) {
                0 => tasks.set_concurrency(rng.index(bound_max + 1)).expect("in range"),
                1 | 2 if !jobs.is_empty() => {
                    let Submitted { job, polled } = jobs.swap_remove(rng.index(jobs.len()));
                    let before = job.status();
                    let cancel = job.cancel();
                    if before == Status::Pending {
                        assert!(!polled.load(Ordering::Relaxed));
                        cancelled.push(polled);
                    }
                    if rng.chance(1, 2) {
                        drop(cancel.await);
                    }
                }
                3 | 4 => rt.sleep(Duration::from_millis(rng.below(30))).await,
                _ => jobs.push(submit(&rt, &tasks, &mut rng, &observed)),
            }
            let stats = tasks.stats();
            let ended = stats.completed + stats.failed + stats.cancelled + stats.timed_out;
            assert_eq!(stats.submitted, ended + (stats.pending + stats.running) as u64, "the counts add up");
        }
        tasks.set_concurrency(bound_max).expect("in range");
        tasks.shutdown(Duration::from_secs(5)).await;
        assert_eq!(observed.alive.load(Ordering::Relaxed), 0, "all destructors have run");
        assert!(observed.alive_max.load(Ordering::Relaxed) <= bound_max, "never more than may");
        for polled in cancelled {
            assert!(!polled.load(Ordering::Relaxed), "cancelled while pending, so never polled");
        }
        for Submitted { job, polled } in jobs {
            let report = job.report();
            check_outcome(&report, polled.load(Ordering::Relaxed), &job.await);
        }
        follower.await.expect("events that make sense");
    });
}
