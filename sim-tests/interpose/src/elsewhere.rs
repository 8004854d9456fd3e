//! Platforms on which nothing is interposed: no thread has a world.

use std::time::{Duration, SystemTime};

pub(crate) const IS_SUPPORTED: bool = false;

pub(crate) fn enter(_seed: u64, _clock: Box<dyn Fn() -> Duration>, _epoch: SystemTime) {}

pub(crate) fn leave() {}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    #[test]
    fn arming_does_nothing() {
        let _armed = crate::arm(0, || Duration::ZERO, UNIX_EPOCH);
        assert!(!crate::is_supported());
        assert!(SystemTime::now() > UNIX_EPOCH + Duration::from_secs(60));
    }
}
