use std::{fmt::Display, io, process::ExitCode};

use console::style;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Done,
    /// A part of the work failed, or a claim did not hold.
    Failed,
    /// The command was called in a way that cannot work.
    Usage,
    /// Ctrl-C, after everything was put away.
    Interrupted,
    /// `SIGTERM`, likewise.
    Terminated,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// What went wrong, why, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    what: String,
    why: String,
    advice: String,
}

impl Failure {
    pub(crate) fn usage(what: impl Display, why: impl Display, advice: impl Display) -> Self {
        Self::new(Exit::Usage, what, why, advice)
    }

    pub(crate) fn work(what: impl Display, why: impl Display, advice: impl Display) -> Self {
        Self::new(Exit::Failed, what, why, advice)
    }

    pub(crate) fn output(error: &io::Error) -> Self {
        Self::work("the output could not be written", error, "look at where standard output goes")
    }

    fn new(exit: Exit, what: impl Display, why: impl Display, advice: impl Display) -> Self {
        Self { exit, what: what.to_string(), why: why.to_string(), advice: advice.to_string() }
    }

    pub(crate) fn print(&self) {
        let Self { what, why, advice, .. } = self;
        let error = style("error:").for_stderr().red().bold();
        // A reason of several lines stays under its heading.
        let why = why.trim_end().replace('\n', "\n       ");
        eprintln!("{error} {what}\n  why: {why}\n   do: {advice}");
    }
}
