use std::{
    ops::RangeInclusive,
    time::{Duration, SystemTime},
};

use super::Network;

/// How a run goes. A bare seed is the default with that seed: `testing::run(7, ..)`.
///
/// Two runs with the same config and the same code do the same, step by step.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the run draws all its numbers from: the order of tasks, latencies, `rt.rng(..)`. Default: 0.
    pub seed: u64,
    /// How much virtual time may pass before the run is stopped. Default: 1 hour.
    pub limit: Duration,
    /// How often tasks may be polled without time moving on, before it is called a livelock. Default: 2,000,000, which
    /// takes a second or two to reach in a debug build.
    pub polls_per_instant_max: u64,
    /// How much **real** time to wait for other threads before a deadlock is reported. Default: none, since nothing
    /// that comes from another thread can be repeated from a seed.
    pub wait_for_threads: Duration,
    /// The date at the start of the run. Default: 2026-01-01 00:00 UTC.
    pub epoch: SystemTime,
    /// How long a connect, a lookup or a write takes to arrive; drawn anew each time. Bytes arrive in order all the
    /// same. Default: 0.2 to 2 ms.
    pub latency: RangeInclusive<Duration>,
    /// How many bytes one direction of a connection holds before its writer has to wait; at least 1. Default: 64 KiB.
    pub stream_bytes_max: usize,
    /// How many connections wait to be accepted before the next one has to wait to connect; at least 1. Default: 128.
    pub backlog_max: usize,
    /// The names the network knows and the faults it makes. Default: none.
    pub network: Network,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 0,
            limit: Duration::from_secs(3600),
            polls_per_instant_max: 2_000_000,
            wait_for_threads: Duration::ZERO,
            epoch: SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600),
            latency: Duration::from_micros(200)..=Duration::from_millis(2),
            stream_bytes_max: 64 << 10,
            backlog_max: 128,
            network: Network::default(),
        }
    }
}

impl From<u64> for Config {
    fn from(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }
}
