//! The same program on either runtime.

use std::{
    fmt,
    future::Future,
    num::NonZero,
    pin::{Pin, pin},
    process,
    thread::available_parallelism,
};

use clap::ValueEnum;
use futures::future::{Either, select};
use seaworthy::rt::{CancelToken, Rt, Signal};
use serde::Deserialize;

use super::{Exit, Failure, screen::Screen};

/// A runtime that this command knows, built in or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A thread for each core, and one for the root
    Tokio,
    /// A thread for each core
    Smol,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tokio => "tokio",
            Self::Smol => "smol",
        })
    }
}

const BUILT_IN: &[Kind] = &[
    #[cfg(feature = "tokio")]
    Kind::Tokio,
    #[cfg(feature = "smol")]
    Kind::Smol,
];

/// The runtime that was asked for, if it is built in; the first that is, if none was.
pub(crate) fn choose(asked: Option<Kind>) -> Result<Kind, Failure> {
    choose_from(BUILT_IN, asked)
}

fn choose_from(built_in: &[Kind], asked: Option<Kind>) -> Result<Kind, Failure> {
    let Some(kind) = asked.or(built_in.first().copied()) else {
        return Err(Failure::usage(
            "there is no runtime to run on",
            "this `seaworthy` was built with neither the feature `tokio` nor `smol`",
            "build it again with one of them: `cargo build --features tokio,cli`",
        ));
    };
    if !built_in.contains(&kind) {
        let built_in: Vec<_> = built_in.iter().map(Kind::to_string).collect();
        let built_in = if built_in.is_empty() { "none".to_owned() } else { built_in.join(", ") };
        return Err(Failure::usage(
            format!("the runtime `{kind}` cannot be used"),
            format!("this `seaworthy` was built without it (built in: {built_in})"),
            format!("leave out --runtime, or build again with `--features {kind},cli`"),
        ));
    }
    Ok(kind)
}

/// The requests to end, one after the other: it can be awaited again.
pub(crate) type Signals = Pin<Box<dyn Future<Output = Signal>>>;

/// Runs `program` on the runtime of that kind.
pub(crate) fn run<F>(kind: Kind, program: F) -> Result<Exit, Failure>
where
    F: AsyncFnOnce(Rt, Signals) -> Result<Exit, Failure>,
{
    match kind {
        #[cfg(feature = "tokio")]
        Kind::Tokio => seaworthy::tokio::run_with(tokio_config(), async |rt| {
            let signals = seaworthy::tokio::shutdown_signal().map_err(|error| no_signals(&error))?;
            program(rt, Box::pin(signals)).await
        })
        .map_err(|error| refused(format_args!("the runtime `{kind}` could not start"), &error))?,
        #[cfg(feature = "smol")]
        Kind::Smol => seaworthy::smol::run_with(seaworthy::smol::Config::default(), async |rt| {
            let signals = seaworthy::smol::shutdown_signal().map_err(|error| no_signals(&error))?;
            program(rt, Box::pin(signals)).await
        })
        .map_err(|error| refused(format_args!("the runtime `{kind}` could not start"), &error))?,
        #[cfg(not(all(feature = "tokio", feature = "smol")))]
        missing => {
            drop(program);
            choose(Some(missing)).map(|_| Exit::Usage)
        }
    }
}

/// As many threads as there are cores, whatever tokio's own environment variable says: chapter 1 counts on it.
#[cfg(feature = "tokio")]
fn tokio_config() -> seaworthy::tokio::Config {
    seaworthy::tokio::Config { worker_threads: Some(cores()), ..Default::default() }
}

/// How many threads run tasks, on either runtime.
pub(crate) fn cores() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

#[cfg(any(feature = "tokio", feature = "smol"))]
fn no_signals(error: &std::io::Error) -> Failure {
    refused("Ctrl-C cannot be caught", error)
}

#[cfg(any(feature = "tokio", feature = "smol"))]
fn refused(what: impl fmt::Display, error: &std::io::Error) -> Failure {
    Failure::work(what, error, "look at the limits of this system: `ulimit -a`")
}

/// Runs `work` to its end. The first signal cancels `stop`, which `work` is expected to heed; the second ends the process
/// at once. Says which signal came.
pub(crate) async fn heeding<F: Future>(
    mut signals: Signals,
    stop: &CancelToken,
    screen: &Screen,
    work: F,
) -> (F::Output, Option<Signal>) {
    let mut work = pin!(work);
    let mut first = None;
    loop {
        match select(work.as_mut(), signals.as_mut()).await {
            Either::Left((output, _)) => return (output, first),
            Either::Right((signal, _)) => {
                if first.is_some() {
                    process::exit(exit(signal).code().into());
                }
                screen.notice(format_args!("\nstopping, and putting things away; once more to end at once"));
                first = Some(signal);
                stop.cancel();
            }
        }
    }
}

/// The exit code that belongs to a signal.
pub(crate) fn exit(signal: Signal) -> Exit {
    match signal {
        Signal::Terminate => Exit::Terminated,
        _ => Exit::Interrupted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokio_runs_it_unless_another_is_asked_for_or_there_is_no_other() {
        let both = [Kind::Tokio, Kind::Smol];
        assert_eq!(choose_from(&both, None).unwrap(), Kind::Tokio);
        assert_eq!(choose_from(&both, Some(Kind::Smol)).unwrap(), Kind::Smol);
        assert_eq!(choose_from(&[Kind::Smol], None).unwrap(), Kind::Smol);
    }

    #[test]
    fn a_runtime_that_is_not_built_in_is_a_usage_error() {
        assert_eq!(choose_from(&[Kind::Smol], Some(Kind::Tokio)).unwrap_err().exit, Exit::Usage);
        assert_eq!(choose_from(&[], None).unwrap_err().exit, Exit::Usage);
    }
}
