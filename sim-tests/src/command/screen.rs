//! How a sweep stands: a table that is redrawn in place, or plain lines where there is no terminal.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use console::Term;

use super::{print, text};
use crate::sweep::driver::{Failure, Progress};

/// How often a pipe is told how it stands.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What shows a sweep.
#[derive(Debug)]
pub(crate) struct Screen {
    term: Term,
    is_terminal: bool,
    /// The lines that are redrawn.
    drawn: usize,
    said: Instant,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let term = Term::stdout();
        Self { is_terminal: term.features().is_attended(), term, drawn: 0, said: Instant::now() }
    }

    /// Shows how it stands.
    pub(crate) fn show(&mut self, progress: &Progress<'_>) {
        let mut news = String::new();
        for Failure { outcome, .. } in progress.news {
            let verdict = outcome.verdict.to_string();
            let first = verdict.lines().next().unwrap_or_default();
            let seed = crate::sweep::seeds::show(outcome.seed);
            writeln!(news, "failed: {} on {}, seed {seed}: {first}", outcome.scenario, outcome.engine)
                .expect("a string takes everything");
        }
        if self.is_terminal {
            let table = text::table(progress.rows, progress.elapsed);
            self.redraw(&news, &table);
        } else {
            if self.said.elapsed() >= LINE_EVERY {
                self.said = Instant::now();
                news += &text::standing(progress.rows, progress.elapsed);
            }
            if !news.is_empty() {
                print(&news);
            }
        }
    }

    /// Says what goes on besides; in a terminal only, where it is gone afterwards.
    pub(crate) fn aside(&mut self, text: &str) {
        if self.is_terminal {
            self.redraw("", text);
        }
    }

    /// Takes back what is redrawn.
    pub(crate) fn clear(&mut self) {
        if self.is_terminal {
            self.redraw("", "");
        }
    }

    /// Writes `lines` to stay, and `table` below them to be redrawn, all at once, so that nothing flickers.
    fn redraw(&mut self, lines: &str, table: &str) {
        let (height, width) = self.term.size();
        let (height, width) = (usize::from(height), usize::from(width));
        // What has scrolled out of sight cannot be redrawn: then only its end is shown.
        let all: Vec<_> = table.lines().collect();
        let visible = &all[all.len().saturating_sub(height.saturating_sub(1))..];
        let mut text = String::new();
        if self.drawn > 0 {
            write!(text, "\x1b[{}A", self.drawn).expect("a string takes everything");
        }
        text += "\r\x1b[J";
        text += lines;
        for line in visible {
            text += &console::truncate_str(line, width.saturating_sub(1), "…");
            text.push('\n');
        }
        self.drawn = visible.len();
        let _gone = self.term.write_str(&text).and_then(|()| self.term.flush());
    }
}
