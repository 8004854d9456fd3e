//! The machine against a simple model: a list of tasks and the rules, without any cleverness.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::{
    Config, Order, Spec, Status, TaskId,
    state::{Machine, TaskKey},
};
use crate::{rt::Rejection, testing};

#[derive(Clone, Debug)]
enum Step {
    Submit { priority: i32, queue_timeout: Option<u64> },
    End { which: usize, status: Status },
    Withdraw { which: usize },
    SetConcurrency(usize),
    Wait(u64),
    Await { who: usize, whom: usize },
    Resume { who: usize },
}

fn any_step() -> impl Strategy<Value = Step> {
    let status = prop_oneof![Just(Status::Completed), Just(Status::Failed), Just(Status::TimedOut)];
    prop_oneof![
        5 => (-3..4_i32, prop::option::of(0..3000_u64))
            .prop_map(|(priority, queue_timeout)| Step::Submit { priority, queue_timeout }),
        3 => (any::<usize>(), status).prop_map(|(which, status)| Step::End { which, status }),
        2 => any::<usize>().prop_map(|which| Step::Withdraw { which }),
        1 => (0..5_usize).prop_map(Step::SetConcurrency),
        3 => (0..2000_u64).prop_map(Step::Wait),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(who, whom)| Step::Await { who, whom }),
        1 => any::<usize>().prop_map(|who| Step::Resume { who }),
    ]
}

#[derive(Clone, Debug)]
struct ModelTask {
    key: TaskKey,
    /// In milliseconds since the start.
    created: i64,
    priority: i32,
    expires: Option<i64>,
    status: Status,
    awaits: Vec<TaskId>,
}

struct Model {
    order: Order,
    concurrency: usize,
    pending_max: usize,
    tasks: Vec<ModelTask>,
}

impl Model {
    fn with(&self, status: Status) -> Vec<&ModelTask> {
        self.tasks.iter().filter(|task| task.status == status).collect()
    }

    fn task(&mut self, id: TaskId) -> &mut ModelTask {
        self.tasks.iter_mut().find(|task| task.key.id == id).expect("a task of the model")
    }

    /// The first in line, by looking at all of them.
    fn next(&self) -> Option<TaskId> {
        if self.with(Status::Running).len() >= self.concurrency {
            return None;
        }
        let rank = |task: &&ModelTask| match self.order {
            Order::Strict => (-i64::from(task.priority), task.key.id),
            Order::Ageing { step } => {
                (task.created - i64::from(task.priority) * step.as_millis() as i64, task.key.id)
            }
        };
        self.with(Status::Pending).into_iter().min_by_key(rank).map(|task| task.key.id)
    }

    fn is_deadlocked(&self) -> bool {
        let running = self.with(Status::Running);
        let is_pending = |id: &TaskId| self.with(Status::Pending).iter().any(|task| task.key.id == *id);
        self.concurrency > 0
            && running.len() >= self.concurrency
            && !running.is_empty()
            && running.iter().all(|task| task.awaits.iter().any(is_pending))
    }
}

struct Pair {
    epoch: Instant,
    now: i64,
    machine: Machine<u64, u64>,
    model: Model,
}

