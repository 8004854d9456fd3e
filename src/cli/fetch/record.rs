use std::{path::PathBuf, time::Duration};

use console::style;
use seaworthy::http::{Attempt, Ending, Report, Response};
use serde_json::{Value, json};

use crate::cli::{
    Failure,
    screen::Screen,
    tour::text::{self, printable},
};

/// At most so many attempts are kept of a transfer; the rest is a number.
const ATTEMPTS_MAX: usize = 100;

/// What became of one URL.
#[derive(Debug)]
pub(super) struct Record {
    index: u64,
    pub(super) url: String,
    pub(super) path: Option<PathBuf>,
    pub(super) outcome: Outcome,
    status: Option<u16>,
    version: Option<String>,
    final_url: Option<String>,
    redirects: u32,
    attempts: Vec<Attempt>,
    attempts_made: u64,
    pub(super) bytes: u64,
    pub(super) resumed_from: u64,
    /// How often the body ended early and was taken up again.
    pub(super) broken_off: u32,
    pub(super) sha256: Option<[u8; 32]>,
    pub(super) took: Duration,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Fetched,
    /// The file was there already.
    Skipped,
    Failed(Trouble),
}

/// What, where, and what to do.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) phase: String,
    pub(super) what: String,
    pub(super) advice: &'static str,
    /// The others would fare no better.
    pub(super) is_fatal: bool,
}

impl Trouble {
    pub(super) fn new(phase: impl Into<String>, what: impl Into<String>, advice: &'static str) -> Self {
        Self { phase: phase.into(), what: what.into(), advice, is_fatal: false }
    }
}

impl Record {
    pub(super) fn new(index: u64, path: Option<PathBuf>) -> Self {
        Self {
            index,
            url: String::new(),
            path,
            outcome: Outcome::Fetched,
            status: None,
            version: None,
            final_url: None,
            redirects: 0,
            attempts: Vec::new(),
            attempts_made: 0,
            bytes: 0,
            resumed_from: 0,
            broken_off: 0,
            sha256: None,
            took: Duration::ZERO,
        }
    }

    pub(super) fn failed(mut self, trouble: Trouble) -> Self {
        self.outcome = Outcome::Failed(trouble);
        self
    }

    pub(super) fn replied(&mut self, reply: &Response) {
        self.status = Some(reply.status().as_u16());
        self.version = Some(format!("{:?}", reply.version()));
        self.final_url = Some(reply.url().to_string());
        self.add_report(reply.report());
    }

    pub(super) fn add_report(&mut self, report: &Report) {
        self.redirects = report.redirects();
        self.attempts_made += report.attempts().len() as u64;
        let room = ATTEMPTS_MAX - self.attempts.len();
        self.attempts.extend(report.attempts().iter().take(room).cloned());
    }

    /// With the time of the body.
    pub(super) fn last_report(&mut self, report: &Report) {
        if let Some((kept, last)) = self.attempts.last_mut().zip(report.last())
            && kept.started == last.started
        {
            kept.timings = last.timings;
        }
    }

    pub(super) fn into_fatal(self) -> Option<Failure> {
        match self.outcome {
            Outcome::Failed(Trouble { what, advice, is_fatal: true, .. }) => {
                let why = "what is to come would not fit either";
                Some(Failure::work(format!("all was stopped: {what}"), why, advice))
            }
            _ => None,
        }
    }

    /// One line for programs.
    pub(super) fn json(&self) -> Value {
        let (outcome, error) = match &self.outcome {
            Outcome::Fetched => ("fetched", Value::Null),
            Outcome::Skipped => ("skipped", Value::Null),
            Outcome::Failed(Trouble { phase, what, advice, .. }) => {
                ("failed", json!({ "phase": phase, "what": what, "do": advice }))
            }
        };
        json!({
            "index": self.index,
            "url": self.url,
            "outcome": outcome,
            "status": self.status,
            "version": self.version,
            "final_url": self.final_url,
            "redirects": self.redirects,
            "bytes": self.bytes,
            "resumed_from": self.resumed_from,
            "broken_off": self.broken_off,
            "sha256": self.sha256.map(|sha256| text::hex(&sha256)),
            "file": self.path.as_ref().map(|path| path.to_string_lossy()),
            "seconds": self.took.as_secs_f64(),
            "attempts_made": self.attempts_made,
            "attempts": self.attempts.iter().map(attempt).collect::<Vec<_>>(),
            "error": error,
        })
    }

