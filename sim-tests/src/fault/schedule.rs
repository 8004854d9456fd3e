use std::{fmt, time::Duration};

use seaworthy_core::rt::Rng;
use serde::{Deserialize, Serialize};

use super::{FaultKind, Reach};
use crate::engine::Engine;

/// One fault of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When it begins, in milliseconds of simulated time since the start.
    pub at_ms: u64,
    /// How long it lasts, in milliseconds. 0 for those that are over at once.
    #[serde(default)]
    pub lasts_ms: u64,
    /// What happens.
    pub kind: FaultKind,
    /// The host it happens to.
    pub on: String,
    /// How much, in the unit of its kind.
    #[serde(default)]
    pub size: u64,
}

impl Fault {
    /// When it begins.
    pub fn at(&self) -> Duration {
        Duration::from_millis(self.at_ms)
    }

    /// When it is over.
    pub fn end(&self) -> Duration {
        Duration::from_millis(self.at_ms.saturating_add(self.lasts_ms))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_ms, lasts_ms, kind, on, size } = self;
        write!(f, "at {:>6}.{:03} s  {kind:<18} {on:<12}", at_ms / 1000, at_ms % 1000)?;
        if *lasts_ms > 0 {
            write!(f, "  for {}.{:03} s", lasts_ms / 1000, lasts_ms % 1000)?;
        }
        if kind.sizes().1 > 0 {
            write!(f, "  {size} {}", kind.unit())?;
        }
        Ok(())
    }
}

/// All faults of a run, in the order in which they begin. It is data: drawn before the run, kept with a failure, shrunk,
/// edited by hand, and run again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schedule {
    /// The faults.
    pub faults: Vec<Fault>,
}

/// What kinds of faults a scenario is meant to stand, and for how long.
#[derive(Clone, Debug)]
pub struct Storm {
    /// The kinds. Each seed takes a part of them.
    pub kinds: Vec<FaultKind>,
    /// How long faults happen. Default: 40 s.
    pub chaos: Duration,
    /// How long everything has, once healed, to be as if nothing had been. Default: 20 s.
    pub settle: Duration,
    /// The most faults of a run. Default: 24.
    pub faults_max: u64,
    /// The longest a fault lasts. Default: 8 s.
    pub lasts_max: Duration,
}

impl Default for Storm {
    fn default() -> Self {
        Self {
            kinds: Vec::new(),
            chaos: Duration::from_secs(40),
            settle: Duration::from_secs(20),
            faults_max: 24,
            lasts_max: Duration::from_secs(8),
        }
    }
}

/// One seed in so many has no faults: the calm shows what the storm does.
const CALM: u64 = 20;

/// The shortest a fault lasts.
const LASTS_MIN_MS: u64 = 20;

impl Storm {
    /// The kinds that can be carried out on `engine`.
    pub fn kinds_on(&self, engine: Engine) -> Vec<FaultKind> {
        let possible = |kind: &&FaultKind| kind.reach() != Reach::Turmoil || engine == Engine::Turmoil;
        self.kinds.iter().filter(possible).copied().collect()
    }
}

impl Schedule {
    /// Draws the faults of one run. Each seed has a part of the kinds only, so that some of them happen often enough
    /// together, and without the others that would hide them: Groce et al., *Swarm Testing*, ISSTA 2012.
    ///
    /// `hosts` are those that a kind can happen to.
    pub(crate) fn draw(
        rng: &mut Rng,
        storm: &Storm,
        engine: Engine,
        hosts: impl Fn(FaultKind) -> Vec<String>,
    ) -> Self {
        let mut kinds = storm.kinds_on(engine);
        rng.shuffle(&mut kinds);
        if rng.chance(1, CALM) || kinds.is_empty() {
            return Self::default();
        }
        let chosen = 1 + rng.index(kinds.len());
        kinds.truncate(chosen);
        let count = 1 + rng.below(storm.faults_max);
        let chaos_ms = millis(storm.chaos);
        let mut faults = Vec::new();
        for _ in 0..count {
            let kind = kinds[rng.index(kinds.len())];
            let hosts = hosts(kind);
            if hosts.is_empty() {
                continue;
            }
            let on = hosts[rng.index(hosts.len())].clone();
            let at_ms = rng.below(chaos_ms);
            let (low, high) = kind.sizes();
            let size = log_uniform(rng, low, high);
            let longest = millis(storm.lasts_max).min(chaos_ms - at_ms);
            let lasts_ms = if kind.is_instant() { 0 } else { log_uniform(rng, LASTS_MIN_MS, longest) };
            faults.push(Fault { at_ms, lasts_ms, kind, on, size });
        }
        Self::new(faults)
    }

    /// A schedule of these faults.
    pub fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.at_ms);
        Self { faults }
    }
}

/// Small values as likely as large ones: each power of two has the same share.
fn log_uniform(rng: &mut Rng, low: u64, high: u64) -> u64 {
    if high <= low {
        return low;
    }
    let (low_bits, high_bits) = (u64::from(low.max(1).ilog2()), u64::from(high.ilog2()));
    let bits = low_bits + rng.below(high_bits - low_bits + 1);
    let (from, to) = ((1_u64 << bits).max(low), ((2_u64 << bits) - 1).min(high));
    from + rng.below(to - from + 1)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
