//! The laws of bulkheads, each with a test that goes red when it is broken.

mod handover;
mod laws;
mod machine;
mod strangers;

use std::task::{Context, Poll, Waker};

use futures::FutureExt;

use super::{Bulkhead, Config};
use crate::rt::Rt;

fn bulkhead(rt: &Rt, permits: usize, waiters_max: usize) -> Bulkhead {
    with(rt, Config { permits, waiters_max, ..Config::default() })
}

fn with(rt: &Rt, config: Config) -> Bulkhead {
    Bulkhead::new(rt, config).expect("a good config")
}

/// Polls once, with a waker that does nothing.
fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    future.poll_unpin(&mut Context::from_waker(Waker::noop()))
}
