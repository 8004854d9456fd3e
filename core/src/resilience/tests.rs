//! What the tests of retries, policies and orchestrated tasks have in common.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use super::{Backoff, Jitter, Retry, retry};
use crate::rt::Rt;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// Pauses of one second, always.
pub(super) const STEADY: Backoff = Backoff { initial: SECOND, factor: 1, max: SECOND, jitter: Jitter::None };

/// Attempts a second apart.
pub(super) fn steady(attempts_max: u32) -> retry::Config {
    retry::Config { attempts_max, backoff: STEADY, ..retry::Config::default() }
}

pub(super) fn retry(rt: &Rt, attempts_max: u32) -> Retry {
    Retry::new(rt, steady(attempts_max)).expect("a good config")
}

/// A number that many count up and down.
#[derive(Clone, Debug, Default)]
pub(super) struct Count(Arc<AtomicU32>);

impl Count {
    pub(super) fn add(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn number(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one until it is dropped.
    pub(super) fn alive(&self) -> Alive {
        self.add();
        Alive(self.clone())
    }
}

pub(super) struct Alive(pub(super) Count);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Takes that many seconds, then answers.
pub(super) fn after<T: Send + 'static, E: Send + 'static>(
    rt: &Rt,
    seconds: u32,
    answer: Result<T, E>,
) -> impl Future<Output = Result<T, E>> + Send + 'static + use<T, E> {
    let rt = rt.clone();
    async move {
        rt.sleep(SECOND * seconds).await;
        answer
    }
}
