//! The tasks of one host, kept so that they end with it, and whose turn it is.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use seaworthy_core::rt::Rng;
use tokio::task::AbortHandle;

use super::{Cause, host::Host};

/// Runs `future` on `host`; drops it at once when the host's life is over.
pub(crate) fn spawn(host: &Arc<Host>, name: &'static str, future: BoxFuture<'static, ()>) {
    let Some(number) = host.tasks.admit() else { return };
    let membership = Membership { host: Arc::clone(host), number };
    // Not under the lock: a runtime that has been shut down drops the future right here.
    let task = host.handle.spawn(Scheduled { future, name, skips: None, membership });
    host.tasks.keep(number, task.abort_handle());
}

/// When a host's `main` has ended, turmoil runs the host no further: what is left of its tasks would stand still with
/// their connections open. A process that ends closes them, so the tasks are ended here.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<Running>);

#[derive(Debug, Default)]
struct Running {
    tasks: BTreeMap<u64, Option<AbortHandle>>,
    spawned: u64,
    ended: bool,
}

impl Tasks {
    fn admit(&self) -> Option<u64> {
        let mut running = self.0.lock();
        if running.ended {
            return None;
        }
        running.spawned += 1;
        let number = running.spawned;
        running.tasks.insert(number, None);
        Some(number)
    }

    fn keep(&self, number: u64, task: AbortHandle) {
        if let Some(place) = self.0.lock().tasks.get_mut(&number) {
            *place = Some(task);
        }
    }

    /// Ends all tasks and waits until their destructors have run.
    pub(crate) async fn end(&self) {
        loop {
            let tasks: Vec<_> = {
                let mut running = self.0.lock();
                running.ended = true;
                if running.tasks.is_empty() {
                    return;
                }
                running.tasks.values().flatten().cloned().collect()
            };
            tasks.iter().for_each(AbortHandle::abort);
            tokio::task::yield_now().await;
        }
    }
}

struct Membership {
    host: Arc<Host>,
    number: u64,
}

impl Drop for Membership {
    fn drop(&mut self) {
        let _task = self.host.tasks.0.lock().tasks.remove(&self.number);
    }
}

/// In which order the tasks of a host run, as far as that is ours to say, and how often within a tick.
#[derive(Debug)]
pub(crate) struct Turns(Mutex<Polls>);

#[derive(Debug)]
struct Polls {
    jitter: Option<Rng>,
    tick: u64,
    polls: u64,
}

impl Turns {
    pub(crate) fn new(jitter: Option<Rng>) -> Self {
        Self(Mutex::new(Polls { jitter, tick: 0, polls: 0 }))
    }

    /// How many rounds a task that is ready lets pass. tokio's queue is first come, first served: with that alone, all
    /// seeds would see one order.
    fn skips(&self) -> u64 {
        let mut polls = self.0.lock();
        let Some(rng) = &mut polls.jitter else { return 0 };
        if rng.chance(1, 4) { 1 + rng.below(3) } else { 0 }
    }

    /// Counts one more poll; returns how many there were within `tick`.
    fn count(&self, tick: u64) -> u64 {
        let mut polls = self.0.lock();
        if polls.tick != tick {
            (polls.tick, polls.polls) = (tick, 0);
        }
        polls.polls += 1;
        polls.polls
    }
}

/// A task as tokio sees it.
struct Scheduled {
    future: BoxFuture<'static, ()>,
    name: &'static str,
    /// How many more polls are skipped; `None` when that is to be drawn.
    skips: Option<u64>,
    // Last: the task counts as ended when its future is gone.
    membership: Membership,
}

impl Scheduled {
    /// Whether the host has polled its tasks so often that time will not pass again. The run fails; until the tick is
    /// over, nothing runs.
    fn is_livelock(&self) -> bool {
        let host = &self.membership.host;
        let polls = host.run.config.polls_per_tick_max;
        let livelock = host.turns.count(host.run.tick()) > polls;
        if livelock {
            host.run.fail(Cause::Livelock { host: host.name.to_string(), task: self.name, polls });
        }
        livelock
    }
}

impl Future for Scheduled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_livelock() {
            return Poll::Pending;
        }
        let skips = self.skips.unwrap_or_else(|| self.membership.host.turns.skips());
        if skips > 0 {
            self.skips = Some(skips - 1);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.skips = None;
        self.future.as_mut().poll(cx)
    }
}
