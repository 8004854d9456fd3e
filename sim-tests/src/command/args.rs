//! The command line.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Parser, Subcommand};

use crate::{engine::Engine, sweep::seeds};

/// Runs scenarios in a simulated world, over many seeds, and looks for a law that breaks.
///
/// Each seed is one run: its faults, its order of tasks, its network, all its chance. The same seed is the same run.
/// Exit codes: 0 all laws held, 1 one was broken or something that must be reached was not, 2 usage, 130 Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "sim", version, max_term_width = 110)]
pub(crate) struct Line {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run scenarios over many seeds: a table, a summary, and what there is to know about each failure.
    Run(RunArgs),
    /// Run one seed again, twice, and show what happened.
    Replay(ReplayArgs),
    /// Run as many seeds as fit into a time, such as 30m or 8h.
    Soak(SoakArgs),
    /// List the scenarios: their engines, faults, points and canaries.
    List(ListArgs),
    /// Check that planted bugs are found, and how soon. Needs a build with `--cfg seaworthy_canary`.
    Canaries(CanariesArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) which: Which,

    /// The seeds: the first N from 0, or A..B without B; 0x.. is hexadecimal. Default: as many as fit into --time, from a
    /// random one on.
    #[arg(long, value_name = "N|A..B", value_parser = seeds::parse_range)]
    pub(crate) seeds: Option<Range<u64>>,

    /// Begin no seed after this time. What needs more seeds for its coverage may go on for as long again. Default: 60s
    /// without --seeds.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) time: Option<Duration>,

    #[command(flatten)]
    pub(crate) how: How,
}

#[derive(Debug, Args)]
pub(crate) struct SoakArgs {
    /// How long, such as 30m.
    #[arg(value_name = "DURATION", value_parser = duration)]
    pub(crate) time: Duration,

    #[command(flatten)]
    pub(crate) which: Which,

    #[command(flatten)]
    pub(crate) how: How,
}

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The scenarios. Default: all.
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<String>,

    /// The engine: `testing`, any order of tasks and fast, or `turmoil`, with its network. Default: each that the scenario runs on.
    #[arg(long)]
    pub(crate) engine: Option<Engine>,
}

/// How to run it, and where to.
#[derive(Debug, Args)]
pub(crate) struct How {
    #[command(flatten)]
    pub(crate) processes: Processes,

    /// Write what came of it to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Write a page about it to this file, as HTML without anything from elsewhere.
    #[arg(long, value_name = "FILE", overrides_with = "report")]
    pub(crate) report: Option<PathBuf>,

    /// Do not run the schedules that once failed.
    #[arg(long)]
    pub(crate) no_regressions: bool,

    /// The folder of schedules that once failed. Default: `regressions` in the package of the program; `list` shows it.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) regressions: Option<PathBuf>,

    /// Keep the shrunk schedules of failures in the folder of regressions.
    #[arg(long)]
    pub(crate) keep: bool,

    /// How long to look for smaller schedules that still fail, all failures together; 0s looks for none.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration)]
    pub(crate) shrink_time: Duration,
}

impl Command {
    pub(crate) fn how(&mut self) -> Option<&mut How> {
        match self {
            Self::Run(args) => Some(&mut args.how),
            Self::Soak(args) => Some(&mut args.how),
            Self::Replay(args) => Some(&mut args.how),
            Self::List(_) | Self::Canaries(_) => None,
        }
    }
}

impl How {
    /// The folder of regressions.
    pub(crate) fn folder(&self) -> &Path {
        self.regressions.as_deref().unwrap_or(Path::new("regressions"))
    }
}

/// The processes that run the seeds.
#[derive(Debug, Args)]
pub(crate) struct Processes {
    /// How many processes at a time. Default: one for each core.
    #[arg(long, short, value_name = "N", value_parser = jobs)]
    pub(crate) jobs: Option<usize>,

    /// Kill a process that has run for so long by a real clock.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(crate) seed_timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The scenario.
    pub(crate) scenario: String,

    /// The seed, as it was printed.
    #[arg(value_parser = seeds::parse)]
    pub(crate) seed: u64,

    /// The engine. Default: the first that the scenario runs on.
    #[arg(long)]
    pub(crate) engine: Option<Engine>,

    /// Faults from a file instead of those of the seed: a regression, or a JSON array of faults.
    #[arg(long, value_name = "FILE")]
    pub(crate) schedule: Option<PathBuf>,

    /// Print all that happened. Default: what was around the failure, or the end.
    #[arg(long)]
    pub(crate) trace: bool,

    /// Look for the least schedule that fails in the same way.
    #[arg(long)]
    pub(crate) shrink: bool,

    #[command(flatten)]
    pub(crate) how: How,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The scenarios. Default: all.
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CanariesArgs {
    #[command(flatten)]
    pub(crate) which: Which,

    /// The canary. Default: each of each scenario.
    #[arg(long)]
    pub(crate) canary: Option<String>,

    /// A canary that is not found within so many seeds is a failure.
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub(crate) seeds_max: u64,

    #[command(flatten)]
    pub(crate) processes: Processes,
}

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("no time at all".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}; write `90s` or `30m`")),
    }
}

fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("0 jobs run nothing".to_owned()),
        Ok(jobs) if jobs > 1024 => Err("more than 1024 processes at a time are of no use".to_owned()),
        Ok(jobs) => Ok(jobs),
        Err(error) => Err(format!("{error}")),
    }
}
