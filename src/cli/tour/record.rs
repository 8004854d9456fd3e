use std::{path::Path, sync::Arc, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use serde_json::Value;

use super::{Chapter, chapter::Outcome};

/// What a chapter has shown so far; it is there also when the chapter does not come to its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(Arc<Mutex<Shown>>);

#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) claims: Vec<Claim>,
    /// Figures and what they say.
    pub(super) facts: Vec<(String, String)>,
    pub(super) failures: Failures,
}

#[derive(Debug, Serialize)]
pub(super) struct Claim {
    pub(super) held: bool,
    pub(super) figure: String,
    #[serde(rename = "claim")]
    pub(super) text: String,
    pub(super) needs: String,
}

/// The pieces of work that failed: the first thousand by name, the rest as a number.
#[derive(Debug, Default, Serialize)]
pub(super) struct Failures {
    pub(super) listed: Vec<FailedPath>,
    pub(super) omitted: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct FailedPath {
    /// For people: what is not UTF-8 is replaced.
    pub(super) path: String,
    /// Every byte of a path that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path_hex: Option<String>,
    pub(super) why: String,
}

const LISTED_MAX: usize = 1_000;

impl Failures {
    pub(super) fn add(&mut self, path: &Path, why: String) {
        if self.listed.len() == LISTED_MAX {
            self.omitted += 1;
            return;
        }
        let path_hex = path.to_str().is_none().then(|| super::text::hex(path.as_os_str().as_encoded_bytes()));
        self.listed.push(FailedPath { path: path.to_string_lossy().into_owned(), path_hex, why });
    }

    pub(super) fn len(&self) -> u64 {
        self.listed.len() as u64 + self.omitted
    }
}

impl Record {
    pub(super) fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock()
    }

    pub(super) fn take(&self) -> Shown {
        std::mem::take(&mut self.lock())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every claim held and nothing failed.
    Held,
    Failed,
    /// It was told to stop.
    Interrupted,
}

impl Verdict {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A chapter that is over.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) chapter: &'static Chapter,
    pub(super) verdict: Verdict,
    pub(super) shown: Shown,
    /// Why it did not come to its end.
    pub(super) error: Option<String>,
    /// Its last line, or what stands for it.
    pub(super) title: String,
    pub(super) figure: String,
    pub(super) data: Value,
    pub(super) took: Duration,
}

impl Ended {
    pub(super) fn new(
        chapter: &'static Chapter,
        shown: Shown,
        outcome: anyhow::Result<Outcome>,
        stopped: bool,
        took: Duration,
    ) -> Self {
        let clean = shown.claims.iter().all(|claim| claim.held) && shown.failures.len() == 0;
        let verdict = match &outcome {
            _ if stopped => Verdict::Interrupted,
            Ok(_) if clean => Verdict::Held,
            _ => Verdict::Failed,
        };
        let (title, figure, data, error) = match outcome {
            Ok(Outcome { shown, figure, data }) => (shown, figure, data, None),
            // An interrupted chapter need not say why it did not end.
            Err(_) if stopped => ("interrupted".to_owned(), "-".to_owned(), Value::Null, None),
            Err(error) => (
                "did not come to its end".to_owned(),
                "-".to_owned(),
                Value::Null,
                Some(format!("{error:#}")),
            ),
        };
        Self { chapter, verdict, shown, error, title, figure, data, took }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tour::CHAPTERS;

    fn verdict(shown: Shown, outcome: anyhow::Result<Outcome>, stopped: bool) -> Verdict {
        Ended::new(&CHAPTERS[0], shown, outcome, stopped, Duration::ZERO).verdict
    }

    fn outcome() -> Outcome {
        Outcome { shown: String::new(), figure: String::new(), data: Value::Null }
    }

    fn claims(held: [bool; 2]) -> Shown {
        let claim = |held| Claim { held, figure: String::new(), text: String::new(), needs: String::new() };
        Shown { claims: held.map(claim).into(), ..Shown::default() }
    }

    #[test]
    fn a_chapter_holds_if_every_claim_did_and_nothing_failed() {
        assert_eq!(verdict(claims([true, true]), Ok(outcome()), false), Verdict::Held);
        assert_eq!(verdict(claims([true, false]), Ok(outcome()), false), Verdict::Failed);
        assert_eq!(verdict(claims([true, true]), Err(anyhow::anyhow!("cut short")), false), Verdict::Failed);
        assert_eq!(verdict(claims([true, true]), Ok(outcome()), true), Verdict::Interrupted);
        let mut shown = claims([true, true]);
        shown.failures.add(Path::new("file"), "gone".to_owned());
        assert_eq!(verdict(shown, Ok(outcome()), false), Verdict::Failed);
    }

    #[test]
    fn failures_beyond_the_bound_are_counted() {
        let mut failures = Failures::default();
        for _ in 0..LISTED_MAX + 5 {
            failures.add(Path::new("file"), "gone".to_owned());
        }
        assert_eq!((failures.listed.len(), failures.len()), (LISTED_MAX, LISTED_MAX as u64 + 5));
    }
}
