use std::time::Duration;

use super::{
    super::{Check, Config, Order, config::limit},
    NEVER, nanos,
};

/// The pool is not looked after more often just to know what is idle since when: 0.1 s.
const PERIOD_MIN: u64 = 100_000_000;

/// The config in the machine's own units; [`NEVER`] where there is no limit.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) order: Order,
    pub(super) min_idle: usize,
    pub(super) waiters_max: usize,
    pub(super) connect_concurrency: usize,
    pub(super) uses_max: u64,
    pub(super) check_always: bool,
    pub(super) check_after: u64,
    pub(super) idle_max: u64,
    /// One of the two above is too short to be watched from outside: every lease and every return looks at the clock.
    pub(super) is_exact: bool,
    pub(super) keepalive: u64,
    pub(super) handover_max: u64,
    pub(super) lifetime_max: u64,
    pub(super) lifetime_jitter: Duration,
    pub(super) leak_after: u64,
    /// How often the pool is looked after while it has connections.
    pub(super) period: u64,
}

impl Rules {
    pub(super) fn new(config: &Config) -> Self {
        let nanos = |duration| limit(duration).map_or(NEVER, nanos);
        let check_always = config.check == Check::Always;
        let check_after = match config.check {
            Check::AfterIdle(idle) => nanos(Some(idle)),
            Check::Never | Check::Always => NEVER,
        };
        let (idle_max, keepalive) = (nanos(config.idle_timeout), nanos(config.keepalive));
        let (fresh_for, leak_after) = (check_after.min(idle_max), nanos(config.leak_warning_after));
        let is_exact = check_always || fresh_for / 4 < PERIOD_MIN;
        let shortest = if is_exact { NEVER } else { fresh_for }.min(leak_after).min(keepalive);
        let lifetime_max = nanos(config.lifetime_max);
        let lifetime_jitter = match limit(config.lifetime_max) {
            Some(lifetime) => lifetime.mul_f64(f64::from(config.lifetime_jitter_percent) / 100.0),
            None => Duration::ZERO,
        };
        Self {
            order: config.order,
            min_idle: config.min_idle,
            waiters_max: config.waiters_max,
            connect_concurrency: config.connect_concurrency,
            uses_max: if config.uses_max == 0 { u64::MAX } else { config.uses_max },
            check_always,
            check_after,
            idle_max,
            is_exact,
            keepalive,
            handover_max: nanos(config.handover_max),
            lifetime_max,
            lifetime_jitter,
            leak_after,
            period: if shortest == NEVER { NEVER } else { (shortest / 4).max(PERIOD_MIN) },
        }
    }
}
