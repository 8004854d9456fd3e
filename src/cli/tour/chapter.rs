use std::{fmt::Display, path::Path};

use futures::future::BoxFuture;
use seaworthy::rt::{CancelToken, Rt};
use serde_json::Value;

use super::{
    Options,
    record::{Claim, Record},
    text,
};
use crate::cli::screen::Screen;

/// A chapter of the tour.
#[derive(Debug)]
pub(crate) struct Chapter {
    pub(super) number: u8,
    pub(super) name: &'static str,
    pub(super) aliases: &'static [&'static str],
    /// What it shows, in two lines of at most 76 characters.
    pub(super) shows: [&'static str; 2],
    pub(super) run: fn(Context) -> BoxFuture<'static, anyhow::Result<Outcome>>,
}

impl Chapter {
    pub(super) fn answers_to(&self, text: &str) -> bool {
        text == self.number.to_string() || text == self.name || self.aliases.contains(&text)
    }
}

/// The last line of a chapter: what goes into the closing table, and its data for `--json`.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(super) shown: String,
    pub(super) figure: String,
    pub(super) data: Value,
}

/// What a chapter is given. It stops soon after `stop` is cancelled, and puts its things away itself.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(super) rt: Rt,
    pub(super) stop: CancelToken,
    pub(super) options: Options,
    pub(super) screen: Screen,
    record: Record,
}

impl Context {
    pub(super) fn new(rt: &Rt, stop: &CancelToken, options: &Options, screen: &Screen) -> Self {
        Self {
            rt: rt.clone(),
            stop: stop.child(),
            options: options.clone(),
            screen: screen.clone(),
            record: Record::default(),
        }
    }

    pub(super) fn record(&self) -> Record {
        self.record.clone()
    }

    /// Runs `future`, or drops it when the chapter is to stop.
    pub(super) async fn until_stopped<F: Future>(&self, future: F) -> Result<F::Output, Stopped> {
        self.stop.run_until_cancelled(future).await.ok_or(Stopped)
    }

    /// A heading within the chapter.
    pub(super) fn scene(&self, text: impl Display) {
        self.screen.line(text::scene(text));
    }

    /// Something that was measured and that nothing is claimed about.
    pub(super) fn fact(&self, figure: impl Display, text: impl Display) {
        self.screen.line(text::fact(&figure, &text));
        self.record.lock().facts.push((figure.to_string(), text.to_string()));
    }

    /// A word on the fact before it.
    pub(super) fn note(&self, text: impl Display) {
        self.screen.line(text::note(text));
    }

    /// A statement, whether it held, the figure behind it, and what the figure must be.
    pub(super) fn claim(&self, held: bool, figure: impl Display, text: impl Display, needs: impl Display) {
        let claim =
            Claim { held, figure: figure.to_string(), text: text.to_string(), needs: needs.to_string() };
        let line = text::claim(&claim, &self.screen);
        if held {
            self.screen.line(line);
        } else {
            self.screen.result(line);
        }
        self.record.lock().claims.push(claim);
    }

    /// A piece of work that failed while the rest went on.
    pub(super) fn failed(&self, path: &Path, why: impl Display) {
        self.record.lock().failures.add(path, why.to_string());
    }

    /// Shows what failed so far.
    pub(super) fn show_failures(&self) {
        for line in text::failures(&self.record.lock().failures, &self.screen) {
            self.screen.result(line);
        }
    }
}

/// The chapter was told to stop.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub(crate) struct Stopped;
