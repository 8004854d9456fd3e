use std::fmt;

/// What a runtime may lack for a good reason, declared with [`Suite::without`](super::Suite::without).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feature {
    /// Unix domain sockets.
    UnixSockets,
    /// IPv6.
    Ipv6,
    /// Connections whose [`is_write_vectored`](crate::rt::Connection::is_write_vectored) is true.
    VectoredWrites,
    /// Blocking jobs run beside the tasks, on threads of their own. Simulations run them in place.
    BlockingThreads,
    /// Timers, sockets and wakers work on threads the runtime does not know, while it goes on waiting.
    ForeignThreads,
    /// Time passes by itself, also while a task is busy. It does not in virtual time.
    RealTime,
    /// A panic that nobody takes is counted and logged, and the run goes on. A test runtime rather fails its run.
    SurvivesUnobservedPanics,
}

impl Feature {
    /// Why the machine itself has no such thing, if so: not the binding's fault.
    pub(super) fn missing_on_this_host(self) -> Option<&'static str> {
        match self {
            Self::UnixSockets if !cfg!(unix) => Some("this system has no Unix sockets"),
            Self::Ipv6 if !host_has_ipv6() => Some("this host has no IPv6"),
            _ => None,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "asks the host itself, before any runtime runs")]
fn host_has_ipv6() -> bool {
    std::net::TcpListener::bind((std::net::Ipv6Addr::LOCALHOST, 0)).is_ok()
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnixSockets => "Unix sockets",
            Self::Ipv6 => "IPv6",
            Self::VectoredWrites => "vectored writes",
            Self::BlockingThreads => "threads for blocking jobs",
            Self::ForeignThreads => "work on foreign threads",
            Self::RealTime => "time that passes by itself",
            Self::SurvivesUnobservedPanics => "survival of unobserved panics",
        })
    }
}
