use std::{
    future::Future,
    io,
    sync::{Arc, mpsc::Receiver},
    time::Duration,
};

use seaworthy_core::rt::Rt;
use tokio::runtime::Runtime;

use crate::{Config, Tokio, runtime::Hold};

/// Runs a program on a multi-threaded tokio runtime of its own, until its root future ends.
///
/// The root future runs on the calling thread and need not be `Send`. When it ends, all tasks are dropped, and every
/// destructor of theirs has run when this returns. Blocking jobs that have not begun by then are dropped; running ones are
/// waited for, but no longer than [`Config::shutdown_timeout`]. A task that blocks its thread is waited for without
/// limit: blocking belongs into [`Rt::spawn_blocking`].
///
/// # Panics
///
/// If the system refuses the threads or the event queue ([`run_with`] returns that instead), if called from within a
/// task of tokio, and with the panic of the root future, after the runtime has ended in good order.
///
/// # Examples
///
/// ```
/// let answer = seaworthy_tokio::run(async |rt| rt.spawn("answer", async { 6 * 7 }).await);
/// assert_eq!(answer.unwrap(), 42);
/// ```
pub fn run<F, Fut>(program: F) -> Fut::Output
where
    F: FnOnce(Rt) -> Fut,
    Fut: Future,
{
    run_with(Config::default(), program).expect("the system has threads and an event queue for a runtime")
}

/// [`run`] with settings.
///
/// # Errors
///
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if `config` contradicts itself, naming the field; else what the
/// system said to the threads or the event queue. `program` has not been called then.
///
/// # Panics
///
/// If called from within a task of tokio, and with the panic of the root future.
///
/// # Examples
///
/// ```
/// use seaworthy_tokio::{Config, Flavor, run_with};
///
/// # fn main() -> std::io::Result<()> {
/// let config = Config { flavor: Flavor::CurrentThread, ..Config::default() };
/// let (here, there) = run_with(config, async |rt| {
///     let task = rt.spawn("where", async { std::thread::current().id() });
///     (std::thread::current().id(), task.await.unwrap())
/// })?;
/// assert_eq!(here, there);
/// # Ok(())
/// # }
/// ```
pub fn run_with<F, Fut>(config: Config, program: F) -> io::Result<Fut::Output>
where
    F: FnOnce(Rt) -> Fut,
    Fut: Future,
{
    let runtime = config.build()?;
    let (jobs, jobs_ended) = Hold::new();
    let (tokio, tasks_ended) = Tokio::watched(runtime.handle().clone(), Arc::downgrade(&jobs));
    let rt = tokio.rt();
    let (runtime, jobs) = (Some(runtime), Some(jobs));
    let shutdown_timeout = config.shutdown_timeout;
    let owned = Owned { runtime, tasks_ended, jobs, jobs_ended, shutdown_timeout };
    let value = owned.block_on(async move { program(rt).await });
    drop(owned);
    Ok(value)
}

/// The runtime of one `run`. Its end is a `Drop`, so that it is the same when the root future panics.
struct Owned {
    // This and `jobs` are `None` only while it is dropped.
    runtime: Option<Runtime>,
    tasks_ended: Receiver<()>,
    jobs: Option<Arc<Hold>>,
    jobs_ended: Receiver<()>,
    shutdown_timeout: Duration,
}

impl Owned {
    fn block_on<Fut: Future>(&self, root: Fut) -> Fut::Output {
        self.runtime.as_ref().expect("only a drop takes it").block_on(root)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // Tokio's `shutdown_timeout` is not what we want: on one thread it waits for the jobs before it drops the tasks,
        // and on several its bound cuts the destructors short.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        // Nothing is ever sent: the senders go with the last task and with the last job.
        let _disconnected = self.tasks_ended.recv();
        self.jobs = None;
        let _disconnected_or_late = self.jobs_ended.recv_timeout(self.shutdown_timeout);
    }
}
