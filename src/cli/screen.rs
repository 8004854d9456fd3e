//! Where text goes: results to standard output, progress and trouble to standard error.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    sync::Arc,
};

use console::style;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;
use seaworthy::rt::CancelToken;

use super::{Exit, Failure};

/// The only place that prints. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Screen(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    mode: Mode,
    quiet: bool,
    terminal: bool,
    bars: MultiProgress,
    /// Cancelled when nobody reads any more.
    closed: CancelToken,
    error: Mutex<Option<io::Error>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Text,
    Quiet,
    Json,
}

impl Screen {
    pub(crate) fn new(quiet: bool, json: bool) -> Self {
        let mode = match (json, quiet) {
            (true, _) => Mode::Json,
            (false, true) => Mode::Quiet,
            (false, false) => Mode::Text,
        };
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Self(Arc::new(Shared {
            mode,
            quiet,
            terminal: io::stdout().is_terminal(),
            bars: MultiProgress::with_draw_target(target),
            closed: CancelToken::new(),
            error: Mutex::new(None),
        }))
    }

    /// Cancelled once the reader of standard output has gone: there is no reason to go on.
    pub(crate) fn closed(&self) -> &CancelToken {
        &self.0.closed
    }

    /// A line of the story.
    pub(crate) fn line(&self, text: impl Display) {
        if self.0.mode == Mode::Text {
            self.write(&text);
        }
    }

    /// A line that also `--quiet` shows.
    pub(crate) fn result(&self, text: impl Display) {
        if self.0.mode != Mode::Json {
            self.write(&text);
        }
    }

    /// The one document of `--json`.
    pub(crate) fn document(&self, text: impl Display) {
        if self.0.mode == Mode::Json {
            self.write(&text);
        }
    }

    /// A word to whoever sits there, beside the result.
    pub(crate) fn notice(&self, text: impl Display) {
        self.suspended(|| eprintln!("{text}"));
    }

    /// The last word on standard error, where results go to standard output; `--quiet` leaves it out.
    pub(crate) fn told(&self, text: impl Display) {
        if !self.0.quiet {
            self.notice(text);
        }
    }

    /// Does `write` with the bars out of the way.
    pub(crate) fn suspended<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.bars.suspend(write)
    }

    fn write(&self, text: &dyn Display) {
        if self.0.closed.is_cancelled() {
            return;
        }
        let written = self.suspended(|| writeln!(io::stdout(), "{text}"));
        if let Err(error) = written {
            self.0.closed.cancel();
            self.0.error.lock().get_or_insert(error);
        }
    }

    /// The mark before a claim, in its colour.
    pub(crate) fn mark(&self, held: bool) -> String {
        let mark = style(self.sign(held)).bold();
        if held { mark.green().to_string() } else { mark.red().to_string() }
    }

    /// The mark before a claim: a sign on a terminal, elsewhere a word that can be searched for.
    pub(crate) fn sign(&self, held: bool) -> &'static str {
        match (held, self.0.terminal) {
            (true, true) => "✓",
            (false, true) => "✗",
            (true, false) => "ok",
            (false, false) => "FAILED",
        }
    }

    /// Progress towards a number of `what`, or without an end in sight. It is seen on a terminal only.
    pub(crate) fn progress(&self, length: Option<u64>) -> ProgressBar {
        let (bar, template) = match length {
            Some(length) => {
                (ProgressBar::new(length), "  {bar:24.cyan/dim} {human_pos}/{human_len}  {msg:.dim}")
            }
            None => (ProgressBar::new_spinner(), "  {spinner:.cyan} {human_pos}  {msg:.dim}"),
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.0.bars.add(bar).with_style(style.progress_chars("━━╌"))
    }

    /// The bytes of one transfer, below or above others. It is seen on a terminal only.
    pub(crate) fn transfer(&self, name: impl Display) -> ProgressBar {
        let template = "  {bar:24.dim} {binary_bytes:>11} {binary_bytes_per_sec:>13}  {wide_msg:.dim}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::no_length().with_style(style.progress_chars("━━╌"));
        bar.set_message(super::tour::text::printable(&name.to_string()));
        self.0.bars.add(bar)
    }

    /// The end of a command: `exit`, unless the output itself failed. A reader who left early is no failure.
    pub(crate) fn finish(&self, exit: Exit) -> Result<Exit, Failure> {
        match self.0.error.lock().take() {
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
            Some(error) => Err(Failure::output(&error)),
            None => Ok(exit),
        }
    }
}
