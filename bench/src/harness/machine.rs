use std::{collections::BTreeMap, fmt, fs, process::Command, thread::available_parallelism};

use serde::{Deserialize, Serialize};

/// Where, when and of what a result was taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    date: String,
    commit: String,
    processor: String,
    cores: usize,
    /// Of the last minute, before the run: how noisy the machine was.
    load: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            date: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            commit: commit().unwrap_or_else(|| "unknown".to_owned()),
            processor: processor.map_or("unknown", |(_, name)| name).to_owned(),
            cores: available_parallelism().map_or(1, Into::into),
            load: load.split(' ').next().unwrap_or("unknown").to_owned(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { date, commit, processor, cores, load } = self;
        write!(f, "{date}, commit {commit}, {processor}, {cores} cores, a load of {load} before the run")
    }
}

fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output =
            Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok()
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    // The results themselves are written by this program.
    let changed = git(&["status", "--porcelain", "--", ":/", ":!/bench/results", ":!/bench/RESULTS.md"])?;
    Some(format!("{}{}", commit.trim(), if changed.is_empty() { "" } else { ", with changes" }))
}

/// The versions of `packages` in the lockfile of the benches.
pub(super) fn versions(packages: &[&str]) -> BTreeMap<String, String> {
    let lockfile = include_str!("../../Cargo.lock");
    let value = |line: &str, key: &str| {
        line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"').map(str::to_owned)
    };
    let mut versions = BTreeMap::new();
    let mut package = None;
    for line in lockfile.lines() {
        package = value(line, "name").or(package);
        if let (Some(name), Some(version)) = (&package, value(line, "version"))
            && packages.contains(&name.as_str())
        {
            // Of several the newest counts, which comes last.
            versions.insert(name.clone(), version);
        }
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_lockfile() {
        let versions = versions(&["tokio", "futures"]);
        assert_eq!(versions.keys().collect::<Vec<_>>(), ["futures", "tokio"]);
        assert!(versions["tokio"].starts_with("1."));
    }
}
