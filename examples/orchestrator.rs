//! Many tasks, some after others, each under a policy; and a dependency that is down.
//!
//! `cargo run --example orchestrator`

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use seaworthy::{
    resilience::{
        Backoff, Orchestrator, Policy, Retry, breaker,
        orchestrator::{Config, Node, Plan},
        retry,
    },
    rt::Rt,
};

fn main() -> anyhow::Result<()> {
    seaworthy::tokio::run(async |rt| nightly(&rt).await)
}

async fn nightly(rt: &Rt) -> anyhow::Result<()> {
    let breaker = breaker::Config {
        window: breaker::Window::Consecutive { failures: 4 },
        ..breaker::Config::default()
    };
    let orchestrator = Orchestrator::new(rt, Config { concurrency: 4, breaker, ..Config::default() })?;
    let pauses =
        Backoff { initial: Duration::from_millis(5), max: Duration::from_millis(20), ..Backoff::default() };
    let retry = retry::Config { attempts_max: 3, backoff: pauses, ..retry::Config::default() };
    let policy = Policy::new(rt, "nightly").retry(Retry::new(rt, retry)?).deadline(Duration::from_secs(1));

    let mails = Arc::new(AtomicU32::new(0));
    let mut plan = Plan::new();
    plan.add(Node::new("open books").calls("database"), &policy, |attempt| async move {
        if attempt.is_first() { Err("the database is restarting") } else { Ok(()) }
    });
    plan.add(Node::new("close books").calls("database").after(["open books"]), &policy, |_| async { Ok(()) });
    for customer in ["Ada", "Blaise", "Carl"] {
        let mails = Arc::clone(&mails);
        let node = Node::new(format!("mail {customer}")).calls("mail").after(["close books"]);
        plan.add(node, &policy, move |_| {
            mails.fetch_add(1, Ordering::Relaxed);
            async { Err("the mail server is down") }
        });
    }
    plan.add(Node::new("file receipts").after(["mail Ada"]), &policy, |_| async { Ok(()) });

    let report = orchestrator.run(plan).await?;
    for task in &report.tasks {
        let why = task.result.as_ref().map_or_else(ToString::to_string, |()| "done".to_owned());
        println!("{:14} attempts: {}, {why}", task.name, task.attempts());
    }
    let mail = orchestrator.breakers().get("mail")?;
    println!(
        "{} mails tried before the breaker of `mail` was {}",
        mails.load(Ordering::Relaxed),
        mail.state()
    );
    Ok(())
}
