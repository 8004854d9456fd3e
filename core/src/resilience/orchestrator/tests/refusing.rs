//! Law 4: plans that make no sense, and configs that do not either.

use super::{super::*, config, once, orchestrator};
use crate::{ConfigError, rt::Rt, testing::run};

async fn refused(rt: &Rt, config: Config, nodes: impl IntoIterator<Item = Node>) -> PlanError {
    let mut plan = Plan::<(), ()>::new();
    for node in nodes {
        plan.add(node, &once(rt), |_| async { panic!("it must not start") });
    }
    let orchestrator = Orchestrator::new(rt, config).unwrap();
    let error = orchestrator.run(plan).await.unwrap_err();
    assert_eq!(orchestrator.stats(), Stats::default(), "nothing was begun");
    error
}

#[test]
fn a_plan_that_makes_no_sense_is_refused_by_name() {
    run(1, |rt| async move {
        let node = Node::new;
        let error = refused(&rt, config(), [node("a"), node("b"), node("a")]).await;
        assert_eq!(error.to_string(), "two tasks are named `a`; names tell tasks apart, give each its own");
        let error = refused(&rt, config(), [node("a"), node("b").after(["a", "x"])]).await;
        assert_eq!(error.to_string(), "`b` comes after `x`, which is not in the plan");
        let cycle = [node("a").after(["d"]), node("b").after(["a", "c"]), node("c").after(["b"]), node("d")];
        let error = refused(&rt, config(), cycle).await;
        assert_eq!(error.to_string(), "no task of this cycle could ever start: `b` after `c` after `b`");
        let error = refused(&rt, config(), [node("self").after(["self"])]).await;
        assert_eq!(error.to_string(), "no task of this cycle could ever start: `self` after `self`");
        let error = refused(&rt, Config { tasks_max: 1, ..config() }, [node("a"), node("b")]).await;
        assert_eq!(error, PlanError::TooManyTasks { tasks: 2, tasks_max: 1 });
        let error = refused(&rt, Config { mode: Mode::Quorum(3), ..config() }, [node("a"), node("b")]).await;
        assert_eq!(error, PlanError::Quorum { quorum: 3, tasks: 2 });
        let two = [node("a").calls("one"), node("b").calls("two")];
        let error = refused(&rt, Config { dependencies_max: 1, ..config() }, two).await;
        assert!(matches!(error, PlanError::TooManyDependencies(_)));
    });
}

#[test]
fn a_plan_that_is_refused_uses_up_no_room() {
    run(1, |rt| async move {
        let orchestrator = Orchestrator::new(&rt, Config { dependencies_max: 2, ..config() }).unwrap();
        let plan = |called: &[&'static str]| {
            let mut plan = Plan::<(), ()>::new();
            for (number, called) in called.iter().enumerate() {
                let node = Node::new(number.to_string()).calls(*called);
                plan.add(node, &once(&rt), |_| async { Ok(()) });
            }
            plan
        };
        let error = orchestrator.run(plan(&["a", "b", "a", "c"])).await.unwrap_err();
        assert!(matches!(error, PlanError::TooManyDependencies(too_many) if too_many.name == "c"));
        assert_eq!((orchestrator.breakers().all().len(), orchestrator.budgets().all().len()), (0, 0));
        assert!(orchestrator.run(plan(&["d", "e", "d"])).await.unwrap().is_met);
        assert!(orchestrator.run(plan(&["e", "d"])).await.unwrap().is_met);

        // As whoever keeps a budget of their own for a call that no plan makes.
        let (breakers, budgets) = (orchestrator.breakers(), orchestrator.budgets());
        assert!(
            breakers.remove("d").is_some() && breakers.remove("e").is_some() && budgets.remove("d").is_some()
        );
        let error = orchestrator.run(plan(&["f", "g"])).await.unwrap_err();
        assert!(matches!(error, PlanError::TooManyBudgets(too_many) if too_many.name == "g"));
        assert_eq!((breakers.all().len(), budgets.all().len()), (0, 1), "nothing of it was made");
    });
}

#[test]
fn a_plan_without_tasks_is_done() {
    run(1, |rt| async move {
        let report = orchestrator(&rt, Mode::CollectAll).run(Plan::<(), ()>::new()).await.unwrap();
        assert!(report.is_met && report.tasks.is_empty());
    });
}

#[test]
fn nonsense_is_refused_by_field() {
    run(1, |rt| async move {
        let refused =
            |config| Orchestrator::new(&rt, config).map(drop).map_err(|ConfigError { field, .. }| field);
        for value in [0, 1_000_001] {
            let field = refused(Config { concurrency: value, ..config() });
            assert_eq!(field, Err("resilience::orchestrator::Config::concurrency"));
            let field = refused(Config { tasks_max: value, ..config() });
            assert_eq!(field, Err("resilience::orchestrator::Config::tasks_max"));
            let field = refused(Config { dependencies_max: value, ..config() });
            assert_eq!(field, Err("resilience::orchestrator::Config::dependencies_max"));
        }
        let field = refused(Config { mode: Mode::Quorum(0), ..config() });
        assert_eq!(field, Err("resilience::orchestrator::Config::mode"));
    });
}
