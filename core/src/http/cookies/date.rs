//! Cookie dates, which servers write in many ways: RFC 6265, section 5.1.1.

use std::time::{Duration, SystemTime};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads a date by the tokens in it, whatever their order. What was before 1970 is 1970: it has passed either way.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        // In this order, and each is found once.
        if time.is_none() && fill(&mut time, time_of_day(token)) {
            continue;
        }
        if day.is_none() && fill(&mut day, number(token, 1, 2)) {
            continue;
        }
        if month.is_none() && fill(&mut month, month_of_year(token)) {
            continue;
        }
        if year.is_none() {
            year = number(token, 2, 4);
        }
    }
    let ((hour, minute, second), day, month, year) = (time?, day?, month?, year?);
    let year = match year {
        70..=99 => year + 1900,
        0..=69 => year + 2000,
        _ => year,
    };
    let exists = (1..=days_in(month, year)).contains(&day) && hour <= 23 && minute <= 59 && second <= 59;
    if year < 1601 || !exists {
        return None;
    }
    let days = days_since_1970(year, month, day);
    let seconds = days * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

fn fill<T>(slot: &mut Option<T>, found: Option<T>) -> bool {
    *slot = found;
    slot.is_some()
}

fn is_delimiter(c: char) -> bool {
    matches!(c, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~')
}

/// `1*2DIGIT ":" 1*2DIGIT ":" 1*2DIGIT`, and then what is no digit, if anything.
fn time_of_day(token: &str) -> Option<(u32, u32, u32)> {
    let mut fields = token.splitn(3, ':');
    let (hour, minute, second) = (fields.next()?, fields.next()?, fields.next()?);
    let whole = |field: &str| field.bytes().all(|byte| byte.is_ascii_digit());
    if !whole(hour) || !whole(minute) {
        return None;
    }
    Some((number(hour, 1, 2)?, number(minute, 1, 2)?, number(second, 1, 2)?))
}

/// So many digits, and then what is no digit, if anything.
fn number(token: &str, digits_min: usize, digits_max: usize) -> Option<u32> {
    let digits = token.bytes().take_while(u8::is_ascii_digit).count();
    if !(digits_min..=digits_max).contains(&digits) {
        return None;
    }
    token[..digits].parse().ok()
}

/// From 1.
fn month_of_year(token: &str) -> Option<u32> {
    let start = token.get(..3)?;
    (1..).zip(MONTHS).find(|(_, month)| month.eq_ignore_ascii_case(start)).map(|(i, _)| i)
}

fn days_in(month: u32, year: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Howard Hinnant's `days_from_civil`: years begin in March, so that the leap day is the last.
fn days_since_1970(year: u32, month: u32, day: u32) -> i64 {
    let (year, month, day) = (i64::from(year), i64::from(month), i64::from(day));
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}
