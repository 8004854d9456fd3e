//! What kinds of faults have in common: one colour each.

use crate::fault::FaultKind;

/// What a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    Connecting,
    Breaking,
    Network,
    Process,
    Time,
    Application,
}

impl Family {
    pub(super) const ALL: &[Self] =
        &[Self::Connecting, Self::Breaking, Self::Network, Self::Process, Self::Time, Self::Application];

    pub(super) fn of(kind: FaultKind) -> Self {
        match kind {
            FaultKind::ConnectRefused
            | FaultKind::ConnectHang
            | FaultKind::ConnectSlow
            | FaultKind::DnsFailure
            | FaultKind::AcceptStall
            | FaultKind::AcceptError => Self::Connecting,
            FaultKind::Reset | FaultKind::ResetAfterBytes | FaultKind::Truncate => Self::Breaking,
            FaultKind::BlackHole
            | FaultKind::OneWay
            | FaultKind::ShortReads
            | FaultKind::ShortWrites
            | FaultKind::Bandwidth
            | FaultKind::StalledReader
            | FaultKind::Hold
            | FaultKind::Partition
            | FaultKind::Latency => Self::Network,
            FaultKind::Crash | FaultKind::PowerLoss | FaultKind::Pause => Self::Process,
            FaultKind::SlowTasks
            | FaultKind::LateTimers
            | FaultKind::SpuriousWakes
            | FaultKind::SlowBlocking
            | FaultKind::WallClockJump => Self::Time,
            FaultKind::Cancel
            | FaultKind::Panic
            | FaultKind::ErrorReply
            | FaultKind::SlowReply
            | FaultKind::NoReply
            | FaultKind::Resize => Self::Application,
        }
    }

    /// The name, also that of its colour in `report.css`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Breaking => "breaking",
            Self::Network => "network",
            Self::Process => "process",
            Self::Time => "time",
            Self::Application => "application",
        }
    }
}
