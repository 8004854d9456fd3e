//! The flags. Each is also an environment variable and, where it makes sense, a key of the config file.

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand};
use clap_complete::Shell;

use super::{
    host::Kind,
    tour::{self, Chapter},
};

const EXAMPLES: &str = "\
Examples:
  seaworthy tour                     every chapter, with its claims checked
  seaworthy tour --list              what there is to see
  seaworthy tour tasks --dir ~/src   hash a folder of yours
  seaworthy tour 1 2 --json | jq     the same as data
  seaworthy completions bash         a script for your shell";

const TOUR_EXAMPLES: &str = "\
Examples:
  seaworthy tour
  seaworthy tour 2
  seaworthy tour event-loop tasks --runtime smol
  seaworthy tour tasks --dir ~/src --concurrency 8
  seaworthy tour --json | jq '.chapters[].claims[]'

A config file (--config) holds the same keys, and gives way to flags and environment:
  runtime = \"smol\"
  [tour]
  dir = \"/srv/data\"
  concurrency = 8
  json = true

Exit codes: 0 all claims held; 1 a claim did not hold or a file could not be read;
2 usage; 130 Ctrl-C, after everything was put away (press it twice to end at once).";

/// Async building blocks that behave the same on tokio, on smol, and inside a simulated storm.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// What runs it all; default: tokio if it is built in
    #[arg(long, value_enum, global = true, env = "SEAWORTHY_RUNTIME", hide_env_values = true)]
    pub(crate) runtime: Option<Kind>,
    /// A TOML file with defaults for the flags
    #[arg(long, value_name = "FILE", global = true, env = "SEAWORTHY_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// Log to standard error: -v info, -vv debug, -vvv trace; RUST_LOG overrides it
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    /// Only the last table, and what failed
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what async building blocks do, for real and offline, and check every claim
    #[command(after_help = TOUR_EXAMPLES)]
    Tour(Tour),
    /// Print a completion script
    Completions {
        /// For which shell
        shell: Shell,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Tour {
    /// Chapters, by number or name; default: all
    #[arg(value_parser = tour::find)]
    pub(crate) chapters: Vec<&'static Chapter>,
    /// List the chapters and end
    #[arg(short, long)]
    pub(crate) list: bool,
    /// One JSON document on standard output instead of text
    #[arg(long, env = "SEAWORTHY_JSON", hide_env_values = true)]
    pub(crate) json: bool,
    /// Chapter 2: the folder to hash; default: one of 10,000 files, made and removed
    ///
    /// Symbolic links are not followed; they and special files are counted and skipped. A name that is not UTF-8 is
    /// shown with U+FFFD in its place; JSON has all its bytes beside it, in hexadecimal, as `path_hex`.
    #[arg(long, value_name = "DIR", env = "SEAWORTHY_DIR", hide_env_values = true)]
    pub(crate) dir: Option<PathBuf>,
    /// Chapter 2: how many files are hashed at once, 1 to 256; default: two for each core
    #[arg(short = 'j', long, value_name = "N", value_parser = tour::concurrency, env = "SEAWORTHY_CONCURRENCY", hide_env_values = true)]
    pub(crate) concurrency: Option<usize>,
}
