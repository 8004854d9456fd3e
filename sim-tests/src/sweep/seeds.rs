//! How seeds are written.

use std::ops::Range;

/// A seed as the runner prints it.
pub(crate) fn show(seed: u64) -> String {
    format!("{seed:#x}")
}

/// Reads `0x1f3a` or `7994`.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    number.map_err(|error| format!("`{text}` is no seed like 7994 or 0x1f3a: {error}"))
}

/// Reads `200`, for the first 200 seeds, or `100..300`.
pub(crate) fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let Some((from, to)) = text.split_once("..") else {
        return match parse(text)? {
            0 => Err("0 seeds show nothing".to_owned()),
            count => Ok(0..count),
        };
    };
    let (from, to) = (parse(from)?, parse(to)?);
    match from < to {
        true => Ok(from..to),
        false if from == to => Err(format!("`{text}` has no seed in it: the end does not belong to it")),
        false => Err(format!("`{text}` is upside down: did you mean `{to}..{from}`?")),
    }
}

/// Somewhere to begin. Short enough to be typed, and exact wherever JSON is read.
pub(crate) fn fresh() -> Result<u64, String> {
    let number = getrandom::u64().map_err(|error| format!("no random numbers to begin with: {error}"))?;
    Ok(number >> 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_read_as_it_is_shown_and_in_decimal() {
        for seed in [0, 1, 0x1f3a, u64::MAX] {
            assert_eq!(parse(&show(seed)), Ok(seed));
            assert_eq!(parse(&seed.to_string()), Ok(seed));
        }
        for wrong in ["", "0x", "seed", "-1", "0x1_0000_0000_0000_0000"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_range_is_the_right_way_up_and_not_empty() {
        assert_eq!(parse_range("200"), Ok(0..200));
        assert_eq!(parse_range("0x10..32"), Ok(16..32));
        assert!(parse_range("100..50").unwrap_err().contains("50..100"));
        for wrong in ["0", "5..5", "..", "1..", "1..2..3"] {
            assert!(parse_range(wrong).is_err(), "{wrong}");
        }
    }
}
