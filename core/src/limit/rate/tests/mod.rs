//! The laws of rate limiters, each with a test that goes red when it is broken.

mod bound;
mod changing;
mod fast;
mod gcra;
mod laws;
mod rivals;
mod strangers;
mod waiting;
mod wakes;

use std::{
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures::FutureExt;
use proptest::prelude::*;

use super::{
    super::{Acquire, Quota},
    Config, RateLimiter,
    line::Place,
    state::{Answer, Demand, Machine},
};
use crate::{
    rt::Rt,
    time::Deadline,
    wait::{Key, WaitQueue},
};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn limiter(rt: &Rt, quota: Quota) -> RateLimiter {
    RateLimiter::new(rt, quota).expect("a good quota")
}

fn until(rt: &Rt, limit: Duration) -> Acquire {
    Acquire { deadline: Some(Deadline::after(rt, "test", limit)), ..Acquire::default() }
}

/// Polls once, with a waker that does nothing.
fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    future.poll_unpin(&mut Context::from_waker(Waker::noop()))
}

/// Quotas of all kinds, many of which do not divide a nanosecond.
fn any_quota() -> impl Strategy<Value = Quota> {
    (1..50_u32, 1..2000_u64, 1..8_u32)
        .prop_map(|(tokens, nanos, burst)| Quota::per(tokens, Duration::from_nanos(nanos)).burst(burst))
}

fn machine(quota: Quota, catch_up_max: u64) -> Machine {
    let catch_up_max = Duration::from_nanos(catch_up_max);
    Machine::new(&Config { quota, waiters_max: 1000, catch_up_max, ageing_step: None })
}

/// Goes through at once, or joins the line.
fn come(machine: &mut Machine, now: u64, tokens: u32, priority: i32) -> Result<Place, Answer> {
    let key = Key::strict(priority);
    match machine.take(now, tokens, key) {
        Answer::Wait(_) => {
            let waiter = WaitQueue::<()>::new(1).join(key, Waker::noop().clone()).expect("room").waiter();
            Ok(machine.join(key, Demand { tokens, deadline: None, waiter }))
        }
        answer => Err(answer),
    }
}
