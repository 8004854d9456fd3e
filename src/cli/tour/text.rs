//! How things are put: one line each, the figure first, then what it says.

use std::{fmt::Display, fmt::Write, time::Duration};

use console::style;

use super::{
    Chapter, Options,
    record::{Claim, Failures},
};
use crate::cli::screen::Screen;

pub(super) fn title(options: &Options) -> String {
    let Options { runtime, cores, .. } = options;
    let build =
        if cfg!(debug_assertions) { "debug build: add --release for real figures" } else { "release build" };
    let cores = number_of(*cores as u64, "core");
    let version = env!("CARGO_PKG_VERSION");
    format!("{} {version} on {runtime}, {cores}, {build}", style("seaworthy").bold())
}

pub(super) fn heading(chapter: &Chapter) -> String {
    let Chapter { number, name, shows: [first, second], .. } = chapter;
    let name = style(format!("{number}  {}", name.replace('-', " "))).bold().cyan();
    format!("\n{name}\n   {}\n   {}", style(first).dim(), style(second).dim())
}

pub(super) fn scene(text: impl Display) -> String {
    format!("\n   {}", style(text).bold())
}

/// A mark, a figure flush right, and what it says.
fn line(mark: &str, mark_width: usize, figure: &dyn Display, text: &dyn Display) -> String {
    let padding = " ".repeat(2_usize.saturating_sub(mark_width));
    format!("   {mark}{padding}{}  {text}", style(format!("{:>11}", figure.to_string())).bold())
}

pub(super) fn fact(figure: &dyn Display, text: &dyn Display) -> String {
    line("", 0, figure, text)
}

/// Indented below the text of the line before, in lines of a readable width.
pub(super) fn note(text: impl Display) -> String {
    const WIDTH: usize = 90;
    let mut lines = vec![String::new()];
    for word in text.to_string().split(' ') {
        let last = lines.last().map_or(0, |line| console::measure_text_width(line));
        if last > 0 && last + word.len() >= WIDTH {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    let lines: Vec<_> =
        lines.iter().map(|line| style(format!("{:18}{line}", "")).dim().to_string()).collect();
    lines.join("\n")
}

pub(super) fn claim(claim: &Claim, screen: &Screen) -> String {
    let Claim { held, figure, text, needs } = claim;
    let mark = screen.mark(*held);
    let line = line(&mark, console::measure_text_width(&mark), figure, text);
    if *held { line } else { format!("{line}\n{}", style(format!("{:18}needed: {needs}", "")).red()) }
}

/// So many failures are shown by name; the rest as a number.
const SHOWN_MAX: usize = 10;

pub(super) fn failures(failures: &Failures, screen: &Screen) -> Vec<String> {
    let shown = failures.listed.iter().take(SHOWN_MAX);
    let mut lines: Vec<_> = shown
        .map(|failed| format!("   {} {}: {}", screen.mark(false), printable(&failed.path), failed.why))
        .collect();
    let more = failures.len().saturating_sub(SHOWN_MAX as u64);
    if more > 0 {
        lines.push(format!("     and {} more; --json lists up to 1,000", count(more)));
    }
    lines
}

pub(super) fn error(error: &str, screen: &Screen) -> String {
    format!("   {} the chapter did not come to its end: {error}", screen.mark(false))
}

/// A name as it may be printed: no control characters, which could play tricks on a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char }).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `1234567` as `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 file`, `2 files`.
pub(crate) fn number_of(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {what}{s}", count(number))
}

/// A duration with three digits and the unit that fits.
pub(crate) fn time(duration: Duration) -> String {
    let nanos = duration.as_nanos() as f64;
    let (value, unit) = match nanos {
        n if n < 1e3 => return format!("{n:.0} ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    format!("{} {unit}", three_digits(value))
}

/// A duration that was chosen, not measured.
pub(super) fn millis(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}

/// A number of bytes in decimal units, as disks are sold and rates are quoted.
pub(crate) fn bytes(bytes: f64) -> String {
    let (value, unit) = match bytes {
        b if b < 1e3 => return format!("{b:.0} B"),
        b if b < 1e6 => (b / 1e3, "kB"),
        b if b < 1e9 => (b / 1e6, "MB"),
        b => (b / 1e9, "GB"),
    };
    format!("{} {unit}", three_digits(value))
}

fn three_digits(value: f64) -> String {
    match value {
        v if v < 9.995 => format!("{v:.2}"),
        v if v < 99.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_put_as_people_read_them() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let times = [0, 999, 1_500, 20_049_000, 1_999_000_000].map(|nanos| time(Duration::from_nanos(nanos)));
        assert_eq!(times, ["0 ns", "999 ns", "1.50 µs", "20.0 ms", "2.00 s"]);
        assert_eq!([1, 2_000].map(|number| number_of(number, "file")), ["1 file", "2,000 files"]);
        assert_eq!([12.0, 41_234_567.0].map(bytes), ["12 B", "41.2 MB"]);
        assert_eq!(hex(b"a\xff\n"), "61ff0a");
    }

    #[test]
    fn a_name_cannot_play_tricks_on_the_terminal() {
        assert_eq!(printable("a\x1b[31m\nb é"), "a\u{fffd}[31m\u{fffd}b é");
    }
}
