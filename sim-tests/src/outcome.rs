//! What comes of a run.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    digest::Fingerprint,
    engine::Engine,
    fault::{FaultKind, Schedule},
};

/// What came of one run, as its process reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Outcome {
    /// The scenario.
    pub scenario: String,
    /// The engine.
    pub engine: Engine,
    /// The seed.
    pub seed: u64,
    /// The planted bug that was switched on, if one was.
    pub canary: Option<String>,
    /// Whether it went well.
    pub verdict: Verdict,
    /// Simulated time, in milliseconds.
    pub simulated_ms: u64,
    /// Real time, in microseconds.
    pub wall_us: u64,
    /// The fingerprint of all that happened.
    pub digest: Fingerprint,
    /// The fingerprint at the end of each simulated second.
    pub checkpoints: Vec<Fingerprint>,
    /// How many things happened that the fingerprint is made of.
    pub events: u64,
    /// What the scenario drew for this run: sizes, limits, numbers of clients.
    pub options: BTreeMap<String, String>,
    /// The faults.
    pub schedule: Schedule,
    /// How often faults of each kind had an effect.
    pub effects: BTreeMap<FaultKind, u64>,
    /// How often each point was reached.
    pub points: BTreeMap<String, u64>,
}

/// Whether a run went well, and if not, how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
#[non_exhaustive]
pub enum Verdict {
    /// All laws held.
    Passed,
    /// A law was broken.
    Violated {
        /// The law.
        law: String,
        /// How, with what is needed to understand it.
        text: String,
        /// The host; empty where it was found at the end.
        host: String,
        /// When, in milliseconds of simulated time.
        at_ms: u64,
    },
    /// Something panicked that must not.
    Panicked {
        /// Where and what.
        text: String,
    },
    /// It does not end: a deadlock, a livelock, clients that wait for ever.
    Stuck {
        /// Who waits.
        text: String,
    },
    /// The simulation itself failed, or a host could not be set up.
    Failed {
        /// How.
        text: String,
    },
    /// The process ended without a report: killed, aborted, out of memory.
    Died {
        /// How it ended, and the last it said.
        text: String,
    },
    /// The process did not end within the time of a real clock.
    TimedOut {
        /// After how many seconds it was killed.
        seconds: u64,
    },
    /// Two runs of one seed differed.
    Diverged {
        /// Where first.
        text: String,
    },
}

impl Verdict {
    /// Whether all laws held.
    pub fn is_pass(&self) -> bool {
        *self == Self::Passed
    }

    /// What failed, the same for two runs that failed in the same way: the law, or the kind of end.
    pub fn signature(&self) -> &str {
        match self {
            Self::Passed => "passed",
            Self::Violated { law, .. } => law,
            Self::Panicked { .. } => "panicked",
            Self::Stuck { .. } => "stuck",
            Self::Failed { .. } => "failed",
            Self::Died { .. } => "died",
            Self::TimedOut { .. } => "timed out",
            Self::Diverged { .. } => "diverged",
        }
    }

    /// Finer than the [signature](Self::signature): of ends that are told in words, with the words but for their numbers, so
    /// that two panics are not taken for one.
    #[cfg_attr(not(unix), expect(dead_code, reason = "for the runner"))]
    pub(crate) fn way(&self) -> String {
        let text = match self {
            Self::Panicked { text } | Self::Failed { text } | Self::Died { text } => text.as_str(),
            _ => "",
        };
        let has_digit = |word: &str| word.bytes().any(|byte| byte.is_ascii_digit());
        let words = text.lines().next().unwrap_or_default().split_whitespace();
        let words = words.map(|word| if has_digit(word) { "#" } else { word });
        std::iter::once(self.signature()).chain(words).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("all laws held"),
            Self::Violated { law, text, host, at_ms } => {
                write!(f, "law broken at {}.{:03} s", at_ms / 1000, at_ms % 1000)?;
                if !host.is_empty() {
                    write!(f, " on {host}")?;
                }
                write!(f, ": {law}\n  {text}")
            }
            Self::Panicked { text } => write!(f, "panicked: {text}"),
            Self::Stuck { text } => write!(f, "stuck: {text}"),
            Self::Failed { text } => write!(f, "failed: {text}"),
            Self::Died { text } => write!(f, "the process died: {text}"),
            Self::TimedOut { seconds } => {
                write!(f, "the process had not ended after {seconds} s of real time and was killed")
            }
            Self::Diverged { text } => write!(f, "two runs of this seed differ: {text}"),
        }
    }
}
