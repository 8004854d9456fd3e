//! Laws 2, 3, 5 and 8: what a failure does to the others.

use std::future::pending;

use super::{super::*, Count, SECOND, after, once, orchestrator, repeat};
use crate::{
    resilience::{
        breaker::{self, State},
        budget,
    },
    rt::Rt,
    testing::{StopReason, for_each_seed, run, try_run},
};

#[test]
fn what_comes_after_a_failure_is_not_started_and_says_whose_it_was() {
    for_each_seed(0..20, |rt| async move {
        let started = Count::default();
        let mut plan = Plan::new();
        plan.add("fails", &once(&rt), |_| async { Err("down") });
        for (name, before) in [("next", "fails"), ("last", "next"), ("other", "fine")] {
            let started = started.clone();
            plan.add(Node::new(name).after([before]), &once(&rt), move |_| {
                started.add();
                async { Ok(()) }
            });
        }
        plan.add("fine", &once(&rt), |_| async { Ok(()) });
        let orchestrator = orchestrator(&rt, Mode::CollectAll);
        let report = orchestrator.run(plan).await.unwrap();
        assert_eq!((report.is_met, started.number()), (false, 1));
        for name in ["next", "last"] {
            let task = report.get(name).unwrap();
            assert_eq!(task.why(), Some(Why::DependencyFailed));
            assert_eq!(task.result.as_ref().unwrap_err().to_string(), "not started, because `fails` failed");
        }
        assert!(report.get("other").unwrap().result.is_ok());
        let stats = orchestrator.stats();
        assert_eq!(
            (stats.runs, stats.reported, stats.succeeded, stats.failed, stats.skipped),
            (1, 1, 2, 1, 2)
        );
    });
}

#[test]
fn tasks_that_call_the_same_dependency_share_a_breaker_and_their_failures_reach_it() {
    run(1, |rt| async move {
        let orchestrator = orchestrator(&rt, Mode::CollectAll);
        let calls = Count::default();
        let mut plan = Plan::new();
        // One after the other by priority of the breaker's view: two failures open it for the third.
        let mut before: Vec<String> = Vec::new();
        for name in ["first", "second", "third"] {
            let calls = calls.clone();
            // Not `after` each other, or they would be skipped: each waits for a task that succeeds later.
            let gate = format!("gate of {name}");
            let seconds = before.len() as u32;
            let inner = rt.clone();
            plan.add(gate.clone(), &once(&rt), move |_| after(&inner, seconds, Ok(())));
            plan.add(Node::new(name).after([gate]).calls("bank"), &once(&rt), move |_| {
                calls.add();
                async { Err("down") }
            });
            before.push(name.to_owned());
        }
        plan.add(Node::new("mail").calls("mail").after(["gate of third"]), &once(&rt), |_| async { Ok(()) });
        let report = orchestrator.run(plan).await.unwrap();
        assert_eq!(calls.number(), 2, "the third was not made");
        let third = report.get("third").unwrap();
        assert_eq!((third.why(), third.attempts()), (Some(Why::Open), 0));
        assert!(report.get("mail").unwrap().result.is_ok(), "that is another's breaker");
        let bank = orchestrator.breakers().get("bank").unwrap();
        assert_eq!((bank.state(), bank.stats().failures), (State::Open, 2));

        // It outlives the run.
        let mut plan = Plan::<(), &str>::new();
        plan.add(Node::new("again").calls("bank"), &once(&rt), |_| async { panic!("not called") });
        let report = orchestrator.run(plan).await.unwrap();
        assert_eq!(report.tasks[0].why(), Some(Why::Open));
    });
}

#[test]
fn tasks_that_call_the_same_dependency_share_its_retries() {
    run(1, |rt| async move {
        let budget = budget::Config { ratio: 0.0, tokens_max: 3, reserve_per_second: 0 };
        let window = breaker::Window::Consecutive { failures: 99 };
        let breaker = breaker::Config { window, ..breaker::Config::default() };
        let orchestrator = Orchestrator::new(&rt, Config { budget, breaker, ..Config::default() }).unwrap();
        for (runs, retries) in [(1, 3), (2, 0)] {
            let mut plan = Plan::<(), &str>::new();
            for name in ["a", "b", "c"] {
                plan.add(Node::new(name).calls("bank"), &repeat(&rt, 9), |_| async { Err("down") });
            }
            plan.add(Node::new("mail").calls(format!("mail {runs}")), &repeat(&rt, 3), |_| async {
                Err("down")
            });
            let report = orchestrator.run(plan).await.unwrap();
            let attempts: u32 = report.tasks[..3].iter().map(Outcome::attempts).sum();
            assert_eq!(attempts, 3 + retries, "of all three together, in run {runs}");
            assert!(report.tasks[..3].iter().all(|task| task.why() == Some(Why::Budget)));
            assert_eq!(report.tasks[3].attempts(), 3, "that is another's budget");
        }
        assert_eq!(orchestrator.budgets().get("bank").unwrap().stats().granted, 3, "it outlives the run");
    });
}

