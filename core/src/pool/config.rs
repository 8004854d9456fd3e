use std::time::Duration;

use crate::{ConfigError, time::Backoff};

/// How a [`Pool`](super::Pool) works. Checked once, when the pool is made.
///
/// For every optional duration `None` and zero mean unlimited: never.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// How many connections there are at most, of whatever kind: leased, idle, being made, checked or closed. 1 to
    /// 1,000,000; it can be changed by [`Pool::resize`](super::Pool::resize). Default: 10.
    pub max: usize,
    /// How many idle connections the pool tries to have at hand, within `max`. They are made in the background, from the
    /// start on, and `idle_timeout` leaves them alone. Default: 0.
    pub min_idle: usize,
    /// How long a [`get`](super::Pool::get) may take, from the call to the lease. Default: 30 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub acquire_timeout: Option<Duration>,
    /// How long one [`Manager::connect`](super::Manager::connect) may take. It goes on when the caller of `get` is gone.
    /// Default: 10 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub connect_timeout: Option<Duration>,
    /// How many connects are under way at once, at least 1. While connects fail there is one. Default: 4.
    pub connect_concurrency: usize,
    /// The pause after a failed connect, before the next one. Default: that of [`Backoff`].
    pub connect_backoff: Backoff,
    /// When a connection is [checked](super::Manager::check) before it is lent. Default: after 30 s of idleness.
    pub check: Check,
    /// How long a check or a [reset](super::Manager::reset) may take; then the connection is given up. Default: 5 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub check_timeout: Option<Duration>,
    /// How long a [`Manager::close`](super::Manager::close) may take; then the connection is dropped. Default: 5 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub close_timeout: Option<Duration>,
    /// How long a connection that was handed over may lie there before the next in line gets it: the task that waited for
    /// it is not being polled. Default: 1 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub handover_max: Option<Duration>,
    /// How old a connection gets. Default: 30 min.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub lifetime_max: Option<Duration>,
    /// By how much less than `lifetime_max` a connection may live, in percent of it: drawn at its birth, so that those made
    /// together do not end together. At most 50. Default: 10.
    pub lifetime_jitter_percent: u8,
    /// How long a connection may be idle before it is closed. Default: 10 min.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub idle_timeout: Option<Duration>,
    /// An idle connection that was neither used nor checked for so long is [checked](super::Manager::check) in the
    /// background, one at a time and the least needed first, so that firewalls do not forget it and those that died are
    /// found before somebody needs them. It does not count as a use. At least 1 s. Default: never.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub keepalive: Option<Duration>,
    /// How often a connection is lent; 0 is as often as one likes. Default: 0.
    pub uses_max: u64,
    /// How many may wait for a connection at once, at least 1; a [`get`](super::Pool::get) beyond fails at once. Whoever had
    /// a place and whose connection failed its check comes back beyond it. Whoever is late counts until it is polled or
    /// dropped. Default: 10,000, some 200 bytes each.
    pub waiters_max: usize,
    /// Which idle connection is lent first. Default: [`Order::Lifo`].
    pub order: Order,
    /// By how much earlier one seems to have come for each point of priority. Zero makes priorities void. Default: 1 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text"))]
    pub ageing_step: Duration,
    /// A lease that is held for longer is reported once, with the place of the call that took it. Default: never.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub leak_warning_after: Option<Duration>,
}

/// Which of the idle connections is lent first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Order {
    /// The one that came back last: few are busy and warm, and the rest time out.
    #[default]
    Lifo,
    /// The one that came back first: all are used alike, and none times out while there is work.
    Fifo,
}

/// When a connection is [checked](super::Manager::check) before it is lent. One that was just made never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Check {
    /// Never: whoever uses it finds out.
    Never,
    /// If it was idle for so long, more than nothing. Cheap, and right for most.
    AfterIdle(#[cfg_attr(feature = "serde", serde(with = "crate::time::text"))] Duration),
    /// Before each lease, at the price of a question to the backend each time.
    /// [`Pool::try_get`](super::Pool::try_get) gives nothing then.
    Always,
}

impl Default for Check {
    fn default() -> Self {
        Self::AfterIdle(Duration::from_secs(30))
    }
}

/// Checks without a pause would keep a core and the backend busy.
const KEEPALIVE_MIN: Duration = Duration::from_secs(1);

pub(super) const MAX_MAX: usize = 1_000_000;

impl Default for Config {
    fn default() -> Self {
        Self {
            max: 10,
            min_idle: 0,
            acquire_timeout: Some(Duration::from_secs(30)),
            connect_timeout: Some(Duration::from_secs(10)),
            connect_concurrency: 4,
            connect_backoff: Backoff::default(),
            check: Check::default(),
            check_timeout: Some(Duration::from_secs(5)),
            close_timeout: Some(Duration::from_secs(5)),
            handover_max: Some(Duration::from_secs(1)),
            lifetime_max: Some(Duration::from_secs(30 * 60)),
            lifetime_jitter_percent: 10,
            idle_timeout: Some(Duration::from_secs(10 * 60)),
            keepalive: None,
            uses_max: 0,
            waiters_max: 10_000,
            order: Order::default(),
            ageing_step: Duration::from_secs(1),
            leak_warning_after: None,
        }
    }
}

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refused = |field, value: usize, allowed| Err(ConfigError::new(field, value, allowed));
        if !(1..=MAX_MAX).contains(&self.max) {
            let allowed = "1 to 1000000; to start paused, resize to 0 later";
            return refused("pool::Config::max", self.max, allowed);
        }
        if self.min_idle > self.max {
            return refused("pool::Config::min_idle", self.min_idle, "at most `max`");
        }
        if self.connect_concurrency == 0 {
            return refused("pool::Config::connect_concurrency", 0, "at least 1");
        }
        if !(1..=100_000_000).contains(&self.waiters_max) {
            return refused("pool::Config::waiters_max", self.waiters_max, "1 to 100000000");
        }
        self.connect_backoff.check()?;
        if self.connect_backoff.max.is_zero() {
            let allowed = "more than nothing: a dead backend must not be asked without a pause";
            return Err(ConfigError::new("pool::Config::connect_backoff", "0s", allowed));
        }
        if self.check == Check::AfterIdle(Duration::ZERO) {
            let allowed = "more than nothing; to check before each lease, say `Always`";
            return Err(ConfigError::new("pool::Config::check", "AfterIdle(0s)", allowed));
        }
        if let Some(keepalive) = limit(self.keepalive).filter(|keepalive| *keepalive < KEEPALIVE_MIN) {
            let allowed = "at least 1s, or none";
            return Err(ConfigError::new("pool::Config::keepalive", format!("{keepalive:?}"), allowed));
        }
        if self.lifetime_jitter_percent > 50 {
            let percent = usize::from(self.lifetime_jitter_percent);
            return refused("pool::Config::lifetime_jitter_percent", percent, "at most 50");
        }
        Ok(())
    }
}

/// Zero is no limit.
pub(super) fn limit(duration: Option<Duration>) -> Option<Duration> {
    duration.filter(|duration| !duration.is_zero())
}
