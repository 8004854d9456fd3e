use std::time::Duration;

use crate::{ConfigError, time::Backoff};

/// How a [`CircuitBreaker`](super::CircuitBreaker) works. Checked once, when the breaker is made.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use seaworthy_core::resilience::breaker::{Config, Window};
///
/// // Opens when 30 of the last 100 calls have failed, or 60 of them took longer than two seconds.
/// let config = Config {
///     window: Window::Calls { last: 100 },
///     failure_percent: 30,
///     slow_call_after: Some(Duration::from_secs(2)),
///     slow_percent: 60,
///     ..Config::default()
/// };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// Which calls are looked at while it is closed. Default: the last 100.
    pub window: Window,
    /// How many calls the window must hold before a percentage of them means anything: 1 to 1,000,000, and no more than
    /// the window can hold. Default: 10. Of no meaning to [`Window::Consecutive`].
    pub calls_min: u32,
    /// It opens when that much of the window has failed: 1 to 100 percent. Default: 50. Of no meaning to
    /// [`Window::Consecutive`].
    pub failure_percent: u32,
    /// From when on a call is slow, also one that is still in flight. Default: `None`, none ever is.
    ///
    /// It costs two reads of the clock and two short locks a call. [`Window::Consecutive`] knows no slow calls.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub slow_call_after: Option<Duration>,
    /// It opens when that much of the window was slow: 1 to 100 percent. Default: 100. Of no meaning without
    /// `slow_call_after`.
    pub slow_percent: u32,
    /// How long it stays open; longer each time it opens again without having closed. `initial` is more than zero.
    /// Default: 5 s, doubled up to 1 min, with [`Equal`](crate::time::Jitter::Equal) jitter.
    ///
    /// With [`Full`](crate::time::Jitter::Full) jitter it may be open for next to no time.
    pub open_for: Backoff,
    /// How many probes may be in flight at once while it is half open, 1 to 1,000. Default: 1.
    pub probes: u32,
    /// How many probes must succeed, one after the other and none failing, until it closes: 1 to 1,000,000. Default: 2.
    pub successes_to_close: u32,
    /// How long a probe may take. One that has not reported by then has failed, so it cannot wedge the breaker. More
    /// than zero. Default: 30 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text"))]
    pub probe_lease: Duration,
    /// How many events a slow reader of [`events`](super::CircuitBreaker::events) may lag behind, 1 to 1,000,000.
    /// Default: 256. Nothing is kept while nobody reads.
    pub events_max: usize,
}

/// Which calls a closed [`CircuitBreaker`](super::CircuitBreaker) looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Window {
    /// It opens at so many failures in a row, 1 to 1,000,000. A success while there were none costs no write.
    Consecutive {
        /// How many.
        failures: u32,
    },
    /// The last so many calls that were reported, 1 to 10,000; a quarter of a byte each. While all of them were
    /// successes, one more costs no write.
    Calls {
        /// How many.
        last: u32,
    },
    /// The calls that were reported within the last so long. Each report reads the clock and takes a short lock.
    Time {
        /// How long, 1 ms to 1 day.
        #[cfg_attr(feature = "serde", serde(with = "crate::time::text"))]
        span: Duration,
        /// In how many steps the window moves on, 1 to 1,000; 16 bytes each. With ten, calls are forgotten when they are
        /// nine to ten tenths of `span` old.
        buckets: u32,
    },
}

impl Default for Config {
    fn default() -> Self {
        Self {
            window: Window::default(),
            calls_min: 10,
            failure_percent: 50,
            slow_call_after: None,
            slow_percent: 100,
            open_for: Backoff {
                initial: Duration::from_secs(5),
                factor: 2,
                max: Duration::from_secs(60),
                jitter: crate::time::Jitter::Equal,
            },
            probes: 1,
            successes_to_close: 2,
            probe_lease: Duration::from_secs(30),
            events_max: 256,
        }
    }
}

impl Default for Window {
    fn default() -> Self {
        Self::Calls { last: 100 }
    }
}

/// Far enough to mean never, near enough to be added to any clock.
const DURATION_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

macro_rules! field {
    ($name:literal) => {
        concat!("resilience::breaker::Config::", $name)
    };
}

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.check_window()?;
        within(field!("failure_percent"), self.failure_percent, 1, 100, "1 to 100")?;
        within(field!("slow_percent"), self.slow_percent, 1, 100, "1 to 100")?;
        if let Some(after) = self.slow_call_after {
            positive(field!("slow_call_after"), after)?;
        }
        self.open_for.check()?;
        positive(field!("open_for.initial"), self.open_for.initial)?;
        positive(field!("open_for.max"), self.open_for.max)?;
        within(field!("probes"), self.probes, 1, 1_000, "1 to 1000")?;
        within(field!("successes_to_close"), self.successes_to_close, 1, 1_000_000, "1 to 1000000")?;
        positive(field!("probe_lease"), self.probe_lease)?;
        if !(1..=1_000_000).contains(&self.events_max) {
            return Err(ConfigError::new(field!("events_max"), self.events_max, "1 to 1000000"));
        }
        Ok(())
    }

    fn check_window(&self) -> Result<(), ConfigError> {
        within(field!("calls_min"), self.calls_min, 1, 1_000_000, "1 to 1000000")?;
        match self.window {
            Window::Consecutive { failures } => {
                within(field!("window.failures"), failures, 1, 1_000_000, "1 to 1000000")?;
                if let Some(after) = self.slow_call_after {
                    let allowed = "`None` with `Window::Consecutive`, which knows no slow calls";
                    return Err(ConfigError::new(field!("slow_call_after"), format!("{after:?}"), allowed));
                }
            }
            Window::Calls { last } => {
                within(field!("window.last"), last, 1, 10_000, "1 to 10000")?;
                within(
                    field!("calls_min"),
                    self.calls_min,
                    1,
                    last,
                    "at most `window.last`, or it would never open",
                )?;
            }
            Window::Time { span, buckets } => {
                if !(Duration::from_millis(1)..=Duration::from_secs(24 * 3600)).contains(&span) {
                    return Err(ConfigError::new(field!("window.span"), format!("{span:?}"), "1ms to 1day"));
                }
                within(field!("window.buckets"), buckets, 1, 1_000, "1 to 1000")?;
            }
        }
        Ok(())
    }
}

fn within(
    field: &'static str,
    value: u32,
    min: u32,
    max: u32,
    allowed: &'static str,
) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) { Ok(()) } else { Err(ConfigError::new(field, value, allowed)) }
}

fn positive(field: &'static str, value: Duration) -> Result<(), ConfigError> {
    if value > Duration::ZERO && value <= DURATION_MAX {
        return Ok(());
    }
    Err(ConfigError::new(field, format!("{value:?}"), "more than zero and at most 365 days"))
}
