use std::time::{Duration, Instant};

use super::{Config, Stop, Verdict};
use crate::time::Delays;

/// Which attempt comes next and when: pure. It knows neither budgets nor clocks; whoever drives it asks the budget before
/// it begins a pause.
#[derive(Debug)]
pub(crate) struct Machine {
    number: u32,
    attempts_max: u32,
    nested: bool,
    /// Made at the first failure.
    delays: Option<Delays>,
}

/// What to do after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Hand the result over: it is the answer.
    Done,
    /// Give up.
    Stop(Stop),
    /// Pause, then try again.
    Pause(Duration),
}

impl Machine {
    /// Before the first attempt. `is_nested`: an enclosing retry may try again.
    pub(crate) fn new(config: &Config, is_nested: bool) -> Self {
        let attempts_max = if is_nested { 1 } else { config.attempts_max };
        Self { number: 1, attempts_max, nested: is_nested, delays: None }
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn attempts_max(&self) -> u32 {
        self.attempts_max
    }

    /// What to do after an attempt that ended at `now` with this verdict. `end` is that of the deadline.
    pub(crate) fn judge(
        &mut self,
        config: &Config,
        verdict: Verdict,
        now: Instant,
        end: Option<Instant>,
        delays: impl FnOnce() -> Delays,
    ) -> Next {
        let asked = match verdict {
            Verdict::Done => return Next::Done,
            Verdict::Fail => return Next::Stop(Stop::Final),
            Verdict::Retry => Duration::ZERO,
            Verdict::RetryAfter(asked) => asked,
        };
        if self.number >= self.attempts_max {
            return Next::Stop(if self.nested { Stop::Nested } else { Stop::Attempts });
        }
        // To come back sooner than that would only be refused again, and may prolong a ban.
        let retry_after_max = config.retry_after_max;
        if asked > retry_after_max {
            return Next::Stop(Stop::RetryAfter { asked, retry_after_max });
        }
        let delay = self.delays.get_or_insert_with(delays).next().unwrap_or(config.backoff.max);
        // On top of what was asked for: all who were told the same would else come back in the same instant.
        let pause = asked.saturating_add(delay);
        // An attempt that would begin when the time is over is none.
        if end.is_some_and(|end| pause >= end.saturating_duration_since(now)) {
            return Next::Stop(Stop::Deadline);
        }
        Next::Pause(pause)
    }

    /// The next attempt begins.
    pub(crate) fn begin_next(&mut self) {
        self.number += 1;
    }
}
