use std::time::Duration;

use crate::{ConfigError, rt::Rng};

/// How long to pause before each new attempt: longer each time, up to a maximum, and not in step with others.
///
/// It is pure and counts in whole nanoseconds, so no number of attempts makes it overflow. **No pause is ever longer
/// than `max`**, jitter included.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use seaworthy_core::{rt::Rng, time::{Backoff, Jitter}};
///
/// let backoff = Backoff { jitter: Jitter::None, ..Backoff::default() };
/// let pauses: Vec<_> = backoff.delays(Rng::from_seed(1)).take(4).collect();
/// assert_eq!(pauses, [100, 200, 400, 800].map(Duration::from_millis));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Backoff {
    /// The first pause, before jitter. Default: 100 ms.
    #[cfg_attr(feature = "serde", serde(with = "super::text"))]
    pub initial: Duration,
    /// What each pause is multiplied by to get the next, at least 1. Default: 2.
    pub factor: u32,
    /// The longest pause, jitter included; at least `initial`. Default: 10 s.
    #[cfg_attr(feature = "serde", serde(with = "super::text"))]
    pub max: Duration,
    /// How chance changes each pause. Default: [`Jitter::Full`].
    pub jitter: Jitter,
}

/// How chance changes a pause, so that clients that failed together do not come back together.
///
/// The names and formulas are those of M. Brooker, *Exponential Backoff And Jitter*, AWS Architecture Blog, 2015.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Jitter {
    /// Anything from nothing to the full pause: the least load on the other side.
    #[default]
    Full,
    /// Half of the pause, and anything up to the other half.
    Equal,
    /// Anything from `initial` to three times the pause before.
    Decorrelated,
    /// The pause as it is.
    None,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(100),
            factor: 2,
            max: Duration::from_secs(10),
            jitter: Jitter::default(),
        }
    }
}

impl Backoff {
    /// Checks the fields.
    ///
    /// # Errors
    ///
    /// If `factor` is 0, or `max` is less than `initial`.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.factor == 0 {
            return Err(ConfigError::new("time::Backoff::factor", self.factor, "at least 1"));
        }
        if self.max < self.initial {
            let max = format!("{:?}", self.max);
            return Err(ConfigError::new("time::Backoff::max", max, "at least `initial`"));
        }
        Ok(())
    }

    /// The pause before attempt number `retry` after the first (1 is the first retry), before jitter.
    pub fn ceiling(&self, retry: u32) -> Duration {
        let max = nanos(self.max);
        let mut pause = nanos(self.initial).min(max);
        if self.factor > 1 && pause > 0 {
            let mut steps = retry.saturating_sub(1);
            // At most 64 times: it doubles at least.
            while steps > 0 && pause < max {
                pause = pause.saturating_mul(u64::from(self.factor)).min(max);
                steps -= 1;
            }
        }
        Duration::from_nanos(pause)
    }

    /// The pauses one after the other, without end.
    pub fn delays(&self, rng: Rng) -> Delays {
        Delays { backoff: *self, rng, retry: 0, last: self.initial }
    }
}

/// The pauses of one operation, by [`Backoff::delays`].
#[derive(Clone, Debug)]
pub struct Delays {
    backoff: Backoff,
    rng: Rng,
    retry: u32,
    last: Duration,
}

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let Self { backoff, rng, .. } = self;
        self.retry = self.retry.saturating_add(1);
        let ceiling = backoff.ceiling(self.retry);
        let pause = match backoff.jitter {
            Jitter::None => ceiling,
            Jitter::Full => rng.duration(Duration::ZERO, ceiling),
            Jitter::Equal => rng.duration(ceiling / 2, ceiling),
            Jitter::Decorrelated => {
                rng.duration(backoff.initial, self.last.saturating_mul(3).min(backoff.max))
            }
        };
        self.last = pause.min(backoff.max);
        Some(self.last)
    }
}

/// Some 584 years at most, which no pause needs.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rt::Rng;

    fn any_backoff() -> impl Strategy<Value = Backoff> {
        let jitter = prop_oneof![
            Just(Jitter::Full),
            Just(Jitter::Equal),
            Just(Jitter::Decorrelated),
            Just(Jitter::None)
        ];
        (any::<Duration>(), 1..=u32::MAX, any::<Duration>(), jitter)
            .prop_map(|(a, factor, b, jitter)| Backoff { initial: a.min(b), factor, max: a.max(b), jitter })
    }

    proptest! {
        #[test]
        fn no_pause_exceeds_the_maximum(backoff in any_backoff(), seed: u64, retry: u32) {
            prop_assert!(backoff.check().is_ok());
            prop_assert!(backoff.ceiling(retry) <= backoff.max);
            let late = Delays { retry, ..backoff.delays(Rng::from_seed(seed)) };
            prop_assert!(late.take(20).all(|pause| pause <= backoff.max));
        }

        #[test]
        fn pauses_before_jitter_never_shrink(backoff in any_backoff(), retry in 0..u32::MAX) {
            prop_assert!(backoff.ceiling(retry) <= backoff.ceiling(retry + 1));
        }

        #[test]
        fn equal_jitter_keeps_half(seed: u64, retry in 1_u32..20) {
            let backoff = Backoff { jitter: Jitter::Equal, ..Backoff::default() };
            let pause = backoff.delays(Rng::from_seed(seed)).nth(retry as usize - 1).expect("endless");
            prop_assert!(pause >= backoff.ceiling(retry) / 2 && pause <= backoff.ceiling(retry));
        }

        #[test]
        fn decorrelated_jitter_stays_between_the_first_pause_and_thrice_the_last(seed: u64) {
            let backoff = Backoff { jitter: Jitter::Decorrelated, ..Backoff::default() };
            let pauses: Vec<_> = backoff.delays(Rng::from_seed(seed)).take(30).collect();
            prop_assert!(pauses.iter().all(|pause| *pause >= backoff.initial));
            prop_assert!(pauses.windows(2).all(|pair| pair[1] <= (pair[0] * 3).min(backoff.max)));
        }
    }

    #[test]
    fn nonsense_is_refused_by_field() {
        let refused = |backoff: Backoff| backoff.check().expect_err("nonsense").field;
        assert_eq!(refused(Backoff { factor: 0, ..Backoff::default() }), "time::Backoff::factor");
        assert_eq!(refused(Backoff { max: Duration::ZERO, ..Backoff::default() }), "time::Backoff::max");
    }
}
