//! A task manager: a bound, priorities, time limits, and reports of what became of each task.
//!
//! `cargo run --example tasks`

use std::{io, time::Duration};

use seaworthy::{
    rt::Rt,
    task::{Config, Order, Spec, TaskManager},
};

fn main() -> anyhow::Result<()> {
    seaworthy::tokio::run(async |rt| backup(&rt).await)
}

async fn backup(rt: &Rt) -> anyhow::Result<()> {
    let config = Config { concurrency: 2, order: Order::Strict, ..Config::default() };
    let tasks = TaskManager::new(rt, config)?;

    for (name, priority, millis) in [("photos", 1, 90), ("mail", 5, 40), ("music", 0, 60), ("keys", 9, 10)] {
        let rt = rt.clone();
        let spec = Spec::new(name).priority(priority).run_timeout(Duration::from_millis(80));
        // The handle is dropped: the manager owns the task, and its report says how it ended.
        tasks.submit_fallible(spec, async move {
            rt.sleep(Duration::from_millis(millis)).await;
            if name == "mail" { Err(io::Error::other("the mailbox is locked")) } else { Ok(()) }
        });
    }
    let urgent = tasks.submit(Spec::new("disk check").priority(99), async { 42 });
    println!("blocks checked: {}", urgent.await?);

    for report in tasks.run_all().await {
        let waited = report.queue_wait().unwrap_or_default();
        let why = report.errors.join(": ");
        println!("{:10} {:10} waited {waited:>9.1?}  {why}", report.name, report.status);
    }
    Ok(())
}
