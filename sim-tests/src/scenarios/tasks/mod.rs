//! Tasks under management: submitted, awaited, cancelled, timed out, panicking, while the number of slots changes.

mod laws;
mod queue;
mod submitters;

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use seaworthy_core::{
    rt::{Rng, Scope},
    task::{Config, Event, Order, Stats, TaskManager},
};

use self::laws::Ledger;
use crate::{
    HostResult, always,
    fault::{FaultKind, Storm},
    scenario::{Host, HostInfo, Scenario, Stage},
    sometimes,
};

/// Two machines, each with a task manager and a priority queue.
pub(super) struct Tasks;

impl Scenario for Tasks {
    fn name(&self) -> &'static str {
        "tasks"
    }

    fn about(&self) -> &'static str {
        "managed tasks and priority queues, while tasks panic, are cancelled, and slots come and go"
    }

    fn storm(&self) -> Storm {
        use FaultKind as F;
        let kinds = vec![
            F::Pause,
            F::SlowTasks,
            F::LateTimers,
            F::SpuriousWakes,
            F::SlowBlocking,
            F::Cancel,
            F::Panic,
            F::Resize,
        ];
        Storm { kinds, ..Storm::default() }
    }

    fn points(&self) -> &'static [&'static str] {
        &[
            "a task completes",
            "a task panics",
            "a task is cancelled while it waits",
            "a task is cancelled while it runs",
            "a task times out in the queue",
            "a task times out at its work",
            "a task is rejected",
            "a job is dropped and its task runs on",
            "a reservation is given up",
            "a task is passed by a more urgent one",
            "a manager is paused",
            "slots are taken away while tasks run",
            "a blocking job is done",
            "an observer misses events",
            "an item is waited for",
            "a waiter for an item gives up",
            "a producer waits for room",
            "a producer gives up",
            "a shutdown cancels what is left",
        ]
    }

    fn canaries(&self) -> &'static [&'static str] {
        &[
            "task.keeps-the-slot-of-a-cancelled-task",
            "task.starts-beyond-the-bound-after-a-resize",
            "task.queue-loses-the-item-of-a-dropped-pop",
            "task.serves-the-newest-first",
        ]
    }

    fn suffers(&self, _kind: FaultKind, _host: &HostInfo<'_>) -> bool {
        true
    }

    fn set_up(&self, stage: &mut Stage) {
        for name in ["machine-0", "machine-1"] {
            let plan = Plan::draw(&mut stage.rng(name));
            stage.option(name, format_args!("{plan:?}"));
            let (plan, ledger) = (Arc::new(plan), Arc::new(Ledger::default()));
            let at_the_end = Arc::clone(&ledger);
            stage.client(name, move |host| live(host, Arc::clone(&plan), Arc::clone(&ledger)));
            stage.afterwards(move |sim| {
                let alive = at_the_end.alive();
                always!(sim, alive == 0, "nothing outlives its manager", "{alive} futures of tasks are left");
            });
        }
    }
}

/// What differs from seed to seed.
#[derive(Debug)]
struct Plan {
    submitters: u64,
    pause: Duration,
    work: Duration,
    config: Config,
    capacity: usize,
}

impl Plan {
    fn draw(rng: &mut Rng) -> Self {
        let ms = Duration::from_millis;
        let config = Config {
            concurrency: 1 + rng.index(6),
            pending_max: if rng.chance(1, 2) { 1 + rng.index(6) } else { 1000 },
            order: match rng.below(2) {
                0 => Order::Strict,
                _ => Order::Ageing { step: ms(1 + rng.below(2000)) },
            },
            reports_max: 1 + rng.index(200),
            events_max: 1 + rng.index(200),
            ..Config::default()
        };
        Self {
            submitters: 1 + rng.below(6),
            pause: ms(20 + rng.below(400)),
            work: ms(1 + rng.below(300)),
            config,
            capacity: 1 + rng.index(8),
        }
    }
}

async fn live(host: Host, plan: Arc<Plan>, ledger: Arc<Ledger>) -> HostResult {
    let manager = Arc::new(TaskManager::new(host.rt(), plan.config.clone())?);
    ledger.set_order(plan.config.order);
    ledger.set_concurrency(plan.config.concurrency);
    let observer = host.rt().spawn("observer", observe(host.clone(), Arc::clone(&manager)));
    let callers = Scope::new(host.rt());
    for number in 0..plan.submitters {
        let submitter = submitters::Submitter::new(&host, &manager, &plan, &ledger, number);
        callers.spawn("submitter", submitter.submit_until_healed());
    }
    let queue = host.rt().spawn("queue", queue::hand_over(host.clone(), plan.capacity));
    disturb(&host, &plan, &manager, &ledger).await;
    callers.join().await?;
    queue.await?;
    settle(&host, &manager, &ledger).await;
    drop(manager);
    observer.await?;
    Ok(())
}

/// What an operator does in the midst of things, until the faults are over.
async fn disturb(host: &Host, plan: &Plan, manager: &TaskManager, ledger: &Ledger) {
    let mut rng = host.sim().rng(host.name(), 1);
    while !host.is_healed() {
        let pause = rng.duration(Duration::from_millis(50), Duration::from_millis(1500));
        host.sim().until_healed(host.rt().sleep(pause)).await;
        let is_resized = host.strikes(FaultKind::Resize).is_some();
        let slots = if is_resized { rng.index(8) } else { plan.config.concurrency };
        sometimes!(host, slots == 0, "a manager is paused");
        sometimes!(host, slots < manager.stats().running, "slots are taken away while tasks run");
        ledger.look(manager.stats().running);
        ledger.set_concurrency(slots);
        manager.set_concurrency(slots).expect("any number below the maximum");
    }
    ledger.set_concurrency(plan.config.concurrency);
    manager.set_concurrency(plan.config.concurrency).expect("it was so before");
}

/// After the storm all tasks end, and the counts add up.
async fn settle(host: &Host, manager: &TaskManager, ledger: &Ledger) {
    let limit = Duration::from_secs(15);
    let idle = host.rt().timeout(limit, manager.idle()).await;
    let stats = manager.stats();
    always!(host, idle.is_ok(), "every task ends", "not after {limit:?}: {stats:?}");
    let spinner = manager.submit("endless", std::future::pending::<()>());
    let stats = manager.shutdown(Duration::from_millis(500)).await;
    host.reached("a shutdown cancels what is left");
    always!(host, spinner.status().is_end(), "a shutdown ends all", "{stats:?}");
    let Stats { submitted, completed, failed, cancelled, timed_out, pending, running, .. } = stats;
    let ended = completed + failed + cancelled + timed_out;
    always!(host, pending + running == 0, "a manager that was shut down is empty", "{stats:?}");
    always!(host, submitted == ended, "every task ends in one way", "{stats:?}");
    let alive = ledger.alive();
    always!(host, alive == 0, "a task that has ended is dropped", "{alive} are not");
}

/// Looks on, and sees each status move forward only.
async fn observe(host: Host, manager: Arc<TaskManager>) {
    let mut events = manager.events();
    drop(manager);
    let mut last = std::collections::BTreeMap::new();
    while let Some(event) = events.next().await {
        match event {
            Event::Changed { id, status, .. } => {
                let before = last.insert(id, status);
                let forward = before.is_none_or(|before| before < status && !before.is_end());
                always!(host, forward, "a status moves forward only", "{id}: {before:?}, then {status}");
            }
            Event::Missed(_) => {
                host.reached("an observer misses events");
                last.clear();
            }
            _ => {}
        }
    }
}
