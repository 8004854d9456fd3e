use std::{
    future::Future,
    io,
    sync::{Arc, mpsc::Receiver},
    thread::{self, JoinHandle},
    time::Duration,
};

use async_executor::Executor;
use futures::{StreamExt, stream::FuturesUnordered};
use seaworthy_core::rt::{CancelToken, Rt};

use crate::{
    Config,
    runtime::{Hold, Smol},
};

/// Runs a program on an executor of its own, with as many threads as there are cores, until its root future ends.
///
/// The root future runs on the calling thread, which runs tasks too, and need not be `Send`. When it ends, all tasks are
/// dropped, and every destructor of theirs has run when this returns. Blocking jobs that have not begun by then are dropped;
/// running ones are waited for, but no longer than [`Config::shutdown_timeout`]. A task that blocks its thread is waited
/// for without limit: blocking belongs into [`Rt::spawn_blocking`].
///
/// # Panics
///
/// If the system refuses the threads ([`run_with`] returns that instead) or the reactor its event queue, and with the
/// panic of the root future, after the runtime has ended in good order.
///
/// # Examples
///
/// ```
/// let answer = seaworthy_smol::run(async |rt| rt.spawn("answer", async { 6 * 7 }).await);
/// assert_eq!(answer.unwrap(), 42);
/// ```
pub fn run<F, Fut>(program: F) -> Fut::Output
where
    F: FnOnce(Rt) -> Fut,
    Fut: Future,
{
    run_with(Config::default(), program).expect("the system has threads for a runtime")
}

/// [`run`] with settings.
///
/// # Errors
///
/// [`InvalidInput`](io::ErrorKind::InvalidInput) for a bad `config`, naming the field; else what the system said to the
/// threads. `program` has not been called then.
///
/// # Panics
///
/// If the system refuses the reactor its event queue, and with the panic of the root future.
///
/// # Examples
///
/// ```
/// use seaworthy_smol::{Config, run_with};
///
/// # fn main() -> std::io::Result<()> {
/// let config = Config { worker_threads: Some(1), ..Config::default() };
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
    let threads = config.threads()?;
    let (jobs, jobs_ended) = Hold::new();
    let mut workers = Workers::default();
    let rt = Rt::new(Smol::with_jobs(&workers.executor, Arc::downgrade(&jobs)));
    let ending = Ending { jobs: Some(jobs), jobs_ended, shutdown_timeout: config.shutdown_timeout };
    // The caller's thread is the first of them.
    for _ in 1..threads {
        workers.start()?;
    }
    let value = workers.block_on(async move { program(rt).await });
    drop(workers);
    drop(ending);
    Ok(value)
}

/// The executor and its threads. Their end is a `Drop`, so that it is the same when the root future panics.
#[derive(Default)]
struct Workers {
    executor: Arc<Executor<'static>>,
    threads: Vec<JoinHandle<()>>,
    stop: CancelToken,
}

impl Workers {
    fn start(&mut self) -> io::Result<()> {
        let (executor, stop) = (Arc::clone(&self.executor), self.stop.clone());
        let thread = thread::Builder::new().name("seaworthy-smol".to_owned());
        self.threads.push(thread.spawn(move || async_io::block_on(executor.run(stop.cancelled())))?);
        Ok(())
    }

    fn block_on<Fut: Future>(&self, root: Fut) -> Fut::Output {
        // The thread wakes for every task. In a set, the root future is polled only when it was woken itself.
        let mut root: FuturesUnordered<_> = [root].into_iter().collect();
        let value = async_io::block_on(self.executor.run(root.next()));
        value.expect("there is one future in the set")
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.cancel();
        for thread in self.threads.drain(..) {
            // Tasks do not panic here: `Rt::spawn` has caught that.
            let _ended = thread.join();
        }
        // Dropped here and nowhere else, so that all tasks are gone after this. Whoever spawns on another thread holds it
        // for that moment.
        let mut executor = std::mem::take(&mut self.executor);
        while let Err(shared) = Arc::try_unwrap(executor) {
            executor = shared;
            thread::yield_now();
        }
    }
}

/// The wait for blocking jobs: they hold the sender's end, and nothing is ever sent.
struct Ending {
    // `None` only while it is dropped.
    jobs: Option<Arc<Hold>>,
    jobs_ended: Receiver<()>,
    shutdown_timeout: Duration,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.jobs = None;
        let _disconnected_or_late = self.jobs_ended.recv_timeout(self.shutdown_timeout);
    }
}
