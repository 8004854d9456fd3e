use std::{error::Error, fmt, future::Future, sync::Arc, time::Duration};

use super::{
    Config, Events, Job, Report, Reservation, Spec, Stats, TaskId, config::CONCURRENCY_MAX, driver::Inner,
    work::error_chain,
};
use crate::{ConfigError, rt::Rt};

/// Runs tasks with a bound on how many run at once, in order of priority, and knows where each of them is.
///
/// It owns its tasks: dropping it cancels them all, and nothing outlives it. See the [module](super) for the laws.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::task::{Config, Spec, Status, TaskManager};
///
/// let tasks = TaskManager::new(&rt, Config { concurrency: 3, ..Config::default() })?;
/// let urgent = tasks.submit(Spec::new("urgent").priority(9), async { "done" });
/// assert_eq!(urgent.await?, "done");
///
/// for number in 0..10 {
///     let rt = rt.clone();
///     tasks.submit(format!("job {number}"), async move {
///         rt.sleep(std::time::Duration::from_secs(1)).await;
///     });
/// }
/// let reports = tasks.run_all().await;
/// assert_eq!(reports.len(), 11);
/// assert!(reports.iter().all(|report| report.status == Status::Completed));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// # }).unwrap();
/// ```
pub struct TaskManager {
    submitter: Submitter,
}

/// Submits tasks to a [`TaskManager`] without owning it, from inside its own tasks for instance.
///
/// Once the manager is gone or shut down, what is submitted is [rejected](crate::rt::Rejection::ShutDown).
#[derive(Clone)]
pub struct Submitter {
    inner: Arc<Inner>,
}