#[test]
fn fail_fast_cancels_the_rest_at_the_first_failure() {
    for_each_seed(0..20, |rt| async move {
        let alive = Count::default();
        let mut plan = Plan::new();
        let inner = rt.clone();
        plan.add("done", &once(&rt), |_| async { Ok(()) });
        plan.add("fails", &repeat(&rt, 2), move |_| after(&inner, 1, Err("down")));
        let held = alive.clone();
        plan.add("runs", &once(&rt), move |_| {
            let alive = held.alive();
            async move {
                let _alive = alive;
                pending().await
            }
        });
        plan.add(Node::new("waits").after(["runs"]), &once(&rt), |_| async { Ok(()) });
        plan.add(Node::new("after").after(["fails"]), &once(&rt), |_| async { Ok(()) });
        let report = orchestrator(&rt, Mode::FailFast).run(plan).await.unwrap();
        assert_eq!((report.elapsed, alive.number(), report.is_met), (3 * SECOND, 0, false));
        let whys: Vec<_> = report.tasks.iter().map(Outcome::why).collect();
        let (cancelled, skipped) = (Some(Why::Cancelled), Some(Why::DependencyFailed));
        assert_eq!(whys, [None, Some(Why::Failed), cancelled, cancelled, skipped]);
        let text = report.get("runs").unwrap().result.as_ref().unwrap_err().to_string();
        assert_eq!(text, "cancelled, because of how `fails` ended");
    });
}

fn votes(rt: &Rt, seconds: &[(u32, bool)]) -> Plan<u32, &'static str> {
    let mut plan = Plan::new();
    for (number, (seconds, succeeds)) in seconds.iter().copied().enumerate() {
        let inner = rt.clone();
        plan.add(number.to_string(), &once(rt), move |_| {
            after(&inner, seconds, if succeeds { Ok(seconds) } else { Err("no") })
        });
    }
    plan
}

#[test]
fn a_quorum_ends_the_run_when_it_is_there_or_out_of_reach() {
    for_each_seed(0..10, |rt| async move {
        let orchestrator = orchestrator(&rt, Mode::Quorum(2));
        let report =
            orchestrator.run(votes(&rt, &[(3, true), (1, true), (9, true), (2, false)])).await.unwrap();
        assert_eq!((report.is_met, report.elapsed), (true, 3 * SECOND));
        let whys: Vec<_> = report.tasks.iter().map(Outcome::why).collect();
        assert_eq!(whys, [None, None, Some(Why::Cancelled), Some(Why::Failed)]);

        let report = orchestrator.run(votes(&rt, &[(1, false), (9, true), (2, false)])).await.unwrap();
        assert_eq!(
            (report.is_met, report.elapsed),
            (false, 2 * SECOND),
            "one success is the most there could be"
        );
        assert_eq!(report.tasks[1].why(), Some(Why::Cancelled));
        let stats = orchestrator.stats();
        assert_eq!((stats.succeeded, stats.failed, stats.cancelled), (2, 3, 2));
    });
}

#[test]
fn a_destructor_that_panics_in_a_task_that_never_starts_is_reported_and_harms_no_other() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("boom");
        }
    }
    let ran = Count::default();
    let (seen, bomb) = (ran.clone(), Bomb);
    let ended = try_run(1, |rt| async move {
        let mut plan = Plan::new();
        plan.add("fails", &once(&rt), |_| async { Err::<(), _>("down") });
        plan.add(Node::new("carrier").after(["fails"]), &once(&rt), move |_| {
            let _bomb = &bomb;
            async { Ok(()) }
        });
        let inner = rt.clone();
        plan.add("other", &once(&rt), move |_| after(&inner, 0, Ok(())));
        let report = orchestrator(&rt, Mode::CollectAll).run(plan).await.unwrap();
        assert_eq!(report.get("carrier").unwrap().why(), Some(Why::DependencyFailed));
        assert!(report.get("other").unwrap().result.is_ok());
        seen.add();
    });
    let (task, message) = ("carrier".to_owned(), "boom".to_owned());
    assert_eq!(ended.expect_err("a panic nobody saw").reason, StopReason::Panicked { task, message });
    assert_eq!(ran.number(), 1, "the run went on to its report");
}

#[test]
fn a_panic_is_the_failure_of_its_task_alone() {
    run(1, |rt| async move {
        let orchestrator = orchestrator(&rt, Mode::CollectAll);
        let mut plan = Plan::<(), &str>::new();
        for name in ["one", "two"] {
            plan.add(Node::new(name).calls("bank"), &repeat(&rt, 3), |_| async { panic!("boom") });
        }
        plan.add(Node::new("after").after(["one"]), &once(&rt), |_| async { Ok(()) });
        plan.add("other", &once(&rt), |_| async { Ok(()) });
        let report = orchestrator.run(plan).await.unwrap();
        let whys: Vec<_> = report.tasks.iter().map(Outcome::why).collect();
        assert_eq!(whys, [Some(Why::Panicked), Some(Why::Panicked), Some(Why::DependencyFailed), None]);
        let text = report.tasks[0].result.as_ref().unwrap_err().to_string();
        assert_eq!(text, "task `one` panicked: boom");
        assert_eq!(
            orchestrator.breakers().get("bank").unwrap().state(),
            State::Open,
            "and of what it called"
        );
    });
}
