use std::{collections::BTreeMap, fmt, time::Duration};

/// How many task names a report lists.
const NAMES_MAX: usize = 20;

/// The outcome of a run that went well.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finished<T> {
    /// What the root returned.
    pub value: T,
    /// What it took.
    pub stats: Stats,
}

/// What happened in a run, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How often a task was polled or a blocking job run.
    pub polls: u64,
    /// How many tasks and blocking jobs were started, the root not counted.
    pub tasks: u64,
    /// How often time jumped, because nothing was left to do at its instant.
    pub time_jumps: u64,
    /// Wakes and spawns that came from other threads. If there are any, the run cannot be repeated from its seed.
    pub foreign_wakes: u64,
    /// How much virtual time passed.
    pub virtual_time: Duration,
    /// A fingerprint of the order and the times of all polls. The same seed and the same code give the same.
    pub digest: u64,
}

/// Why a run was stopped before its root returned, or failed although it did.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub struct Stop {
    /// The seed that leads here again.
    pub seed: u64,
    /// Why.
    pub reason: StopReason,
    /// What had happened until then.
    pub stats: Stats,
}

/// The reason of a [`Stop`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The root waits, nothing is ready, and no timer is left that could change it.
    Deadlock {
        /// Who waits.
        waiting: TaskCounts,
        /// How many timers for mere maintenance were left ([`Rt::background_timer`](crate::rt::Rt::background_timer)).
        background_timers: usize,
    },
    /// The next timer lies behind [`Config::limit`](super::Config::limit).
    TimeLimit {
        /// Who waits.
        waiting: TaskCounts,
        /// The limit.
        limit: Duration,
    },
    /// Tasks wake each other, or themselves, without time ever moving on.
    Livelock {
        /// Who was polled last, and how often.
        busiest: TaskCounts,
        /// How many polls there were at this one instant.
        polls: u64,
    },
    /// A panic that nobody saw, or that of the root.
    Panicked {
        /// The task, or `root`.
        task: &'static str,
        /// What it said.
        message: String,
    },
}

/// Tasks by name, with a number for each name. It shows the twenty largest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskCounts(BTreeMap<&'static str, u64>);

impl TaskCounts {
    pub(super) fn add(&mut self, name: &'static str) {
        *self.0.entry(name).or_default() += 1;
    }

    /// The number of `name`; 0 if it is not there.
    pub fn count(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// All names with their numbers, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(name, count)| (*name, *count))
    }
}

impl fmt::Display for TaskCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts: Vec<_> = self.iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (name, count) in counts.iter().take(NAMES_MAX) {
            write!(f, "\n  {count:>6} x {name}")?;
        }
        match counts.len().saturating_sub(NAMES_MAX) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more names"),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, reason, stats } = self;
        write!(f, "seed {seed:#x}, {:?} into the run: ", stats.virtual_time)?;
        match reason {
            StopReason::Deadlock { waiting, background_timers } => {
                write!(f, "deadlock: these tasks wait{waiting}\nand no timer is left that could wake one")?;
                if *background_timers > 0 {
                    write!(f, " ({background_timers} background timers do not count)")?;
                }
                f.write_str("; if another thread was to do it, see `Config::wait_for_threads`")?;
            }
            StopReason::TimeLimit { waiting, limit } => {
                write!(
                    f,
                    "deadlock: these tasks wait{waiting}\nand the next timer is behind the limit of {limit:?}"
                )?;
            }
            StopReason::Livelock { busiest, polls } => {
                write!(f, "livelock: {polls} polls without time moving on; of the last, these had{busiest}")?;
            }
            StopReason::Panicked { task, message } => write!(f, "task `{task}` panicked: {message}")?,
        }
        if stats.foreign_wakes > 0 {
            let wakes = stats.foreign_wakes;
            write!(f, "\n{wakes} wakes came from other threads: this run cannot be repeated from its seed")?;
        }
        Ok(())
    }
}
