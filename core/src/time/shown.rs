use std::{fmt, time::Duration};

/// A duration as people read it: four digits and the unit that fits, `150.5ms` and not `150.526322ms`.
///
/// For texts. What is written in a config is shown as it is, since it is short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown(pub(crate) Duration);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        // What four digits cannot hold is cut off, not rounded up: nothing is said to be over before it is.
        let digits = nanos.checked_ilog10().unwrap_or(0);
        let kept = nanos - nanos % 10_u128.pow(digits.saturating_sub(3));
        // All durations there are fit: they came from one.
        let seconds = u64::try_from(kept / 1_000_000_000).unwrap_or(u64::MAX);
        write!(f, "{:?}", Duration::new(seconds, (kept % 1_000_000_000) as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_are_shown() {
        let shown = |nanos| Shown(Duration::from_nanos(nanos)).to_string();
        assert_eq!(shown(0), "0ns");
        assert_eq!(shown(7), "7ns");
        assert_eq!(shown(150_526_322), "150.5ms");
        assert_eq!(shown(999_998_899), "999.9ms");
        assert_eq!(shown(1_000_000_000), "1s");
        assert_eq!(shown(12_345_678_900), "12.34s");
        assert_eq!(shown(u64::MAX), "18440000000s");
        assert_eq!(Shown(Duration::MAX).to_string(), "18440000000000000000s");
    }
}
