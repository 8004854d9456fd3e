//! An error says its own part and leaves the rest to its cause: who prints a chain, as `anyhow` does, reads nothing twice.

use std::{error::Error, fmt, time::Duration};

use crate::{
    pool::{self, Pool},
    resilience::{
        CircuitBreaker, Orchestrator, Policy, Retry,
        breaker::{self, Breakers, CallError},
        orchestrator::{self, Plan, PlanError},
        policy::Refusal,
        retry,
    },
    rt::Rt,
    testing::run,
};

#[derive(Clone, Debug, thiserror::Error)]
#[error("the disk is full")]
struct DiskFull(#[source] fmt::Error);

const FULL: DiskFull = DiskFull(fmt::Error);

/// What every link of the chain says. None repeats what another says.
fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    let (mut links, mut next) = (Vec::new(), Some(error));
    while let Some(error) = next {
        links.push(error.to_string());
        next = error.source();
    }
    for (index, text) in links.iter().enumerate() {
        for cause in &links[index + 1..] {
            assert!(!text.contains(cause.as_str()), "`{text}` repeats its cause `{cause}`");
        }
    }
    links
}

/// A chain that ends with the operation's own error, and is so many links longer.
fn ends_with_operation(error: &(dyn Error + 'static), more: usize) {
    let links = chain(error);
    assert_eq!(links.len(), more + 2, "{links:?}");
    assert!(links[more].contains(&FULL.to_string()), "{links:?}");
    assert_eq!(links[more + 1], fmt::Error.to_string());
}

async fn fails() -> Result<(), DiskFull> {
    Err(FULL)
}

fn once(rt: &Rt) -> Retry {
    Retry::new(rt, retry::Config { attempts_max: 1, ..retry::Config::default() }).expect("a good config")
}

fn open(rt: &Rt) -> CircuitBreaker {
    let breaker = CircuitBreaker::new(rt, "disk", breaker::Config::default()).expect("a good config");
    breaker.force_open();
    breaker
}

#[test]
fn errors_of_resilience_repeat_nothing() {
    run(1, |rt| async move {
        let called =
            CircuitBreaker::new(&rt, "disk", breaker::Config::default()).unwrap().call(fails()).await;
        ends_with_operation(&called.unwrap_err(), 0);
        let rejected = open(&rt).call(fails()).await.unwrap_err();
        assert_eq!(chain(&rejected).len(), 1);
        assert!(matches!(rejected, CallError::Rejected(_)));

        ends_with_operation(&once(&rt).run(|_| fails()).await.unwrap_err(), 1);
        let policy = Policy::new(&rt, "disk");
        ends_with_operation(&policy.call(|_| fails()).await.unwrap_err(), 1);
        let refused = policy.clone().breaker(open(&rt)).call(|_| fails()).await.unwrap_err();
        assert_eq!(chain(&refused).len(), 2, "what refused it");
        assert_eq!(chain(&Refusal::from(open(&rt).check().unwrap_err())).len(), 1);

        let orchestrator = Orchestrator::new(&rt, orchestrator::Config::default()).unwrap();
        let mut plan = Plan::new();
        plan.add("write", &policy, |_| fails());
        let outcome = orchestrator.run(plan).await.unwrap();
        ends_with_operation(outcome.tasks[0].result.as_ref().unwrap_err(), 1);

        let breakers = Breakers::new(&rt, breaker::Config::default(), 1).unwrap();
        breakers.get("disk").unwrap();
        let many = PlanError::from(breakers.get("net").unwrap_err());
        assert_eq!(chain(&many).len(), 1);
    });
}

/// Connects to nothing.
struct Dial {
    is_fatal: bool,
}

impl pool::Manager for Dial {
    type Connection = ();
    type Error = DiskFull;

    async fn connect(&self) -> Result<(), DiskFull> {
        Err(FULL)
    }

    fn is_broken(&self, _connection: &mut ()) -> bool {
        false
    }

    fn is_fatal(&self, _error: &DiskFull) -> bool {
        self.is_fatal
    }
}

#[test]
fn errors_of_pools_and_tasks_repeat_nothing() {
    run(1, |rt| async move {
        for is_fatal in [true, false] {
            let config =
                pool::Config { acquire_timeout: Some(Duration::from_secs(1)), ..pool::Config::default() };
            let pool = Pool::new(&rt, Dial { is_fatal }, config).unwrap();
            ends_with_operation(&pool.get().await.unwrap_err(), 0);
        }
        let panicked = rt.spawn("write", async { panic!("the disk is gone") }).await.unwrap_err();
        assert_eq!(chain(&panicked), ["task `write` panicked: the disk is gone"]);
    });
}