impl Pair {
    fn now(&self) -> Instant {
        self.epoch + Duration::from_millis(self.now as u64)
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Submit { priority, queue_timeout } => self.submit(priority, queue_timeout),
            Step::End { which, status } => self.end(which, status),
            Step::Withdraw { which } => self.withdraw(which),
            Step::SetConcurrency(concurrency) => {
                self.machine.set_concurrency(concurrency);
                self.model.concurrency = concurrency;
            }
            Step::Wait(millis) => self.wait(millis),
            Step::Await { who, whom } => self.r#await(who, whom),
            Step::Resume { who } => {
                if let Some(key) = pick(&self.model.with(Status::Running), who) {
                    self.machine.resumed(key);
                    self.model.task(key.id).awaits.clear();
                }
            }
        }
        self.start_all();
        self.break_deadlocks();
        self.compare();
    }

    fn submit(&mut self, priority: i32, queue_timeout: Option<u64>) {
        let pending = self.model.with(Status::Pending).len();
        let starts = pending == 0 && self.model.with(Status::Running).len() < self.model.concurrency;
        let full = pending >= self.model.pending_max && !starts;
        match self.machine.admits(0) {
            Ok(()) => assert!(!full),
            Err(reason) => {
                assert!(full && reason == Rejection::Full { queued: pending }, "{reason}");
                return;
            }
        }
        let mut spec = Spec::new("task").priority(priority);
        spec.queue_timeout = queue_timeout.map(Duration::from_millis);
        let number = self.model.tasks.len() as u64;
        let key = self.machine.submit(self.now(), spec, number, number);
        assert_eq!(key.id, TaskId(number), "numbers follow the order of submission");
        self.model.tasks.push(ModelTask {
            key,
            created: self.now,
            priority,
            expires: queue_timeout.map(|limit| self.now + limit as i64),
            status: Status::Pending,
            awaits: Vec::new(),
        });
    }

    fn end(&mut self, which: usize, status: Status) {
        let Some(key) = pick(&self.model.with(Status::Running), which) else { return };
        assert!(self.machine.withdraw(self.now(), key, status, Vec::new()).is_none(), "it is not pending");
        let report = self.machine.end(self.now(), key, status, Vec::new()).expect("it runs");
        assert_eq!((report.id, report.status, report.ended), (key.id, status, Some(self.now())));
        assert!(self.machine.end(self.now(), key, status, Vec::new()).is_none(), "it ends once");
        self.model.task(key.id).status = status;
    }

    fn withdraw(&mut self, which: usize) {
        let Some(key) = pick(&self.model.with(Status::Pending), which) else { return };
        assert!(
            self.machine.end(self.now(), key, Status::Completed, Vec::new()).is_none(),
            "it does not run"
        );
        let (work, handle, report) =
            self.machine.withdraw(self.now(), key, Status::Cancelled, Vec::new()).expect("it is pending");
        assert_eq!((TaskId(work), TaskId(handle)), (key.id, key.id));
        assert_eq!((report.started, report.attempts), (None, 0));
        self.model.task(key.id).status = Status::Cancelled;
    }

    fn wait(&mut self, millis: u64) {
        self.now += millis as i64;
        let now = self.now;
        let mut expired = Vec::new();
        while let Some((key, limit)) = self.machine.expired(self.now()) {
            let report = self.machine.report(key).expect("it is pending");
            assert!(self.now() >= report.created + limit);
            self.machine.withdraw(self.now(), key, Status::TimedOut, Vec::new()).expect("it is pending");
            expired.push(key.id);
        }
        expired.sort_unstable();
        let is_late = |task: &&mut ModelTask| {
            task.status == Status::Pending && task.expires.is_some_and(|expires| expires <= now)
        };
        let late = self.model.tasks.iter_mut().filter(is_late);
        let model: Vec<_> = late.map(|task| (task.status = Status::TimedOut, task.key.id).1).collect();
        assert_eq!(expired, model);
    }

    fn r#await(&mut self, who: usize, whom: usize) {
        let alive: Vec<_> = self.model.tasks.iter().filter(|task| !task.status.is_end()).collect();
        let (Some(who), Some(whom)) = (pick(&self.model.with(Status::Running), who), pick(&alive, whom))
        else {
            return;
        };
        let refused = self.machine.would_deadlock(who, whom);
        if who == whom {
            assert!(refused, "nobody can wait for itself");
            return;
        }
        let was = self.model.task(who.id).awaits.clone();
        if self.model.task(whom.id).status == Status::Pending {
            self.model.task(who.id).awaits.push(whom.id);
        }
        let awaits_pending = self.model.task(who.id).awaits != was;
        assert_eq!(refused, awaits_pending && self.model.is_deadlocked());
        if refused {
            self.model.task(who.id).awaits.clear();
        }
    }

    fn start_all(&mut self) {
        while let Some((key, work)) = self.machine.start(self.now()) {
            assert_eq!(Some(key.id), self.model.next(), "the first in line starts, and only while one may");
            assert_eq!(TaskId(work), key.id);
            self.model.task(key.id).status = Status::Running;
        }
        assert_eq!(self.model.next(), None, "whoever may start has started");
    }

    fn break_deadlocks(&mut self) {
        while let Some((victim, whom)) = self.machine.deadlock_victim() {
            assert!(self.model.is_deadlocked());
            self.model.task(victim.id).awaits.clear();
            assert!(self.machine.would_deadlock(victim, whom), "the victim is told");
        }
        assert!(!self.model.is_deadlocked());
    }

    fn compare(&self) {
        let stats = self.machine.stats();
        let count = |status| self.model.with(status).len();
        assert_eq!(stats.pending, count(Status::Pending));
        assert_eq!(stats.running, count(Status::Running));
        let ended = [stats.completed, stats.failed, stats.cancelled, stats.timed_out];
        let all = ended.iter().sum::<u64>() as usize + stats.pending + stats.running;
        assert_eq!(stats.submitted as usize, all, "the counts add up");
        assert_eq!(self.machine.is_idle(), stats.pending + stats.running == 0);
        for (report, task) in self.machine.reports().iter().zip(&self.model.tasks) {
            assert_eq!((report.id, report.status), (task.key.id, task.status));
        }
        let model = self.model.with(Status::Pending).into_iter().filter_map(|task| task.expires).min();
        let machine = self.machine.next_expiry();
        assert_eq!(machine, model.map(|at| self.epoch + Duration::from_millis(at as u64)));
    }
}

fn pick(tasks: &[&ModelTask], which: usize) -> Option<TaskKey> {
    (!tasks.is_empty()).then(|| tasks[which % tasks.len()].key)
}

fn check(order: Order, steps: Vec<Step>) {
    let epoch = testing::run(0, |rt| async move { rt.now() });
    let config =
        Config { concurrency: 3, pending_max: 12, order, reports_max: usize::MAX, ..Config::default() };
    let model = Model { order, concurrency: 3, pending_max: 12, tasks: Vec::new() };
    let mut pair = Pair { epoch, now: 0, machine: Machine::new(epoch, &config), model };
    for step in steps {
        pair.step(step);
    }
}

proptest! {
    #[test]
    fn strict_order_and_the_bound_hold_whatever_happens(steps in prop::collection::vec(any_step(), 0..150)) {
        check(Order::Strict, steps);
    }

    #[test]
    fn ageing_order_and_the_bound_hold_whatever_happens(steps in prop::collection::vec(any_step(), 0..150)) {
        check(Order::Ageing { step: Duration::from_secs(1) }, steps);
    }
}

#[test]
fn reports_are_kept_up_to_their_bound_and_the_rest_is_counted() {
    let epoch = testing::run(0, |rt| async move { rt.now() });
    let config = Config { reports_max: 3, ..Config::default() };
    let mut machine = Machine::<(), ()>::new(epoch, &config);
    for _ in 0..5 {
        machine.submit(epoch, Spec::new("task"), (), ());
        let (key, ()) = machine.start(epoch).expect("it may start");
        machine.end(epoch, key, Status::Completed, Vec::new());
    }
    let kept: Vec<_> = machine.reports().iter().map(|report| report.id.0).collect();
    assert_eq!(kept, [2, 3, 4]);
    assert_eq!(machine.stats().reports_dropped, 2);
}
