use std::time::Duration;

use crate::wait::Key;

/// In which order those who wait go: by priority, with or without regard to how long they have waited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    ageing_step: Option<Duration>,
}

impl Order {
    pub(super) fn new(ageing_step: Option<Duration>) -> Self {
        Self { ageing_step }
    }

    /// The place of one who comes `came` nanoseconds after the epoch.
    pub(super) fn key(self, came: u64, priority: i32) -> Key {
        match self.ageing_step {
            Some(step) => Key::ageing(Duration::from_nanos(came), priority, step),
            // Between two priorities there is room for those who come back.
            None => Key(Key::strict(priority).0 * 2 + 1),
        }
    }

    /// The place of one who has been the first in line with that key and comes back: before all others of that key, who
    /// came after it, and behind those who have come back already.
    pub(super) fn again(key: Key) -> Key {
        Key(key.0.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn without_ageing_the_higher_priority_goes_first_whenever_it_came(
            a: i32, b: i32, came: u64, later: u64,
        ) {
            let order = Order::new(None);
            let (first, second) = (order.key(came, a), order.key(later, b));
            prop_assert_eq!(first.cmp(&second), b.cmp(&a));
        }

        #[test]
        fn without_ageing_who_comes_back_stands_before_its_equals_and_behind_its_betters(priority in -9..9_i32) {
            let order = Order::new(None);
            let again = Order::again(order.key(0, priority));
            prop_assert!(order.key(0, priority + 1) < again && again < order.key(0, priority));
        }

        #[test]
        fn with_ageing_nobody_is_passed_by_those_who_come_later_than_the_difference_of_boosts(
            came in 0..1_u64 << 50, later in 0..1_u64 << 40, low in -9..9_i32, high in -9..9_i32, step in 0..1_u64 << 34,
        ) {
            let order = Order::new(Some(Duration::from_nanos(step)));
            let passes = order.key(came + later, high) < order.key(came, low);
            prop_assert_eq!(passes, i128::from(later) < i128::from(high - low) * i128::from(step));
        }
    }
}
