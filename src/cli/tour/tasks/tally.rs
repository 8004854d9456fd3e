use std::{path::PathBuf, sync::atomic::Ordering, time::Duration};

use seaworthy::task::{Report, Stats, TaskManager};
use serde_json::json;

use super::{
    Context, Outcome,
    hash::{Hashed, Meter, Root},
    pass::{URGENT, URGENT_EVERY},
    text::{bytes, count, number_of, time},
    walk::Found,
};

/// What a pass over a folder adds up, file by file, in the order of their names.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) found: Counts,
    pub(super) sample: Sample,
    hashed: u64,
    bytes: u64,
    root: Root,
    last: PathBuf,
    repeated: u64,
}

/// What the walk came upon.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) files: u64,
    folders: u64,
    symlinks: u64,
    special: u64,
    unreadable: u64,
}

impl Counts {
    pub(super) fn count(&mut self, found: &Found) {
        *match found {
            Found::File { .. } => &mut self.files,
            Found::Folder => &mut self.folders,
            Found::Symlink => &mut self.symlinks,
            Found::Special => &mut self.special,
            Found::Unreadable { .. } => &mut self.unreadable,
        } += 1;
    }
}

impl Tally {
    pub(super) fn add(&mut self, path: PathBuf, hashed: Hashed) {
        self.hashed += 1;
        self.bytes += hashed.bytes;
        self.root.add(&path, &hashed);
        // The names ascend, so one that came twice would stand beside itself.
        self.repeated += u64::from(path == self.last);
        self.last.clone_from(&path);
        self.sample.offer(path, hashed);
    }

    /// Once all tasks have ended.
    pub(super) fn close(self, tasks: &TaskManager, meter: &Meter, took: Duration) -> Passed {
        let reports = tasks.reports();
        let waits = |wanted: fn(&Report) -> bool| {
            let mut waits: Vec<_> =
                reports.iter().filter(|report| wanted(report)).filter_map(Report::queue_wait).collect();
            waits.sort_unstable();
            waits
        };
        Passed {
            took,
            stats: tasks.stats(),
            opened: meter.opened.load(Ordering::Relaxed),
            tasks_peak: meter.tasks_peak.load(Ordering::Relaxed),
            routine: waits(|report| report.priority == 0),
            urgent: waits(|report| report.priority == URGENT),
            root: self.root.hex(),
            found: self.found,
            sample: self.sample,
            bytes: self.bytes,
            hashed: self.hashed,
            repeated: self.repeated,
        }
    }
}

/// At most a thousand files, spread evenly over all, and what they were hashed to.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) files: Vec<(PathBuf, Hashed)>,
    offered: u64,
    every: u64,
}

const SAMPLE_MAX: usize = 1_000;

impl Default for Sample {
    fn default() -> Self {
        Self { files: Vec::new(), offered: 0, every: 1 }
    }
}

impl Sample {
    fn offer(&mut self, path: PathBuf, hashed: Hashed) {
        if self.offered.is_multiple_of(self.every) {
            if self.files.len() == SAMPLE_MAX {
                // Every other one goes, and from here on half as many come.
                let mut index = 0;
                self.files.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.every *= 2;
            }
            if self.offered.is_multiple_of(self.every) {
                self.files.push((path, hashed));
            }
        }
        self.offered += 1;
    }
}

/// A pass that is over.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) found: Counts,
    pub(super) sample: Sample,
    pub(super) took: Duration,
    stats: Stats,
    opened: u64,
    tasks_peak: usize,
    /// How long files waited for their turn, ascending.
    routine: Vec<Duration>,
    urgent: Vec<Duration>,
    root: String,
    bytes: u64,
    hashed: u64,
    repeated: u64,
}

impl Passed {
    pub(super) fn files_per_second(&self) -> f64 {
        self.hashed as f64 / self.took.as_secs_f64()
    }

    pub(super) fn tell(&self, cx: &Context) {
        cx.show_failures();
        self.tell_rates(cx);
        self.tell_bound(cx);
        self.tell_waits(cx);
        match &cx.options.dir {
            None => cx.fact(&self.root[..10], "root hash over all names and contents"),
            Some(_) => {
                cx.fact("root hash", &self.root);
                cx.note(format_args!("= {CHECK}"));
            }
        }
    }