    /// One line for people.
    pub(super) fn text(&self, screen: &Screen) -> String {
        let url = printable(&self.url);
        match &self.outcome {
            Outcome::Failed(Trouble { phase, what, advice, .. }) => {
                let what = printable(what);
                format!(
                    "{} {url}\n  why: {what} (phase: {phase}, after {})\n   do: {advice}",
                    screen.mark(false),
                    text::number_of(self.attempts_made, "attempt"),
                )
            }
            Outcome::Skipped => {
                let path =
                    self.path.as_ref().map_or_else(String::new, |path| path.to_string_lossy().into_owned());
                format!(
                    "{} {url}  {} is there already; --overwrite fetches it anew",
                    style("-").bold(),
                    printable(&path)
                )
            }
            Outcome::Fetched => {
                let mark = screen.mark(true);
                let status = self.status.unwrap_or_default();
                let path = self
                    .path
                    .as_ref()
                    .map_or_else(String::new, |path| format!(" -> {}", printable(&path.to_string_lossy())));
                let mut notes = String::new();
                if self.attempts_made > 1 {
                    notes = format!("  {}", text::number_of(self.attempts_made, "attempt"));
                }
                if self.resumed_from > 0 {
                    notes = format!("{notes}  from byte {} on", text::count(self.resumed_from));
                }
                let (bytes, took) = (text::bytes(self.bytes as f64), text::time(self.took));
                format!("{mark} {status} {bytes:>8} {took:>8}  {url}{path}{}", style(notes).dim())
            }
        }
    }
}

fn attempt(attempt: &Attempt) -> Value {
    let (status, failed) = match attempt.ending {
        Ending::Answered(status) => (Some(status.as_u16()), None),
        Ending::Failed(phase) => (None, Some(phase.to_string())),
        _ => (None, None),
    };
    let timings = &attempt.timings;
    json!({
        "hop": attempt.hop,
        "number": attempt.number,
        "status": status,
        "failed_in": failed,
        "reused": attempt.is_reused,
        "seconds": {
            "queue": timings.queue.as_secs_f64(),
            "dns": timings.dns.as_secs_f64(),
            "connect": timings.connect.as_secs_f64(),
            "tls": timings.tls.as_secs_f64(),
            "first_byte": timings.first_byte.as_secs_f64(),
            "total": timings.total.as_secs_f64(),
        },
        "pause_seconds": attempt.pause.map(|pause| pause.as_secs_f64()),
    })
}

/// All of them in numbers.
#[derive(Debug, Default)]
pub(super) struct Sum {
    fetched: u64,
    skipped: u64,
    failed: u64,
    retried: u64,
    bytes: u64,
    pub(super) fatal: Option<Failure>,
}

impl Sum {
    pub(super) fn add(&mut self, record: &Record) {
        match record.outcome {
            Outcome::Fetched => self.fetched += 1,
            Outcome::Skipped => self.skipped += 1,
            Outcome::Failed(_) => self.failed += 1,
        }
        self.retried += u64::from(record.attempts_made > u64::from(record.redirects) + 1);
        self.bytes += record.bytes.saturating_sub(record.resumed_from);
    }

    pub(super) fn is_clean(&self) -> bool {
        self.failed == 0
    }

    pub(super) fn progress(&self) -> String {
        let failed =
            if self.failed > 0 { format!(", {} failed", text::count(self.failed)) } else { String::new() };
        format!("{}{failed}", text::bytes(self.bytes as f64))
    }

    pub(super) fn text(&self, took: Duration, is_interrupted: bool) -> String {
        let mut parts = vec![format!("{} fetched", text::count(self.fetched))];
        for (number, what) in
            [(self.skipped, "there already"), (self.failed, "failed"), (self.retried, "tried more than once")]
        {
            if number > 0 {
                parts.push(format!("{} {what}", text::count(number)));
            }
        }
        let line =
            format!("{}, {} in {}", parts.join(", "), text::bytes(self.bytes as f64), text::time(took));
        let line = if is_interrupted { format!("interrupted: {line}; run it again to go on") } else { line };
        let line = style(line).for_stderr().bold();
        if self.failed > 0 {
            line.red()
        } else if is_interrupted {
            line.yellow()
        } else {
            line.green()
        }
        .to_string()
    }
}
