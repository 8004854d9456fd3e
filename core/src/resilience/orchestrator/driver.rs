use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use futures::{StreamExt, stream::FuturesUnordered};

use super::{
    Config, Mode, Outcome, Plan, PlanError, Report, Stats, TaskError,
    graph::Graph,
    plan::{Dependency, Planned, Ran, Start},
    report::Counters,
    state::Machine,
};
use crate::{
    ConfigError,
    resilience::{
        Attempt,
        breaker::Breakers,
        budget::Budgets,
        retry::{Ledger, within},
    },
    rt::{JoinError, Panic, Rt, TaskName},
    task::{self, Order, Spec, TaskManager},
    time::{Deadline, DeadlineExceeded},
};

/// Runs plans of tasks: each task under its policy, after those it comes after, within a bound.
///
/// It keeps one breaker and one retry budget for each dependency that tasks [call](super::Node::calls), also between runs. Clones share them.
/// See the [module](super) for the laws.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::resilience::{
///     Orchestrator, Policy, Retry, orchestrator::{Config, Node, Plan, Why}, retry,
/// };
///
/// let orchestrator = Orchestrator::new(&rt, Config::default())?;
/// let policy = Policy::new(&rt, "default").retry(Retry::new(&rt, retry::Config::default())?);
///
/// let mut plan = Plan::new();
/// plan.add(Node::new("schema").calls("database"), &policy, |attempt| async move {
///     if attempt.is_first() { Err("busy") } else { Ok(0) }
/// });
/// plan.add(Node::new("users").after(["schema"]).calls("database"), &policy, |_| async { Ok(1200) });
/// plan.add(Node::new("rates").calls("bank"), &policy, |_| async { Err("offline") });
/// plan.add(Node::new("invoices").after(["users", "rates"]), &policy, |_| async { Ok(70) });
///
/// let report = orchestrator.run(plan).await?;
/// assert!(!report.is_met);
/// assert_eq!((report.tasks[0].attempts(), report.tasks[1].value()), (2, Some(&1200)));
/// assert_eq!(report.get("rates").unwrap().last_error(), Some(&"offline"));
/// assert_eq!(report.get("invoices").unwrap().why(), Some(Why::DependencyFailed));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Orchestrator {
    rt: Rt,
    config: Config,
    breakers: Breakers,
    budgets: Budgets,
    counters: Arc<Counters>,
}

impl Orchestrator {
    /// An orchestrator without dependencies yet.
    ///
    /// # Errors
    ///
    /// If `config` is out of range, by field.
    pub fn new(rt: &Rt, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let breakers = Breakers::new(rt, config.breaker.clone(), config.dependencies_max)?;
        let budgets = Budgets::new(rt, config.budget, config.dependencies_max)?;
        Ok(Self { rt: rt.clone(), config, breakers, budgets, counters: Arc::default() })
    }

    /// Runs all tasks of `plan` that can be run, and says what became of each.
    ///
    /// # Errors
    ///
    /// If the plan makes no sense; then nothing was started. Tasks that fail are no error: they are in the report.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels all tasks.
    pub fn run<T, E>(&self, plan: Plan<T, E>) -> impl Future<Output = Result<Report<T, E>, PlanError>> + Send
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        self.drive(plan, None)
    }

    /// As [`run`](Self::run), until `deadline`: it is the deadline of each attempt, and what has not started by then does
    /// not.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    pub fn run_within<T, E>(
        &self,
        plan: Plan<T, E>,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Report<T, E>, PlanError>> + Send
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        self.drive(plan, Some(deadline))
    }

    /// The breakers of all dependencies that were called so far, by name.
    pub fn breakers(&self) -> &Breakers {
        &self.breakers
    }

    /// The retry budgets of all dependencies that were called so far, by name.
    pub fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// What its runs came to.
    pub fn stats(&self) -> Stats {
        self.counters.stats()
    }

    async fn drive<T, E>(
        &self,
        plan: Plan<T, E>,
        deadline: Option<Deadline>,
    ) -> Result<Report<T, E>, PlanError>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let mut run = Run::new(self, plan, deadline)?;
        let mut jobs = FuturesUnordered::new();
        let mut next = std::mem::take(&mut run.first);
        loop {
            next.drain(..).for_each(|number| jobs.push(run.start(number)));
            let Some((number, joined, report)) = jobs.next().await else { break };
            next = run.ended(number, joined, &report);
        }
        Ok(run.report())
    }
}

impl fmt::Debug for Orchestrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orchestrator")
            .field("config", &self.config)
            .field("breakers", &self.breakers)
            .field("budgets", &self.budgets)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// One run of a plan.
struct Run<'a, T, E> {
    orchestrator: &'a Orchestrator,
    tasks: Vec<Slot<T, E>>,
    machine: Machine,
    first: Vec<usize>,
    begun: Instant,
    deadline: Option<Deadline>,
    /// The task whose end stopped the run.
    stopped_by: Option<TaskName>,
    /// It owns what runs: the end of the run, also by a drop, is the end of that.
    manager: TaskManager,
}

struct Slot<T, E> {
    name: TaskName,
    priority: i32,
    dependency: Option<Dependency>,
    start: Option<Start<T, E>>,
    outcome: Option<Outcome<T, E>>,
}

/// What a task of the manager came to.
type Joined<T, E> = Result<Result<Ran<T, E>, DeadlineExceeded>, JoinError>;

