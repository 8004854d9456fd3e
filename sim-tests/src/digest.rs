//! The fingerprint of a run.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// 64 bits, shown as hexadecimal.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

/// A hash of all that happens in a run, in order, with its value at the end of each simulated second.
///
/// The same seed gives the same digest in any process. Where two runs differ, the first checkpoint that does tells the
/// second.
#[derive(Clone, Debug)]
pub(crate) struct Digest {
    hash: u64,
    /// The value at the end of each second that is over.
    checkpoints: Vec<Fingerprint>,
}

impl Default for Digest {
    fn default() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, checkpoints: Vec::new() }
    }
}

impl Digest {
    /// Notes that it is `now`, before something is added.
    pub(crate) fn advance(&mut self, now: Duration) {
        let seconds = usize::try_from(now.as_secs()).unwrap_or(usize::MAX);
        while self.checkpoints.len() < seconds {
            self.checkpoints.push(Fingerprint(self.hash));
        }
        self.number(now.as_nanos() as u64);
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.hash = (self.hash ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    pub(crate) fn value(&self) -> Fingerprint {
        Fingerprint(self.hash)
    }

    pub(crate) fn checkpoints(&self) -> &[Fingerprint] {
        &self.checkpoints
    }
}

/// What is written to a digest counts with its length, so that `ab` and `c` are not `a` and `bc`.
impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for chunk in text.as_bytes().chunks(8) {
            let mut number = [0; 8];
            number[..chunk.len()].copy_from_slice(chunk);
            self.number(u64::from_le_bytes(number));
        }
        self.number(text.len() as u64);
        Ok(())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// As text: a number of 64 bits is more than a reader of JSON can be trusted with.
impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map(Self).map_err(D::Error::custom)
    }
}
