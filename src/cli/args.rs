//! The flags. Each is also an environment variable and, where it makes sense, a key of the config file.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Parser, Subcommand};
use clap_complete::Shell;

use super::{
    fetch,
    host::Kind,
    tour::{self, Chapter},
};

const EXAMPLES: &str = "\
Examples:
  seaworthy tour                     every chapter, with its claims checked
  seaworthy tour --list              what there is to see
  seaworthy tour tasks --dir ~/src   hash a folder of yours
  seaworthy tour 1 2 --json | jq     the same as data
  seaworthy fetch -i urls.txt -o in  fetch many URLs at once
  seaworthy completions bash         a script for your shell";

const FETCH_EXAMPLES: &str = "\
Examples:
  seaworthy fetch https://example.org | jq .sha256
  seaworthy fetch -i urls.txt -j 50 --rate 100/s > results.ndjson
  seaworthy fetch -i urls.txt -o downloads            run it again to go on after a stop
  cat urls.txt | seaworthy fetch -i - -o downloads --retries 5
  seaworthy fetch https://example.org/api -H 'Authorization: Bearer ..' --data '{}' -H 'Content-Type: application/json'

Without -o bodies are hashed and thrown away, and each URL gives a line of JSON on standard output: url, status,
timings of every attempt, bytes, sha256, error with its phase. With -o it is a line of text, and JSON with --json.

Files are named after the URL; a name that is taken by another URL of the same run gets a number. What is not complete
is NAME.part, with NAME.part.json beside it, and is gone on with if the server says it is still the same.

Exit codes: 0 all were fetched; 1 some failed; 2 usage; 130 Ctrl-C, with everything put away.";

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
    /// Fetch many URLs at once, to files or to hashes
    #[command(after_help = FETCH_EXAMPLES)]
    Fetch(Fetch),
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

#[derive(Debug, clap::Args)]
pub(crate) struct Fetch {
    /// What to fetch
    #[arg(required_unless_present = "input", value_name = "URL")]
    pub(crate) urls: Vec<String>,
    /// A file with a URL in each line, or - for standard input; empty lines and lines that begin with # are left out
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Write each body to a file in this folder, which is made if it is not there
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Fetch anew what is there already
    #[arg(long, requires = "output")]
    pub(crate) overwrite: bool,
    /// How many at once, 1 to 1000
    #[arg(short = 'j', long, value_name = "N", default_value = "10", value_parser = fetch::concurrency)]
    pub(crate) concurrency: usize,
    /// How many requests go out in which time, evenly spaced: 50/s, 100/m
    #[arg(long, value_name = "RATE", value_parser = fetch::rate)]
    pub(crate) rate: Option<fetch::Rate>,
    /// How often one that failed is tried again; pauses grow, and Retry-After is heeded
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) retries: u32,
    /// How long each may take in all; default: as long as something comes every 15 s
    #[arg(long, value_name = "TIME", value_parser = fetch::duration)]
    pub(crate) timeout: Option<Duration>,
    /// A header of every request: 'Name: value'
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,
    /// The method; default: GET, or POST with --data
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// A body to send, or @FILE
    #[arg(long, value_name = "TEXT")]
    pub(crate) data: Option<String>,
    /// Results in the order of the URLs, not as they are done
    #[arg(long)]
    pub(crate) ordered: bool,
    /// With -o: a line of JSON for each, too
    #[arg(long, env = "SEAWORTHY_JSON", hide_env_values = true)]
    pub(crate) json: bool,
}
