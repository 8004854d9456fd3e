//! Points of time as the kernel tells them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// Seconds from a clock's zero, which may be negative, and nanoseconds after that, fewer than a second's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Time {
    pub(super) seconds: i64,
    pub(super) nanos: u32,
}

impl Time {
    /// What the clocks that count from the machine's start show when a simulation begins. Not zero: code takes an hour
    /// from "now" and does not expect to come out before the start.
    pub(super) const STEADY_START: Self = Self { seconds: 1000, nanos: 0 };

    pub(super) fn since_1970(at: SystemTime) -> Self {
        match at.duration_since(UNIX_EPOCH) {
            Ok(after) => Self { seconds: 0, nanos: 0 }.after(after),
            Err(before) => {
                let before = before.duration();
                let seconds = 0_i64.saturating_sub_unsigned(before.as_secs());
                match before.subsec_nanos() {
                    0 => Self { seconds, nanos: 0 },
                    nanos => Self { seconds: seconds.saturating_sub(1), nanos: NANOS_PER_SECOND - nanos },
                }
            }
        }
    }

    pub(super) fn after(self, elapsed: Duration) -> Self {
        let nanos = self.nanos + elapsed.subsec_nanos();
        let seconds = self.seconds.saturating_add_unsigned(elapsed.as_secs());
        Self {
            seconds: seconds.saturating_add(i64::from(nanos / NANOS_PER_SECOND)),
            nanos: nanos % NANOS_PER_SECOND,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: i64, nanos: u32) -> Time {
        Time { seconds, nanos }
    }

    #[test]
    fn nanoseconds_carry_into_seconds() {
        assert_eq!(time(5, 999_999_999).after(Duration::new(2, 1)), time(8, 0));
        assert_eq!(time(5, 999_999_999).after(Duration::from_secs(2)), time(7, 999_999_999));
        assert_eq!(time(-1, 500_000_000).after(Duration::from_millis(600)), time(0, 100_000_000));
    }

    #[test]
    fn times_before_1970_count_their_nanoseconds_forward() {
        assert_eq!(Time::since_1970(UNIX_EPOCH), time(0, 0));
        assert_eq!(Time::since_1970(UNIX_EPOCH + Duration::new(3, 7)), time(3, 7));
        assert_eq!(Time::since_1970(UNIX_EPOCH - Duration::new(3, 0)), time(-3, 0));
        assert_eq!(Time::since_1970(UNIX_EPOCH - Duration::new(3, 1)), time(-4, 999_999_999));
    }

    #[test]
    fn time_ends_where_a_timespec_does() {
        assert_eq!(time(1000, 1).after(Duration::MAX), time(i64::MAX, 0));
        assert_eq!(time(-1000, 0).after(Duration::MAX), time(i64::MAX, 999_999_999));
    }
}
