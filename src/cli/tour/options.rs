use std::{fs, path::PathBuf};

use super::{CHAPTERS, Chapter};
use crate::cli::{
    Failure, args, config,
    host::{self, Kind},
};

/// At most so many files are hashed at once: each takes a thread of the blocking pool, which has 500 or more.
const CONCURRENCY_MAX: usize = 256;

/// Reads `--concurrency`.
pub(crate) fn concurrency(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=CONCURRENCY_MAX).contains(number));
    number.ok_or_else(|| format!("it takes a whole number from 1 to {CONCURRENCY_MAX}"))
}

/// What the tour was asked for, by flags, environment and file, checked.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) json: bool,
    pub(super) runtime: Kind,
    pub(super) cores: usize,
    pub(super) chapters: Vec<&'static Chapter>,
    pub(super) dir: Option<PathBuf>,
    pub(super) concurrency: usize,
}

impl Options {
    pub(crate) fn new(flags: args::Tour, file: config::Tour, runtime: Kind) -> Result<Self, Failure> {
        let cores = host::cores();
        let concurrency =
            flags.concurrency.or(file.concurrency).unwrap_or((2 * cores).clamp(2, CONCURRENCY_MAX));
        // The flag and the variable were checked as they were read.
        if !(1..=CONCURRENCY_MAX).contains(&concurrency) {
            return Err(Failure::usage(
                format!("the config file's `tour.concurrency` = {concurrency} is refused"),
                format!("it is not in 1..={CONCURRENCY_MAX}"),
                "correct it, or leave it out for two at once for each core",
            ));
        }
        let dir = flags.dir.or(file.dir);
        dir.as_ref().map_or(Ok(()), check_folder)?;
        let chapters = if flags.chapters.is_empty() { CHAPTERS.iter().collect() } else { flags.chapters };
        Ok(Self {
            json: flags.json || file.json.unwrap_or(false),
            runtime,
            cores,
            chapters,
            dir,
            concurrency,
        })
    }
}

fn check_folder(dir: &PathBuf) -> Result<(), Failure> {
    let why = match fs::metadata(dir) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => "it is not a folder".to_owned(),
        Err(error) => error.to_string(),
    };
    let what = format!("the folder `{}` cannot be hashed", dir.display());
    Err(Failure::usage(what, why, "give --dir a folder that is there, or leave it out to have one made"))
}
