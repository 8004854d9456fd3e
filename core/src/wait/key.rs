use std::time::Duration;

/// A place in line: the least key comes first, equal keys come first in, first out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64);

impl Key {
    /// Strict priority: the highest first, however long others have waited.
    pub fn strict(priority: i32) -> Self {
        // Flips the order and moves the range above zero: `i32::MAX` becomes 0.
        Self(u64::from(!(priority.cast_unsigned() ^ (1 << 31))))
    }

    /// Ageing priority: as if one had come `step` earlier for each point of priority.
    ///
    /// `came` counts from an epoch that all in the line share. The key is fixed for good: nothing is sorted again as
    /// time passes, and whoever waits is passed only by those who came less than the difference of their boosts after.
    /// A boost is at most 100 years.
    pub fn ageing(came: Duration, priority: i32, step: Duration) -> Self {
        const BOOST_MAX: i128 = 100 * 365 * 24 * 3600 * 1_000_000_000;
        let step = i128::try_from(step.as_nanos()).unwrap_or(i128::MAX);
        let boost = i128::from(priority).saturating_mul(step).clamp(-BOOST_MAX, BOOST_MAX);
        let came = i128::try_from(came.as_nanos()).unwrap_or(BOOST_MAX).min(BOOST_MAX);
        // From 0 to 3 times the maximum, which is about half of what a `u64` holds.
        Self((came - boost + BOOST_MAX) as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn strict_keys_order_by_falling_priority(a: i32, b: i32) {
            prop_assert_eq!(Key::strict(a).cmp(&Key::strict(b)), b.cmp(&a));
        }

        #[test]
        fn ageing_keys_let_pass_only_within_the_difference_of_boosts(
            came in 0_u64..1 << 50, later in 0_u64..1 << 50, low in -1000_i32..1000, high in -1000_i32..1000,
            step in 0_u64..10_000_000_000,
        ) {
            let (first, second) = (Duration::from_nanos(came), Duration::from_nanos(came + later));
            let step = Duration::from_nanos(step);
            let passes = Key::ageing(second, high, step) < Key::ageing(first, low, step);
            let boost = (i128::from(high) - i128::from(low)) * step.as_nanos() as i128;
            prop_assert_eq!(passes, i128::from(later) < boost);
        }

        #[test]
        fn no_ageing_key_overflows(came: u64, priority: i32, step: u64) {
            let (came, step) = (Duration::from_secs(came), Duration::from_secs(step));
            let key = Key::ageing(came, priority, step);
            prop_assert!(Key::ageing(came, priority.saturating_add(1), step) <= key);
        }
    }
}
