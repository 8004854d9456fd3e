use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Who can carry a kind of fault out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// The runtime of a host, on either engine.
    Host,
    /// turmoil's network, on that engine only.
    Turmoil,
    /// The scenario, which asks [`Host::strikes`](crate::scenario::Host::strikes): only it knows what an error reply is.
    Scenario,
}

macro_rules! kinds {
    ($( $(#[doc = $doc:literal])+ $kind:ident $name:literal $reach:ident $low:literal..$high:literal $unit:literal, )+) => {
        /// What can go wrong. Each has a `size`, whose meaning is part of its description.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum FaultKind {
            $( $(#[doc = $doc])+ $kind, )+
        }

        impl FaultKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$( Self::$kind ),+];

            /// The name in schedules, reports and on the command line.
            pub fn name(self) -> &'static str {
                match self { $( Self::$kind => $name ),+ }
            }

            /// What it does, in a few words.
            pub fn about(self) -> &'static str {
                match self { $( Self::$kind => concat!($($doc),+).trim_ascii() ),+ }
            }

            /// Who carries it out.
            pub fn reach(self) -> Reach {
                match self { $( Self::$kind => Reach::$reach ),+ }
            }

            /// The sizes that are drawn, both included; 0 to 0 where it has none.
            pub fn sizes(self) -> (u64, u64) {
                match self { $( Self::$kind => ($low, $high) ),+ }
            }

            /// The unit of its size; empty where it has none.
            pub fn unit(self) -> &'static str {
                match self { $( Self::$kind => $unit ),+ }
            }
        }
    };
}

kinds! {
    /// Connects to the host are refused.
    ConnectRefused "connect-refused" Host 0..0 "",
    /// Connects to the host hang, and go on afterwards.
    ConnectHang "connect-hang" Host 0..0 "",
    /// Connects to the host take longer.
    ConnectSlow "connect-slow" Host 50..3000 "ms",
    /// The host's name cannot be looked up.
    DnsFailure "dns-failure" Host 0..0 "",
    /// All connections of the host are reset, at once.
    Reset "reset" Host 0..0 "",
    /// A connection of the host is reset when it has carried so many more bytes.
    ResetAfterBytes "reset-after-bytes" Host 1..2000 "bytes",
    /// Connections of the host carry nothing in either direction, and go on afterwards.
    BlackHole "black-hole" Host 0..0 "",
    /// What the host sends does not arrive, and does afterwards.
    OneWay "one-way" Host 0..0 "",
    /// What the host sends ends cleanly after so many more bytes, in the middle of a message.
    Truncate "truncate" Host 1..500 "bytes",
    /// Reads of the host return few bytes at a time.
    ShortReads "short-reads" Host 1..16 "bytes",
    /// Writes of the host take few bytes at a time.
    ShortWrites "short-writes" Host 1..16 "bytes",
    /// All that the host sends shares so little bandwidth.
    Bandwidth "bandwidth" Host 200..20000 "bytes/s",
    /// The host does not read from its connections.
    StalledReader "stalled-reader" Host 0..0 "",
    /// The host does not accept.
    AcceptStall "accept-stall" Host 0..0 "",
    /// Accepting fails on the host, as without a file descriptor to spare.
    AcceptError "accept-error" Host 0..0 "",
    /// The host's process is killed, and started again afterwards; peers see their connections closed.
    Crash "crash" Host 0..0 "",
    /// The host loses power, and is started again afterwards; peers hear nothing until it is back.
    PowerLoss "power-loss" Host 0..0 "",
    /// Nothing of the host runs, as when it collects garbage or its machine is moved.
    Pause "pause" Host 0..0 "",
    /// Tasks of the host come late to their turns.
    SlowTasks "slow-tasks" Host 1..200 "ms",
    /// Timers of the host fire late.
    LateTimers "late-timers" Host 1..500 "ms",
    /// Tasks of the host are polled though nobody woke them.
    SpuriousWakes "spurious-wakes" Host 0..0 "",
    /// Blocking jobs of the host begin late.
    SlowBlocking "slow-blocking" Host 1..2000 "ms",
    /// The date of the host jumps ahead.
    WallClockJump "wall-clock-jump" Host 1000..90000000 "ms",
    /// turmoil's network delivers nothing from or to the host, and all of it afterwards.
    Hold "hold" Turmoil 0..0 "",
    /// turmoil's network is cut around the host: what is under way is lost, and with it the connections.
    Partition "partition" Turmoil 0..0 "",
    /// Messages from and to the host take longer.
    Latency "latency" Turmoil 20..1000 "ms",
    /// Callers on the host give up: their futures are dropped after a poll (1, 3, 5) or before the next one (2, 4, 6).
    Cancel "cancel" Scenario 1..6 "points",
    /// Code of the user panics on the host.
    Panic "panic" Scenario 1..100 "%",
    /// The host answers with an error.
    ErrorReply "error-reply" Scenario 1..100 "%",
    /// The host takes its time to answer.
    SlowReply "slow-reply" Scenario 10..3000 "ms",
    /// The host answers never.
    NoReply "no-reply" Scenario 1..100 "%",
    /// A limit is changed in the midst of things.
    Resize "resize" Scenario 0..10 "",
}

impl FaultKind {
    /// Whether it is over as soon as it has begun.
    pub fn is_instant(self) -> bool {
        matches!(self, Self::Reset)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for FaultKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|kind| kind.name() == name);
        found.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|kind| kind.name()).collect();
            format!("there is no fault `{name}`; there are {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_thing_in_schedules_and_on_the_command_line() {
        for kind in FaultKind::ALL {
            assert_eq!(kind.name().parse(), Ok(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            let (low, high) = kind.sizes();
            assert!(low <= high && !kind.about().is_empty());
            assert_eq!(high == 0, kind.unit().is_empty() && *kind != FaultKind::Resize, "{kind}");
        }
    }

    #[test]
    fn the_guide_names_every_kind() {
        let page = include_str!("../../../docs/simulation.md");
        for kind in FaultKind::ALL {
            assert!(page.contains(&format!("| `{kind}` |")), "{kind} is missing in docs/simulation.md");
        }
    }
}
