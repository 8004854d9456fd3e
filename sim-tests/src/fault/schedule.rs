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
        // The last one still has time to last a little.
        let chaos_ms = millis(storm.chaos);
        let latest_ms = chaos_ms.saturating_sub(LASTS_MIN_MS);
        let mut faults = Vec::new();
        for _ in 0..count {
            let kind = kinds[rng.index(kinds.len())];
            let hosts = hosts(kind);
            if hosts.is_empty() {
                continue;
            }
            let on = hosts[rng.index(hosts.len())].clone();
            let at_ms = rng.below(latest_ms);
            let (low, high) = kind.sizes();
            let size = log_uniform(rng, low, high);
            let longest = millis(storm.lasts_max).min(chaos_ms.saturating_sub(at_ms));
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::{Strategy, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;

    const HOSTS: [&str; 3] = ["alpha", "beta", "gamma"];

    /// Which hosts a kind can happen to: not the same for all, and none for one.
    fn hosts(kind: FaultKind) -> Vec<String> {
        let skipped = match kind {
            FaultKind::Crash => 3,
            FaultKind::Reset => 2,
            _ => 0,
        };
        HOSTS.iter().skip(skipped).map(|name| (*name).to_owned()).collect()
    }

    fn draw(seed: u64, storm: &Storm, engine: Engine) -> Schedule {
        Schedule::draw(&mut Rng::from_seed(seed).fork("schedule", 0), storm, engine, hosts)
    }

    fn storm() -> impl Strategy<Value = Storm> {
        let kinds = prop::sample::subsequence(FaultKind::ALL, 0..=FaultKind::ALL.len());
        (kinds, 21..90_000_u64, 20..20_000_u64, 1..60_u64).prop_map(|(kinds, chaos, lasts, faults_max)| {
            Storm {
                kinds,
                chaos: Duration::from_millis(chaos),
                lasts_max: Duration::from_millis(lasts),
                faults_max,
                ..Storm::default()
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_drawn_is_within_bounds_and_in_order(seed: u64, storm in storm()) {
            for engine in Engine::ALL {
                let schedule = draw(seed, &storm, *engine);
                prop_assert!(schedule.faults.len() as u64 <= storm.faults_max);
                prop_assert!(schedule.faults.is_sorted_by_key(|fault| fault.at_ms));
                for fault in &schedule.faults {
                    let (low, high) = fault.kind.sizes();
                    prop_assert!((low..=high).contains(&fault.size), "{fault}");
                    prop_assert!(storm.kinds_on(*engine).contains(&fault.kind));
                    prop_assert!(hosts(fault.kind).contains(&fault.on));
                    prop_assert!(fault.end() <= storm.chaos, "{fault} ends after {:?}", storm.chaos);
                    prop_assert_eq!(fault.lasts_ms == 0, fault.kind.is_instant());
                    prop_assert!(fault.kind.is_instant() || fault.lasts_ms >= LASTS_MIN_MS);
                    prop_assert!(Duration::from_millis(fault.lasts_ms) <= storm.lasts_max);
                }
            }
        }

        #[test]
        fn the_same_stream_gives_the_same_schedule_and_it_survives_being_written_down(seed: u64, storm in storm()) {
            let schedule = draw(seed, &storm, Engine::Turmoil);
            prop_assert_eq!(&schedule, &draw(seed, &storm, Engine::Turmoil));
            let text = serde_json::to_string(&schedule).unwrap();
            prop_assert_eq!(&schedule, &serde_json::from_str::<Schedule>(&text).unwrap());
        }

        #[test]
        fn a_draw_between_two_sizes_is_between_them(seed: u64, low in 0..5000_u64, more in 0..5000_u64) {
            let drawn = log_uniform(&mut Rng::from_seed(seed), low, low + more);
            prop_assert!((low..=low + more).contains(&drawn));
        }
    }

    #[test]
    fn seeds_have_parts_of_the_kinds_from_one_to_all_of_them_and_some_have_none() {
        let storm = Storm { kinds: FaultKind::ALL.to_vec(), faults_max: 400, ..Storm::default() };
        let (mut sizes, mut subsets, mut calm) = (BTreeSet::new(), BTreeSet::new(), 0);
        let mut seen = BTreeSet::new();
        for seed in 0..2000 {
            let schedule = draw(seed, &storm, Engine::Turmoil);
            let kinds: BTreeSet<_> = schedule.faults.iter().map(|fault| fault.kind).collect();
            calm += u64::from(kinds.is_empty());
            seen.extend(kinds.iter().copied());
            sizes.insert(kinds.len());
            subsets.insert(kinds);
        }
        // All but the one that no host suffers.
        assert_eq!(seen.len(), FaultKind::ALL.len() - 1);
        assert!(sizes.len() > 20, "{sizes:?}");
        assert!(subsets.len() > 1500, "{}", subsets.len());
        assert!((60..=180).contains(&calm), "one in {CALM} and those whose kinds happen to nobody: {calm}");
    }

    #[test]
    fn small_sizes_are_as_likely_as_large_ones_and_both_ends_come_up() {
        let mut rng = Rng::from_seed(5);
        let drawn: Vec<_> = (0..20_000).map(|_| log_uniform(&mut rng, 1, 2000)).collect();
        let below = |bound: u64| drawn.iter().filter(|size| **size < bound).count();
        assert!(drawn.contains(&1) && drawn.contains(&2000));
        assert!((6500..9000).contains(&below(16)), "{}", below(16));
        assert!((12_000..16_000).contains(&below(256)), "{}", below(256));
    }

    #[test]
    fn a_storm_too_short_for_any_fault_has_faults_that_are_over_with_it() {
        let storm = Storm { kinds: vec![FaultKind::Pause], chaos: Duration::ZERO, ..Storm::default() };
        for seed in 0..50 {
            assert!(draw(seed, &storm, Engine::Testing).faults.iter().all(|fault| fault.at_ms == 0));
        }
    }

    #[test]
    fn every_kind_and_every_host_has_its_share() {
        let storm = Storm { kinds: FaultKind::ALL[..20].to_vec(), ..Storm::default() };
        for from in [0, 1_000_000] {
            let (mut kinds, mut hosts) =
                (std::collections::BTreeMap::new(), std::collections::BTreeMap::new());
            for seed in from..from + 2000 {
                for fault in draw(seed, &storm, Engine::Turmoil).faults {
                    *kinds.entry(fault.kind).or_insert(0) += 1;
                    if fault.kind == FaultKind::Truncate {
                        *hosts.entry(fault.on).or_insert(0) += 1;
                    }
                }
            }
            let (least, most) = (kinds.values().min().unwrap(), kinds.values().max().unwrap());
            assert!(*least > 0 && *most < 2 * least, "{kinds:?}");
            assert!(hosts.len() == 3, "{hosts:?}");
        }
    }
}
