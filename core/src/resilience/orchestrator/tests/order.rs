//! Laws 1, 6 and 7: what runs when, and what is reported.

use std::{future::pending, sync::Arc};

use parking_lot::Mutex;

use super::{super::*, Count, SECOND, after, config, once, orchestrator, repeat};
use crate::{
    rt::Rt,
    testing::{for_each_drop_point, for_each_seed, run},
    time::Deadline,
};

#[test]
fn a_task_starts_when_all_it_comes_after_have_succeeded() {
    for_each_seed(0..30, |rt| async move {
        let (start, log) = (rt.now(), Arc::new(Mutex::new(Vec::new())));
        let mut plan = Plan::new();
        let mut add = |name: &'static str, seconds, before: &[&'static str]| {
            let (inner, log) = (rt.clone(), Arc::clone(&log));
            plan.add(Node::new(name).after(before.iter().copied()), &once(&rt), move |_| {
                let (rt, log) = (inner.clone(), Arc::clone(&log));
                async move {
                    log.lock().push((name, (rt.now() - start).as_secs()));
                    rt.sleep(SECOND * seconds).await;
                    Ok::<_, &str>(name)
                }
            });
        };
        add("serve", 1, &["build", "migrate"]);
        add("build", 5, &["fetch"]);
        add("fetch", 2, &[]);
        add("migrate", 1, &["fetch"]);
        let report = orchestrator(&rt, Mode::CollectAll).run(plan).await.unwrap();
        let names: Vec<_> = report.tasks.iter().map(|task| *task.value().unwrap()).collect();
        assert_eq!(names, ["serve", "build", "fetch", "migrate"], "law 6: in the order of the plan");
        let mut log = std::mem::take(&mut *log.lock());
        log.sort_by_key(|(name, at)| (*at, *name));
        assert_eq!(log, [("fetch", 0), ("build", 2), ("migrate", 2), ("serve", 7)]);
        let serve = report.get("serve").unwrap();
        assert_eq!((serve.waited, serve.ran, serve.attempts()), (7 * SECOND, SECOND, 1));
        assert_eq!((report.is_met, report.elapsed), (true, 8 * SECOND));
        assert_eq!(report.failures().count(), 0);
    });
}

#[test]
fn no_more_run_at_once_than_may_and_the_most_urgent_first() {
    for_each_seed(0..10, |rt| async move {
        let orchestrator = Orchestrator::new(&rt, Config { concurrency: 2, ..config() }).unwrap();
        let (running, order) = (Count::default(), Arc::new(Mutex::new(Vec::new())));
        let mut plan = Plan::new();
        for number in 0..8 {
            let (rt, running, order) = (rt.clone(), running.clone(), Arc::clone(&order));
            plan.add(Node::new(number.to_string()).priority(number), &once(&rt.clone()), move |_| {
                let (rt, alive, order) = (rt.clone(), running.alive(), Arc::clone(&order));
                async move {
                    assert!(alive.0.number() <= 2);
                    order.lock().push(number);
                    rt.sleep(SECOND).await;
                    Ok::<_, &str>(())
                }
            });
        }
        let report = orchestrator.run(plan).await.unwrap();
        assert_eq!((report.is_met, report.elapsed), (true, 4 * SECOND));
        let order = order.lock().clone();
        // The first two are started as they are queued; of the others the most urgent.
        assert!(
            order[2..].is_sorted_by(|a, b| a / 2 >= b / 2) || order.is_sorted_by(|a, b| a / 2 >= b / 2),
            "{order:?}"
        );
    });
}

#[test]
fn a_task_is_retried_by_its_policy_and_reports_its_attempts() {
    run(1, |rt| async move {
        let mut plan = Plan::new();
        plan.add("flaky", &repeat(&rt, 5), |attempt| async move {
            if attempt.number() < 3 { Err("not yet") } else { Ok(attempt.number()) }
        });
        plan.add("broken", &repeat(&rt, 2), |_| async { Err("down") });
        let report = orchestrator(&rt, Mode::CollectAll).run(plan).await.unwrap();
        let [flaky, broken] = &report.tasks[..] else { panic!("two tasks") };
        assert_eq!(
            (flaky.value(), flaky.attempts(), flaky.ran, flaky.why()),
            (Some(&3), 3, 2 * SECOND, None)
        );
        assert_eq!(
            (broken.last_error(), broken.attempts(), broken.why()),
            (Some(&"down"), 2, Some(Why::Failed))
        );
        let text = broken.result.as_ref().unwrap_err().to_string();
        assert_eq!(text, "`broken` failed; gave up after 2 attempts in 1s: no more are allowed");
    });
}

