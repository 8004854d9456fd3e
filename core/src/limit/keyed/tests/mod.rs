//! The laws of limiters with keys, each with a test that goes red when it is broken.

mod laws;
mod strangers;
mod table;

use std::time::Duration;

use super::{Config, KeyedRateLimiter};
use crate::{limit::Quota, rt::Rt};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn limiter(rt: &Rt, quota: Quota, keys_max: usize) -> KeyedRateLimiter<u32> {
    KeyedRateLimiter::new(rt, quota, Config { keys_max, ..Config::default() }).expect("a good config")
}
