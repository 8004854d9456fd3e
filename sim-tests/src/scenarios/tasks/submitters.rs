use std::{sync::Arc, time::Duration};

use seaworthy_core::{
    rt::{JoinError, Rng, TaskPhase},
    task::{Job, Spec, TaskManager},
};

use super::{
    Plan,
    laws::{Ledger, Limits, Work},
};
use crate::{always, fault::FaultKind, scenario::Host, sometimes};

/// One of those who submit tasks.
pub(super) struct Submitter {
    host: Host,
    manager: Arc<TaskManager>,
    plan: Arc<Plan>,
    ledger: Arc<Ledger>,
    rng: Rng,
}

impl Submitter {
    pub(super) fn new(
        host: &Host,
        manager: &Arc<TaskManager>,
        plan: &Arc<Plan>,
        ledger: &Arc<Ledger>,
        number: u64,
    ) -> Self {
        let rng = host.sim().rng(host.name(), 100 + number);
        let (host, manager) = (host.clone(), Arc::clone(manager));
        Self { host, manager, plan: Arc::clone(plan), ledger: Arc::clone(ledger), rng }
    }

    pub(super) async fn submit_until_healed(mut self) {
        while !self.host.is_healed() {
            self.host.rt().sleep(self.rng.duration(Duration::ZERO, self.plan.pause)).await;
            let (spec, priority, limits) = self.spec();
            if self.rng.chance(1, 4) {
                let host = self.host.clone();
                let manager = Arc::clone(&self.manager);
                let reserved = host.cancellable(host.sim().until_healed(manager.reserve(priority))).await;
                match reserved {
                    None => host.reached("a reservation is given up"),
                    Some(None) => return,
                    Some(Some(reservation)) => {
                        let work = self.ledger.submit(&host, priority, limits);
                        let number = work.number();
                        let job = reservation.submit(spec, self.work(work));
                        self.see_to(job, number).await;
                    }
                }
                continue;
            }
            let work = self.ledger.submit(&self.host, priority, limits);
            let number = work.number();
            let future = self.work(work);
            // Strangers of one priority come at once now and then.
            let job = self.manager.submit(spec, future);
            self.see_to(job, number).await;
        }
    }

    fn spec(&mut self) -> (Spec, i32, Limits) {
        let priority = self.rng.below(4) as i32;
        let mut some = || self.rng.duration(Duration::from_millis(1), Duration::from_secs(2));
        let (queue, run) = (some(), some());
        let mut limit = |limit| self.rng.chance(1, 4).then_some(limit);
        let limits = Limits { queue: limit(queue), run: limit(run) };
        let mut spec = Spec::new("work").priority(priority);
        if let Some(limit) = limits.queue {
            spec = spec.queue_timeout(limit);
        }
        if let Some(limit) = limits.run {
            spec = spec.run_timeout(limit);
        }
        (spec, priority, limits)
    }

    /// What a task does: some steps, a job on another thread, a panic.
    fn work(&mut self, mut work: Work) -> impl Future<Output = u64> + Send + 'static {
        let (host, mut rng) = (self.host.clone(), self.rng.fork("work", work.number()));
        let steps: Vec<_> = (0..rng.below(3)).map(|_| rng.duration(Duration::ZERO, self.plan.work)).collect();
        async move {
            work.start();
            for step in steps {
                host.rt().sleep(step).await;
                if host.strikes_by_chance(FaultKind::Panic, &mut rng) {
                    panic!("the work goes wrong");
                }
            }
            if rng.chance(1, 20) {
                let number = work.number();
                let done = host.rt().spawn_blocking("blocking", move || number).await;
                sometimes!(host, done.is_ok(), "a blocking job is done");
            }
            work.number()
        }
    }

    /// Waits for it, cancels it, or lets it go.
    async fn see_to(&mut self, mut job: Job<u64>, number: u64) {
        let host = self.host.clone();
        match self.rng.below(8) {
            0 => {
                self.host.rt().sleep(self.rng.duration(Duration::ZERO, self.plan.work)).await;
                // From here on nobody may poll it if nobody has.
                let was_pending = self.ledger.withdraw(number);
                let ended = job.cancel().await;
                let is_cancelled = matches!(ended, Err(JoinError::Cancelled { .. }));
                sometimes!(host, is_cancelled && was_pending, "a task is cancelled while it waits");
                sometimes!(host, is_cancelled && !was_pending, "a task is cancelled while it runs");
                if !is_cancelled {
                    self.outcome(ended, number);
                }
            }
            1..4 => {
                let manager = Arc::clone(&self.manager);
                host.rt()
                    .spawn("reader", async move {
                        // Held so that it is awaited by somebody.
                        let _manager = manager;
                        let _ended = job.await;
                    })
                    .detach();
            }
            4 => {
                host.reached("a job is dropped and its task runs on");
                drop(job);
            }
            _ => {
                let Some(Some(ended)) = host.cancellable(host.sim().until_healed(&mut job)).await else {
                    return;
                };
                self.outcome(ended, number);
            }
        }
    }

    fn outcome(&self, ended: Result<u64, JoinError>, number: u64) {
        let host = &self.host;
        host.note(format_args!("task {number} has ended: {ended:?}"));
        match ended {
            Ok(value) => {
                host.reached("a task completes");
                always!(host, value == number, "a job gives its own task's value", "{value} for {number}");
            }
            Err(JoinError::Panicked(_)) => host.reached("a task panics"),
            Err(JoinError::TimedOut { phase: TaskPhase::Queued, .. }) => {
                host.reached("a task times out in the queue");
            }
            Err(JoinError::TimedOut { .. }) => host.reached("a task times out at its work"),
            Err(JoinError::Rejected { .. }) => host.reached("a task is rejected"),
            Err(error) => host.violated("a task ends for a reason that there is", format_args!("{error}")),
        }
    }
}
