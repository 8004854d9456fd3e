use std::{fmt, time::Duration};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng};

/// Random numbers from a seed: ChaCha8, whose output is fixed across versions and machines.
///
/// It is **forked by label**: each component draws from a stream of its own, so that a new draw in one place does not
/// shift the numbers of another, and an old seed still replays the old run. It is not meant for secrets.
///
/// # Examples
///
/// ```
/// use seaworthy_core::rt::Rng;
///
/// let root = Rng::from_seed(7);
/// let (mut jitter, mut faults) = (root.fork("jitter", 0), root.fork("faults", 0));
/// assert_ne!(jitter.next_u64(), faults.next_u64());
/// assert!(jitter.below(10) < 10);
/// ```
#[derive(Clone)]
pub struct Rng {
    key: [u8; 32],
    stream: ChaCha8Rng,
}

impl Rng {
    /// The stream of `seed`.
    pub fn from_seed(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self::from_key(key)
    }

    /// A stream named by `label` and `number`. It depends on them and on the seed, not on what was drawn so far.
    #[must_use]
    pub fn fork(&self, label: &str, number: u64) -> Self {
        let mut nonce = Fnv1a::default();
        nonce.add(label.as_bytes());
        nonce.add(&[0xff]);
        nonce.add(&number.to_le_bytes());
        let mut source = ChaCha8Rng::from_seed(self.key);
        // Stream 0 is this one's own.
        source.set_stream(nonce.0.max(1));
        let mut key = [0; 32];
        source.fill_bytes(&mut key);
        Self::from_key(key)
    }

    fn from_key(key: [u8; 32]) -> Self {
        Self { key, stream: ChaCha8Rng::from_seed(key) }
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.stream.next_u64()
    }

    /// A number below `bound`, each equally likely; 0 if `bound` is 0.
    ///
    /// By multiplication, with rejection of the few draws that would favour some numbers: D. Lemire, *Fast random
    /// integer generation in an interval*, 2019.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        let unfair = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= unfair {
                return (product >> 64) as u64;
            }
        }
    }

    /// An index into something of length `len`; 0 if it is empty.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// True in `numerator` of `denominator` cases.
    pub fn chance(&mut self, numerator: u64, denominator: u64) -> bool {
        self.below(denominator) < numerator
    }

    /// A duration from `low` to `high`, both included, to the nanosecond. If `high` is less, `low`.
    pub fn duration(&mut self, low: Duration, high: Duration) -> Duration {
        let span = high.saturating_sub(low).as_nanos();
        let span = u64::try_from(span).unwrap_or(u64::MAX - 1).min(u64::MAX - 1);
        low + Duration::from_nanos(self.below(span + 1))
    }

    /// Puts `items` into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.stream.fill_bytes(bytes);
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rng").field("drawn", &self.stream.get_word_pos()).finish_non_exhaustive()
    }
}

/// FNV-1a, 64 bits: a hash that is the same everywhere.
struct Fnv1a(u64);

impl Default for Fnv1a {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv1a {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_seed_never_change() {
        // Computed from the definition of ChaCha8 and FNV-1a, not by this code.
        let mut rng = Rng::from_seed(42);
        let mut fork = rng.fork("jitter", 1);
        assert_eq!([rng.next_u64(), rng.next_u64()], [6_424_161_053_832_095_879, 5_270_208_426_312_333_099]);
        assert_eq!(
            [fork.next_u64(), fork.next_u64()],
            [9_501_478_022_546_218_815, 11_418_922_542_028_516_574]
        );
    }

    #[test]
    fn a_draw_shifts_no_other_stream() {
        let mut drawn = Rng::from_seed(1);
        let fresh = drawn.clone();
        drawn.next_u64();
        assert_eq!(drawn.fork("a", 0).next_u64(), fresh.fork("a", 0).next_u64());
        assert_ne!(fresh.fork("a", 0).next_u64(), fresh.fork("a", 1).next_u64());
        assert_ne!(fresh.fork("a", 0).next_u64(), fresh.fork("b", 0).next_u64());
    }

    #[test]
    fn bounds_hold() {
        let mut rng = Rng::from_seed(3);
        let mut seen = [0_u32; 6];
        for _ in 0..6000 {
            seen[rng.index(6)] += 1;
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
        let (low, high) = (Duration::from_nanos(5), Duration::from_nanos(7));
        assert!((0..100).all(|_| (low..=high).contains(&rng.duration(low, high))));
        assert_eq!(rng.duration(high, low), high);
        assert!(rng.duration(Duration::ZERO, Duration::MAX) <= Duration::MAX);
    }
}
