//! Text and numbers as they stand in a page.

use std::fmt;

/// Text of a scenario, a panic or a process: anything at all. It is shown as it is and is never markup.
pub(super) struct Text<'a>(pub(super) &'a str);

impl Text<'_> {
    /// The most bytes that are shown of one text.
    pub(super) const BYTES_MAX: usize = 8192;
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        let shown = clipped(self.0);
        for character in shown.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(character)?,
                // What would turn the direction of what follows, and odd ends of lines.
                '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    f.write_char('\u{fffd}')?;
                }
                // Colours of a terminal.
                _ if character.is_control() => f.write_char('\u{fffd}')?,
                _ => f.write_char(character)?,
            }
        }
        if shown.len() < self.0.len() {
            write!(f, " … and {} more bytes", self.0.len() - shown.len())?;
        }
        Ok(())
    }
}

/// The beginning of `text`, at most [`Text::BYTES_MAX`].
fn clipped(text: &str) -> &str {
    &text[..text.floor_char_boundary(Text::BYTES_MAX)]
}

/// Cuts a text that is too long, and says so in it.
pub(super) fn clip(text: &mut String) {
    let bytes = text.len();
    if bytes > Text::BYTES_MAX {
        text.truncate(text.floor_char_boundary(Text::BYTES_MAX - 64));
        *text += &format!(" … and {} more bytes", bytes - text.len());
    }
}

/// JSON that can stand in a `<script>`: nothing in it ends the element, opens a comment, or breaks a line of JavaScript.
/// It is the same JSON: these characters occur in strings only.
pub(super) fn script_safe(json: &str) -> String {
    json.replace('<', r"\u003c").replace('\u{2028}', r"\u2028").replace('\u{2029}', r"\u2029")
}

/// A whole number, its thousands set apart by a thin space.
pub(super) struct Whole(pub(super) u64);

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str("\u{202f}")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A time span in the unit a reader would choose.
pub(super) struct Span {
    pub(super) micros: u64,
}

impl Span {
    pub(super) fn millis(millis: u64) -> Self {
        Self { micros: millis.saturating_mul(1000) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.micros as f64 / 1e6;
        match seconds {
            _ if self.micros == 0 => f.write_str("0 s"),
            _ if seconds < 1.0 => write!(f, "{:.1} ms", seconds * 1e3),
            _ if seconds < 120.0 => write!(f, "{seconds:.1} s"),
            _ if seconds < 7200.0 => write!(f, "{:.1} min", seconds / 60.0),
            _ if seconds < 36_000_000.0 => write!(f, "{:.1} h", seconds / 3600.0),
            _ => write!(f, "{} h", Whole((seconds / 3600.0) as u64)),
        }
    }
}

/// `1 seed`, `2 seeds`.
pub(super) fn counted(count: u64, one: &str, more: &str) -> String {
    format!("{} {}", Whole(count), if count == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        let shown = Text("</script><b a='\"'>&\u{1b}[31m\u{202e}\u{61c}\u{200f}").to_string();
        assert_eq!(
            shown,
            "&lt;/script&gt;&lt;b a=&#39;&quot;&#39;&gt;&amp;\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "ä".repeat(Text::BYTES_MAX);
        let shown = Text(&long).to_string();
        assert!(shown.ends_with("… and 8192 more bytes"), "{}", &shown[shown.len() - 30..]);
    }

    #[test]
    fn numbers_and_spans_are_in_units_a_reader_would_choose() {
        assert_eq!(Whole(1_234_567).to_string(), "1\u{202f}234\u{202f}567");
        assert_eq!(Whole(12).to_string(), "12");
        let spans = [0, 250, 61_000, 600_000, 86_400_000].map(|millis| Span::millis(millis).to_string());
        assert_eq!(spans, ["0 s", "250.0 ms", "61.0 s", "10.0 min", "24.0 h"]);
    }
}