#[test]
fn the_deadline_of_the_run_ends_what_runs_and_what_waits() {
    for_each_seed(0..20, |rt| async move {
        let orchestrator = Orchestrator::new(&rt, Config { concurrency: 2, ..config() }).unwrap();
        let mut plan = Plan::new();
        plan.add("quick", &once(&rt), {
            let rt = rt.clone();
            move |_| after(&rt, 1, Ok(()))
        });
        plan.add("slow", &once(&rt), |_| pending());
        plan.add(Node::new("after").after(["slow"]), &once(&rt), |_| async { Ok(()) });
        for name in ["retried", "queued"] {
            let rt = rt.clone();
            plan.add(name, &repeat(&rt.clone(), 99), move |_| after(&rt, 1, Err("down")));
        }
        let deadline = Deadline::after(&rt, "nightly", 10 * SECOND);
        let report = orchestrator.run_within(plan, deadline).await.unwrap();
        assert_eq!(report.elapsed, 10 * SECOND);
        let whys: Vec<_> = report.tasks.iter().map(Outcome::why).collect();
        let late = Some(Why::Deadline);
        assert_eq!(whys[1..], [late, Some(Why::DependencyFailed), late, late], "{:?}", report.tasks);
        assert_eq!(report.get("queued").unwrap().attempts(), 0, "its turn came too late");
        assert!(
            report
                .get("slow")
                .unwrap()
                .result
                .as_ref()
                .unwrap_err()
                .to_string()
                .contains("`nightly` was not finished")
        );
    });
}

#[derive(Clone)]
struct State {
    orchestrator: Orchestrator,
    alive: Count,
    starts: Count,
}

async fn setup(rt: Rt) -> State {
    let orchestrator = Orchestrator::new(&rt, Config { concurrency: 2, ..config() }).unwrap();
    State { orchestrator, alive: Count::default(), starts: Count::default() }
}

fn plan(rt: &Rt, State { alive, starts, .. }: &State) -> Plan<(), &'static str> {
    let mut plan = Plan::new();
    for (name, before) in [("a", vec![]), ("b", vec![]), ("c", vec!["a", "b"]), ("d", vec![])] {
        let (inner, alive, starts) = (rt.clone(), alive.clone(), starts.clone());
        plan.add(Node::new(name).after(before), &repeat(rt, 2), move |attempt| {
            starts.add();
            let alive = alive.alive();
            let work = after(&inner, 2, if attempt.is_first() { Err("not yet") } else { Ok(()) });
            async move {
                let _alive = alive;
                work.await
            }
        });
    }
    plan
}

#[test]
fn a_run_that_is_dropped_leaves_nothing_behind() {
    let points = for_each_drop_point(
        0..5,
        setup,
        |rt, state| async move {
            state.orchestrator.run(plan(&rt, &state)).await.map(|report| assert!(report.is_met))
        },
        |rt, state| async move {
            // Tasks are dropped at their next turn.
            rt.sleep(SECOND / 10).await;
            assert_eq!(state.alive.number(), 0, "no attempt is left");
            let starts = state.starts.number();
            rt.sleep(60 * SECOND).await;
            assert_eq!(state.starts.number(), starts, "and none is begun");
        },
    );
    assert!(points > 5 * 5, "{points}");
    let points = for_each_drop_point(
        0..5,
        setup,
        |rt, state| async move {
            let deadline = Deadline::after(&rt, "nightly", 7 * SECOND);
            state
                .orchestrator
                .run_within(plan(&rt, &state), deadline)
                .await
                .map(|report| assert!(!report.is_met))
        },
        |rt, state| async move {
            rt.sleep(SECOND / 10).await;
            assert_eq!(state.alive.number(), 0);
        },
    );
    assert!(points > 5 * 4, "{points}");
}
