//! What happens in a run, as its trace and its report show it.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Nanoseconds of simulated time since the start.
    pub at_ns: u64,
    /// The host where it happened; empty where it was the run as a whole.
    pub host: String,
    /// What it was.
    #[serde(flatten)]
    pub what: What,
}

/// What becomes of events.
#[derive(Default)]
pub(crate) enum Trace {
    /// They go into the digest and nowhere else.
    #[default]
    Off,
    Kept(Vec<Event>),
    /// Each is told when it happens, so that it is known even if the process dies of what comes next.
    Told(Tell),
}

pub(crate) type Tell = Box<dyn FnMut(&Event) + Send>;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
#[non_exhaustive]
pub enum What {
    /// The scenario says something.
    Note {
        /// Its words.
        text: String,
    },
    /// The host started, for the first time or again.
    Boot,
    /// The host's process ended before its time.
    Down,
    /// The host connected.
    Connected {
        /// The other host.
        to: String,
    },
    /// The host sent bytes.
    Sent {
        /// The other host.
        to: String,
        /// How many bytes.
        bytes: u64,
    },
    /// The host read bytes.
    Received {
        /// The other host.
        from: String,
        /// How many bytes; 0 is the end of the stream.
        bytes: u64,
    },
    /// A fault of the schedule began.
    FaultBegan {
        /// Its index.
        fault: usize,
        /// In words.
        text: String,
    },
    /// A fault of the schedule is over.
    FaultEnded {
        /// Its index.
        fault: usize,
    },
    /// A fault had an effect.
    FaultStruck {
        /// Its index.
        fault: usize,
        /// Its kind.
        kind: String,
    },
    /// All faults are over.
    Healed,
    /// A law was broken.
    Violated {
        /// The law.
        law: String,
        /// How.
        text: String,
    },
}

impl Event {
    /// The simulated time since the start.
    pub fn at(&self) -> Duration {
        Duration::from_nanos(self.at_ns)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.at_ns / 1_000_000_000, self.at_ns / 1000 % 1_000_000);
        write!(f, "{seconds:>4}.{micros:06}  {:<12}  ", self.host)?;
        match &self.what {
            What::Note { text } => f.write_str(text),
            What::Boot => f.write_str("-- up"),
            What::Down => f.write_str("-- down"),
            What::Connected { to } => write!(f, "connected to {to}"),
            What::Sent { to, bytes } => write!(f, "-> {to}: {bytes} bytes"),
            What::Received { from, bytes: 0 } => write!(f, "<- {from}: end"),
            What::Received { from, bytes } => write!(f, "<- {from}: {bytes} bytes"),
            What::FaultBegan { fault, text } => write!(f, "## fault {fault} begins: {text}"),
            What::FaultEnded { fault } => write!(f, "## fault {fault} is over"),
            What::FaultStruck { fault, kind } => write!(f, "## fault {fault} strikes: {kind}"),
            What::Healed => f.write_str("## all faults are over"),
            What::Violated { law, text } => write!(f, "!! {law}: {text}"),
        }
    }
}
