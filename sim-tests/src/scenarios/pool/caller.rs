use std::{future::poll_fn, pin::pin, sync::Arc, time::Duration};

use futures::FutureExt;
use seaworthy_core::{
    pool::{AcquireError, Check, Lease, Pool},
    rt::Rng,
};

use super::{Plan, backend::Backend, laws::Ledger};
use crate::{always, fault::FaultKind, scenario::Host, scenarios::turns, sometimes};

/// How long at most a caller in line does not look whether it is its turn.
const ABSENT_MAX: Duration = Duration::from_millis(400);

/// One of the many who want a connection.
pub(super) struct Caller {
    host: Host,
    pool: Arc<Pool<Backend>>,
    plan: Arc<Plan>,
    ledger: Arc<Ledger>,
    number: u64,
    rng: Rng,
    calls: u64,
}

impl Caller {
    pub(super) fn new(
        host: &Host,
        pool: &Arc<Pool<Backend>>,
        plan: &Arc<Plan>,
        ledger: &Arc<Ledger>,
        number: u64,
    ) -> Self {
        let rng = host.sim().rng(host.name(), number);
        let (host, pool) = (host.clone(), Arc::clone(pool));
        Self { host, pool, plan: Arc::clone(plan), ledger: Arc::clone(ledger), number, rng, calls: 0 }
    }

    pub(super) async fn call_until_healed(mut self) {
        while !self.host.is_healed() {
            let pause = self.rng.duration(Duration::ZERO, self.plan.pause);
            self.host.rt().sleep(pause).await;
            self.calls += 1;
            if self.rng.chance(1, 20) {
                sometimes!(self.host, self.pool.try_get().is_err(), "try_get finds nothing");
                continue;
            }
            self.call().await;
        }
    }

    async fn call(&mut self) {
        let began = self.host.now();
        let host = self.host.clone();
        // Now and then it has something else to do when its turn comes.
        let absent = if self.rng.chance(1, 40) {
            self.rng.duration(Duration::ZERO, ABSENT_MAX)
        } else {
            Duration::ZERO
        };
        let got = host.cancellable(self.get(absent)).await;
        let took = self.host.now() - began;
        let limit = self.plan.config.acquire_timeout.unwrap_or_default();
        // A caller that is not polled in time cannot know; and a tick is what the clocks can tell apart.
        let is_late =
            took > limit + absent + Duration::from_millis(25) && turns::are_on_time(&self.host, began);
        always!(self.host, !is_late, "a call ends with its timeout", "{took:?} instead of {limit:?}");
        let number = self.number;
        match got {
            None => self.host.reached("a caller gives up while it waits"),
            Some(Ok(lease)) => {
                self.host.note(format_args!("caller {number} has {} after {took:?}", lease.token.number()));
                self.use_it(lease).await;
            }
            Some(Err(AcquireError::TimedOut(error))) => {
                self.host.note(format_args!("caller {number} has timed out after {took:?}"));
                self.host.reached("a wait ends with its timeout");
                let tells = error.last_connect_error.is_some();
                sometimes!(self.host, tells, "a timeout tells why the last connect failed");
            }
            Some(Err(AcquireError::QueueFull { waiting })) => {
                let max = self.plan.config.waiters_max;
                always!(self.host, waiting >= max, "a line is full at its bound", "{waiting} of {max}");
            }
            Some(Err(error)) => {
                self.host.violated("a call fails for a reason that there is", format_args!("{error}"));
            }
        }
    }

    /// Waits for a lease, and notes when it takes its place in line and when it is served.
    async fn get(&self, absent: Duration) -> Result<Lease<Backend>, AcquireError<std::io::Error>> {
        let mut get = pin!(self.pool.get());
        let mut in_line = None;
        if !absent.is_zero() {
            if let Some(got) = get.as_mut().now_or_never() {
                return got;
            }
            self.host.rt().sleep(absent).await;
            return get.await;
        }
        let got = poll_fn(|cx| {
            let polled = get.as_mut().poll(cx);
            if polled.is_pending() && in_line.is_none() && self.is_undisturbed() {
                in_line = Some(self.ledger.wait());
            }
            polled
        });
        let got = got.await;
        sometimes!(self.host, got.is_ok() && in_line.is_none(), "a caller is served at once");
        sometimes!(self.host, got.is_ok() && in_line.is_some(), "a caller is served after a wait");
        if let (Ok(_), Some(in_line)) = (&got, in_line) {
            in_line.served();
        }
        got
    }

    async fn use_it(&mut self, mut lease: Lease<Backend>) {
        let held = self.ledger.hold(&self.host, lease.token.number(), self.number);
        let hold = self.rng.duration(Duration::ZERO, self.plan.hold);
        if self.rng.chance(1, 50) {
            drop(held);
            self.host.rt().sleep(hold).await;
            return lease.discard();
        }
        if self.rng.chance(1, 50) {
            drop(held);
            lease.token.take_along();
            let session = lease.detach();
            self.host.rt().sleep(hold).await;
            return drop(session);
        }
        let question = self.number << 32 | self.calls;
        let host = self.host.clone();
        let asked = host.rt().timeout(Duration::from_secs(2), host.cancellable(lease.ask(question))).await;
        sometimes!(self.host, matches!(asked, Ok(None)), "a caller gives up in the middle of an exchange");
        if matches!(asked, Ok(Some(Ok(())))) {
            self.host.rt().sleep(hold).await;
        }
        // In this order: it may be the next caller's as soon as it is back.
        drop(held);
        drop(lease);
    }

    /// Whether nothing in this run keeps callers of this host from their turns: no fault, and no check of the connection
    /// that it was given, which may take long and fail while others come and go.
    fn is_undisturbed(&self) -> bool {
        let unfair = [FaultKind::Pause, FaultKind::SlowTasks, FaultKind::Cancel];
        self.plan.config.check == Check::Never && turns::are_spared(&self.host, &unfair)
    }
}