    fn tell_rates(&self, cx: &Context) {
        let Self { found, .. } = self;
        let (hashed, took) = (count(self.hashed), time(self.took));
        let (sum, folders) = (bytes(self.bytes as f64), number_of(found.folders, "folder"));
        cx.fact(
            count(self.files_per_second() as u64),
            format_args!("files a second: {hashed} in {took}, {sum} in {folders}"),
        );
        cx.fact(bytes(self.bytes as f64 / self.took.as_secs_f64()), "a second");
        let skipped = found.symlinks + found.special;
        if skipped > 0 {
            let links = number_of(found.symlinks, "symbolic link");
            let special = number_of(found.special, "special file");
            cx.fact(count(skipped), format_args!("skipped: {links}, {special}"));
        }
    }

    fn tell_bound(&self, cx: &Context) {
        let Self { found, stats, .. } = self;
        let (peak, bound) = (self.tasks_peak, cx.options.concurrency);
        cx.claim(
            peak <= bound,
            format_args!("{peak} of {bound}"),
            "slots in use at the peak",
            format_args!("at most {bound}"),
        );
        let failed = stats.failed + stats.timed_out;
        let ended = stats.completed + failed;
        let once = [stats.submitted, ended, self.opened].iter().all(|number| *number == found.files);
        cx.claim(
            once && self.hashed == stats.completed && self.repeated == 0,
            count(found.files),
            format_args!(
                "files found; each opened and ended once: {} hashed, {} failed",
                count(self.hashed),
                count(failed)
            ),
            "each found, opened and ended exactly once",
        );
    }

    fn tell_waits(&self, cx: &Context) {
        let half = percentile(&self.routine, 50);
        // A folder with fewer files than slots has no queue to speak of.
        if half.is_zero() {
            return;
        }
        let most = time(percentile(&self.routine, 99));
        cx.fact(time(half), format_args!("median wait of a routine file for its turn; 99th of 100: {most}"));
        if !self.urgent.is_empty() {
            let half = time(percentile(&self.urgent, 50));
            cx.fact(half, format_args!("median wait of an urgent one, each {URGENT_EVERY}th file"));
        }
    }

    pub(super) fn outcome(&self, cx: &Context) -> Outcome {
        let Self { found, stats, .. } = self;
        let seconds = |waits, percent| percentile(waits, percent).as_secs_f64();
        Outcome {
            shown: format!("{} files hashed, {} at a time", count(self.hashed), cx.options.concurrency),
            figure: format!("{} files/s", count(self.files_per_second() as u64)),
            data: json!({
                "concurrency": cx.options.concurrency,
                "files": found.files,
                "folders": found.folders,
                "skipped": { "symlinks": found.symlinks, "special": found.special },
                "unreadable_entries": found.unreadable,
                "hashed": self.hashed,
                "failed": stats.failed,
                "timed_out": stats.timed_out,
                "bytes": self.bytes,
                "seconds": self.took.as_secs_f64(),
                "files_per_second": self.files_per_second(),
                "bytes_per_second": self.bytes as f64 / self.took.as_secs_f64(),
                "queue_wait_seconds": {
                    "routine": { "p50": seconds(&self.routine, 50), "p99": seconds(&self.routine, 99) },
                    "urgent": { "p50": seconds(&self.urgent, 50), "p99": seconds(&self.urgent, 99) },
                },
                "root_sha256": self.root,
                "root_check": CHECK,
            }),
        }
    }
}

/// What prints the same root hash, run in the folder.
const CHECK: &str = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum -z | sha256sum";

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_stays_small_and_spreads_over_all_that_was_offered() {
        let mut sample = Sample::default();
        let hashed = Hashed { sha256: [0; 32], bytes: 0, modified: None };
        for number in 0..100_000 {
            sample.offer(number.to_string().into(), hashed);
        }
        let numbers: Vec<u64> =
            sample.files.iter().map(|(path, _)| path.to_str().unwrap().parse().unwrap()).collect();
        assert!((SAMPLE_MAX / 2..=SAMPLE_MAX).contains(&numbers.len()), "{}", numbers.len());
        assert!(numbers.windows(2).all(|pair| pair[1] - pair[0] == sample.every));
        assert!(numbers.last().unwrap() + sample.every >= 100_000);
    }

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        let waits: Vec<_> = (1..=100).map(Duration::from_secs).collect();
        assert_eq!(percentile(&waits, 50), Duration::from_secs(51));
        assert_eq!(percentile(&waits, 99), Duration::from_secs(100));
        assert_eq!(percentile(&waits[..1], 99), Duration::from_secs(1));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
