use std::fmt;

/// What asked the process to end, as the `shutdown_signal()` of a binding tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// Ctrl-C, or `SIGINT` from elsewhere.
    Interrupt,
    /// `SIGTERM`, as service managers send it.
    Terminate,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "interrupt",
            Self::Terminate => "terminate",
        })
    }
}