impl<'a, T: Send + 'static, E: Send + 'static> Run<'a, T, E> {
    fn new(
        orchestrator: &'a Orchestrator,
        plan: Plan<T, E>,
        deadline: Option<Deadline>,
    ) -> Result<Self, PlanError> {
        let Orchestrator { rt, config, breakers, budgets, counters } = orchestrator;
        let (tasks, tasks_max) = (plan.tasks.len(), config.tasks_max);
        if tasks > tasks_max {
            return Err(PlanError::TooManyTasks { tasks, tasks_max });
        }
        if let Mode::Quorum(quorum) = config.mode
            && quorum > tasks
        {
            return Err(PlanError::Quorum { quorum, tasks });
        }
        let graph = Graph::new(plan.tasks.iter().map(|task| &task.node))?;
        let (machine, first) = Machine::new(graph, config.mode);
        // Before the first is made: a plan that is refused must not use up room.
        let called = || plan.tasks.iter().filter_map(|task| task.node.calls.as_ref());
        breakers.room_for(called())?;
        budgets.room_for(called())?;
        let slot = |Planned { node, start }: Planned<T, E>| {
            let dependency = match node.calls {
                Some(called) => Some((breakers.get(called.clone())?, budgets.get(called)?)),
                None => None,
            };
            let (name, priority) = (node.name, node.priority);
            Ok::<_, PlanError>(Slot { name, priority, dependency, start: Some(start), outcome: None })
        };
        let slots = plan.tasks.into_iter().map(slot).collect::<Result<_, _>>()?;
        let config = task::Config {
            concurrency: config.concurrency,
            pending_max: config.tasks_max,
            order: Order::Strict,
            reports_max: 0,
            ..task::Config::default()
        };
        let manager = TaskManager::new(rt, config).expect("its bounds were checked with ours");
        counters.runs.fetch_add(1, Ordering::Relaxed);
        let (begun, stopped_by) = (rt.now(), None);
        Ok(Self { orchestrator, tasks: slots, machine, first, begun, deadline, stopped_by, manager })
    }

    /// Queues a task, and returns what waits for its end.
    fn start(
        &mut self,
        number: usize,
    ) -> impl Future<Output = (usize, Joined<T, E>, task::Report)> + Send + use<T, E> {
        let slot = &mut self.tasks[number];
        let (deadline, parent) = (self.deadline.clone(), self.deadline.clone().map(Attempt::within));
        let start = slot.start.take().expect("a task starts once");
        let future = start(slot.dependency.take(), parent);
        let spec = Spec::new(slot.name.clone()).priority(slot.priority);
        let mut job = self.manager.submit(spec, async move {
            if let Some(deadline) = &deadline {
                deadline.check()?;
            }
            let ran = within(deadline.as_ref(), future).await;
            ran.map_or_else(|| Err(deadline.expect("it is over").exceeded()), Ok)
        });
        async move {
            let joined = (&mut job).await;
            (number, joined, job.report())
        }
    }

    /// Notes how a task that was started has ended, and what follows.
    fn ended(&mut self, number: usize, joined: Joined<T, E>, report: &task::Report) -> Vec<usize> {
        let name = self.tasks[number].name.clone();
        let (result, ledger) = match joined {
            Ok(Ok(Ok((value, ledger)))) => (Ok(value), ledger),
            Ok(Ok(Err(error))) => {
                let ledger = error.ledger.clone();
                (Err(TaskError::Failed(error)), ledger)
            }
            Ok(Err(exceeded)) => (Err(TaskError::DeadlineExceeded(exceeded)), Ledger::default()),
            Err(JoinError::Panicked(panic)) => (Err(TaskError::Panicked(panic)), Ledger::default()),
            Err(_) => {
                let by = self.stopped_by.clone().unwrap_or_else(|| name.clone());
                (Err(TaskError::Cancelled(by)), Ledger::default())
            }
        };
        let steps = self.machine.ended(number, result.is_ok());
        let started = report.started.or(report.ended).unwrap_or(self.begun);
        let waited = started.saturating_duration_since(self.begun);
        let ran = report.run_time().unwrap_or_default();
        self.settle(number, Outcome { name: name.clone(), result, ledger, waited, ran });
        for skipped in steps.skip {
            self.never(skipped, TaskError::DependencyFailed(name.clone()));
        }
        if let Some(never) = steps.stop {
            self.manager.cancel_all();
            for task in never {
                self.never(task, TaskError::Cancelled(name.clone()));
            }
            self.stopped_by = Some(name);
        }
        steps.start
    }

    /// Notes that a task will not be started.
    fn never(&mut self, number: usize, error: TaskError<E>) {
        let slot = &mut self.tasks[number];
        let name = slot.name.clone();
        // What a closure of the user drops is the user's: a panic there is not the end of the other tasks.
        let start = slot.start.take();
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(start))) {
            self.orchestrator.rt.report_panic(&Panic::new(name.clone(), payload));
        }
        let waited = self.orchestrator.rt.now().saturating_duration_since(self.begun);
        let outcome =
            Outcome { name, result: Err(error), ledger: Ledger::default(), waited, ran: Duration::ZERO };
        self.settle(number, outcome);
    }

    fn settle(&mut self, number: usize, outcome: Outcome<T, E>) {
        let why = outcome.why();
        self.orchestrator.counters.count(why);
        if let Some(why) = why {
            tracing::debug!(name: "seaworthy.orchestrator.failed", task = %outcome.name, ?why);
        }
        self.tasks[number].outcome = Some(outcome);
    }

    fn report(self) -> Report<T, E> {
        self.orchestrator.counters.reported.fetch_add(1, Ordering::Relaxed);
        let elapsed = self.orchestrator.rt.now().saturating_duration_since(self.begun);
        let outcome = |slot: Slot<T, E>| slot.outcome.expect("every task has ended");
        Report {
            tasks: self.tasks.into_iter().map(outcome).collect(),
            is_met: self.machine.is_met(),
            elapsed,
        }
    }
}