impl TaskManager {
    /// A manager without tasks.
    ///
    /// # Errors
    ///
    /// If `config` is out of range, by field.
    pub fn new(rt: &Rt, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { submitter: Submitter { inner: Arc::new(Inner::new(rt, &config)) } })
    }

    /// A handle that submits to this manager and does not own it.
    pub fn submitter(&self) -> Submitter {
        self.submitter.clone()
    }

    /// Queues a task; it starts as soon as its turn comes, awaited or not.
    ///
    /// A task that is not accepted, because the queue is full or the manager is shut down, is dropped, and its [`Job`]
    /// ends with [`JoinError::Rejected`](crate::rt::JoinError::Rejected).
    ///
    /// # Cancel safety
    ///
    /// Dropping the [`Job`] lets its task run.
    pub fn submit<F>(&self, spec: impl Into<Spec>, future: F) -> Job<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.submitter.submit(spec, future)
    }

    /// As [`submit`](Self::submit), for a task whose `Err` makes it [`Failed`](super::Status::Failed): the error and what
    /// caused it are in its [`Report`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the [`Job`] lets its task run.
    pub fn submit_fallible<F, T, E>(&self, spec: impl Into<Spec>, future: F) -> Job<Result<T, E>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Error + Send + 'static,
    {
        self.submitter.submit_fallible(spec, future)
    }

    /// Waits for a place in the queue: backpressure instead of rejection. Those who wait are served in order of priority,
    /// then of arrival, and nobody who just [`submit`](Self::submit)s overtakes them.
    ///
    /// Of a manager that is shut down the reservation is void, and what is submitted with it rejected.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, the place goes to the next in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use seaworthy_core::task::{Config, TaskManager};
    ///
    /// let config = Config { concurrency: 4, pending_max: 10, ..Config::default() };
    /// let tasks = TaskManager::new(&rt, config).unwrap();
    /// for number in 0..1000 {
    ///     let rt = rt.clone();
    ///     let work = async move { rt.sleep(std::time::Duration::from_millis(number)).await };
    ///     tasks.reserve(0).await.submit("work", work);
    /// }
    /// tasks.idle().await;
    /// assert_eq!(tasks.stats().completed, 1000);
    /// # });
    /// ```
    pub async fn reserve(&self, priority: i32) -> Reservation<'_> {
        self.submitter.reserve(priority).await
    }

    /// Waits until no task is left, and returns what is known of all tasks so far, in order of submission.
    ///
    /// Of those that ended long ago the reports may be gone: `reports_max` says how many are kept.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing; the tasks run on.
    pub async fn run_all(&self) -> Vec<Report> {
        self.idle().await;
        self.reports()
    }

    /// As [`run_all`](Self::run_all), for at most `limit`; what is left then is cancelled, and its destructors have run
    /// when this returns. Tasks of others are never touched.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing, but after the limit the cancellation is not revoked.
    pub async fn run_with_timeout(&self, limit: Duration) -> Vec<Report> {
        if self.inner().rt.timeout(limit, self.idle()).await.is_err() {
            let why = format!("not finished within {limit:?}");
            self.inner().cancel_all(&[why]);
            self.idle().await;
        }
        self.reports()
    }

    /// Waits until no task is left.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn idle(&self) {
        self.inner().idle().await;
    }

    /// Cancels the task of that number, as [`Job::cancel`] does, and says whether there was one that had not ended.
    ///
    /// For whoever has a report and not the handle. It costs a look at every task that has not ended.
    pub fn cancel(&self, id: TaskId) -> bool {
        self.inner().cancel_by_id(id)
    }

    /// Cancels all tasks, queued and running.
    pub fn cancel_all(&self) {
        self.inner().cancel_all(&[]);
    }

    /// Changes how many tasks run at once, from 0 (paused) to 1,000,000. Running tasks are never stopped by it, and
    /// none is lost.
    ///
    /// # Errors
    ///
    /// If it is out of range.
    pub fn set_concurrency(&self, concurrency: usize) -> Result<(), ConfigError> {
        if concurrency > CONCURRENCY_MAX {
            let allowed = "0 to 1000000";
            return Err(ConfigError::new("task::Config::concurrency", concurrency, allowed));
        }
        self.inner().set_concurrency(concurrency);
        Ok(())
    }

    /// What happens from now on, as a stream.
    pub fn events(&self) -> Events {
        Events::new(self.inner())
    }

    /// What is known of all tasks, in order of submission: those queued and running, and the latest that ended.
    pub fn reports(&self) -> Vec<Report> {
        self.inner().state.lock().machine.reports()
    }

    /// How many tasks there are and were, by where they are.
    pub fn stats(&self) -> Stats {
        self.inner().state.lock().machine.stats()
    }

    /// Accepts no more tasks, lets those there are finish for at most `grace`, cancels what is left then, and returns
    /// when all have ended and their destructors have run.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, the manager still accepts no more; call it again to go on.
    pub async fn shutdown(&self, grace: Duration) -> Stats {
        self.inner().close();
        if self.inner().rt.timeout(grace, self.idle()).await.is_err() {
            self.inner().cancel_all(&["the manager was shut down".to_owned()]);
            self.idle().await;
        }
        self.stats()
    }

    fn inner(&self) -> &Arc<Inner> {
        &self.submitter.inner
    }
}

impl Drop for TaskManager {
    fn drop(&mut self) {
        self.inner().close();
        self.inner().cancel_all(&["the manager was dropped".to_owned()]);
        self.inner().expiry.stop();
    }
}

impl fmt::Debug for TaskManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskManager").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Submitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.inner.state.lock().machine.stats();
        f.debug_struct("Submitter").field("stats", &stats).finish_non_exhaustive()
    }
}

impl Submitter {
    /// As [`TaskManager::submit`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the [`Job`] lets its task run.
    pub fn submit<F>(&self, spec: impl Into<Spec>, future: F) -> Job<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.inner.submit(spec.into(), future, |_| None, None)
    }

    /// As [`TaskManager::submit_fallible`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the [`Job`] lets its task run.
    pub fn submit_fallible<F, T, E>(&self, spec: impl Into<Spec>, future: F) -> Job<Result<T, E>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Error + Send + 'static,
    {
        self.inner.submit(spec.into(), future, error_chain, None)
    }

    /// As [`TaskManager::reserve`].
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, the place goes to the next in line.
    pub async fn reserve(&self, priority: i32) -> Reservation<'_> {
        self.inner.reserve(priority).await
    }
}
